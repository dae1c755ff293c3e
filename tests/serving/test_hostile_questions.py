"""A bad question harms itself alone: it is refused by name, and those beside it are answered."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from datetime import timedelta

import httpx2
import pytest
from starlette.testclient import TestClient

from serving import scorer
from serving.app import create_app

PATH = "/v1/predict/move-probability"
PROBLEM = "application/problem+json"
DIGITS = "9" * 400


@pytest.mark.parametrize(
    ("more", "field"),
    [
        ('"as_of": "9999-12-31T23:59:59-23:59"', "as_of"),
        ('"as_of": "0001-01-01T00:00:00+23:59"', "as_of"),
        (f'"features": {{"session_count_7d": {DIGITS}}}', "features.session_count_7d"),
        ('"features": {"session_count_7d": 1e39}', "features.session_count_7d"),
        ('"features": {"session_count_7d": 3.4028235677973366e38}', "features.session_count_7d"),
        ('"features": {"session_count_7d": Infinity}', "features.session_count_7d"),
        ('"features": {"session_count_7d": -1e400}', "features.session_count_7d"),
        ('"features": {"session_count_7d": NaN}', "features.session_count_7d"),
    ],
)
def test_what_no_model_can_be_given_is_refused_by_name_beside_good_answers(client, ids, more, field):
    entity = ids["move_probability"][0]
    good, bad = f'{{"entity_id": "{entity}"', f'{{"entity_id": "{entity}", {more}'
    alone = client.post(PATH, content=f"{bad}}}", headers={"content-type": "application/json"})
    assert (alone.status_code, alone.headers["content-type"]) == (422, PROBLEM)
    assert alone.json()["field"] == field
    requests = ", ".join(f'{one}, "model": "move-probability"}}' for one in (good, bad, good))
    batch = client.post(
        "/v1/predict/batch", content=f'{{"requests": [{requests}]}}', headers={"content-type": "application/json"}
    )
    first, refused, last = batch.json()["results"]
    assert (refused["status"], refused["field"]) == (422, field)
    assert first["predicted_value"] == last["predicted_value"]


@pytest.mark.parametrize("value", ["3.4028234e38", "3.4028235e38", "-3.4028235677973362e38"])
def test_the_largest_float32_is_answered_however_it_is_rounded(client, ids, value):
    body = f'{{"entity_id": "{ids["move_probability"][0]}", "features": {{"session_count_7d": {value}}}}}'
    answer = client.post(PATH, content=body, headers={"content-type": "application/json"})
    assert answer.status_code == 200
    assert 0 <= answer.json()["predicted_value"] <= 1


@pytest.fixture
def a_question_that_breaks(monkeypatch, ids):
    """A fault that nobody foresaw: whatever computes on this customer raises."""
    broken, predict = ids["move_probability"][1], scorer.predict

    def breaking(scored):
        if (broken,) in [request.keys for request in scored.matrix.lookup.group.requests]:
            raise RuntimeError("of all customers, this one")
        return predict(scored)

    monkeypatch.setattr(scorer, "predict", breaking)
    return broken


def test_an_unforeseen_fault_answers_its_own_question_alone(client, ids, a_question_that_breaks):
    asked = [{"model": "move-probability", "entity_id": str(one)} for one in ids["move_probability"][:9]]
    results = client.post("/v1/predict/batch", json={"requests": asked}).json()["results"]
    assert [one.get("status", 200) for one in results] == [200, 500, *[200] * 7]
    assert "this one" not in results[1]["detail"]  # what it was is for the log


def test_single_questions_that_go_together_do_not_fail_together(address, ids, a_question_that_breaks):
    customers = ids["move_probability"][:4] * 30

    def status(customer):
        answer = httpx2.post(f"{address}{PATH}", json={"entity_id": str(customer)})
        return customer, answer.status_code, answer.headers["content-type"]

    with ThreadPoolExecutor(16) as threads:
        answers = set(threads.map(status, customers))
    assert answers == {
        (one, 500, PROBLEM) if one == a_question_that_breaks else (one, 200, "application/json") for one in customers
    }


def test_a_clock_before_the_data_is_no_reason_to_answer(settings, ids):
    early = replace(settings, now=settings.now - timedelta(days=20))
    with TestClient(create_app(early)) as client:
        answer = client.post(PATH, json={"entity_id": str(ids["move_probability"][0])})
    assert (answer.status_code, answer.headers["content-type"]) == (503, PROBLEM)
    assert "after the scorer's clock" in answer.json()["detail"]


def test_a_fault_beyond_every_question_is_a_problem_document_with_the_requests_id(client, monkeypatch):
    def breaks(*_):
        raise RuntimeError("secret of the house")

    monkeypatch.setattr(scorer.Scorer, "predict", breaks)
    answer = client.post(PATH, json={"entity_id": "1"}, headers={"x-request-id": "mine"})
    assert (answer.status_code, answer.headers["content-type"]) == (500, PROBLEM)
    assert answer.headers["x-request-id"] == "mine"
    assert "secret" not in answer.text


@pytest.mark.parametrize("path", [PATH, "/v1/predict/batch", "/v1/features/move_probability_v1"])
def test_every_route_wants_json_by_its_media_type(client, path):
    for stated in ("text/plain", "application/x-www-form-urlencoded", ""):
        answer = client.post(path, content=b'{"entity_id": "1"}', headers={"content-type": stated})
        assert (answer.status_code, answer.headers["content-type"]) == (415, PROBLEM)
    for stated in ("application/json; charset=utf-8", "Application/JSON"):
        answer = client.post(path, content=b"{}", headers={"content-type": stated})
        assert answer.status_code == 422


def test_a_wrong_method_tells_the_right_ones(client):
    answer = client.get(PATH)
    assert (answer.status_code, answer.headers["content-type"], answer.headers["allow"]) == (405, PROBLEM, "POST")


@pytest.mark.parametrize("path", ["/health/live/", "/v1/models/", f"{PATH}/"])
def test_a_path_with_a_slash_too_many_is_no_redirect_to_a_host_that_the_caller_names(client, path):
    answer = client.request(
        "POST" if path.startswith(PATH) else "GET", path, headers={"host": "elsewhere.example"}, follow_redirects=False
    )
    assert (answer.status_code, answer.headers["content-type"]) == (404, PROBLEM)
