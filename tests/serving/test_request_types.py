"""What a request may say follows from its model's specification, in a batch as alone."""

from __future__ import annotations

import pytest
from pydantic import ValidationError
from starlette.testclient import TestClient

from serving.app import create_app
from serving.request_types import batch_schema, name_of, request_type
from serving.settings import Settings
from training.models import MODELS


@pytest.fixture(scope="module")
def client(tmp_path_factory):
    """A scorer of a home where nothing was trained: a question that is right finds no model, and that is all."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("TIDEMARK_HOME", str(tmp_path_factory.mktemp("untrained")))
        with TestClient(create_app(Settings.from_environment({}))) as client:
            yield client


@pytest.mark.parametrize("spec", MODELS, ids=lambda spec: spec.name)
def test_a_request_may_say_what_its_model_reads_and_what_its_task_takes(spec):
    own = {each.name for each in spec.request} | ({"level"} if spec.task.is_regression else set())
    assert set(request_type(spec).model_fields) == {"entity_id", "as_of", "features", "explain"} | own


def test_questions_of_a_batch_are_of_the_type_of_their_model():
    batch = batch_schema().kind.model_validate(
        {"requests": [{"model": "property-value", "entity_id": "1", "months_ahead": 3, "level": 0.9}]}
    )
    (question,) = batch.requests
    assert (name_of(question), question.months_ahead, question.level) == ("property_value", 3.0, 0.9)


def test_a_field_of_another_model_is_refused():
    with pytest.raises(ValidationError, match="months_ahead"):
        batch_schema().kind.model_validate(
            {"requests": [{"model": "move-probability", "entity_id": "1", "months_ahead": 3}]}
        )


GOOD = {"model": "move-probability", "entity_id": "1"}
"""By its schema; whether anybody knows the entity is another matter."""


@pytest.mark.parametrize(
    ("question", "field", "reason"),
    [
        ({"entity_id": "1"}, "model", "Field required"),
        ({"entity_id": "1", "model": "weather"}, "model", "Input should be one of 'move-probability', "),
        ({"entity_id": "x", "model": "property-value"}, "entity_id", "String should match pattern"),
        (
            {"entity_id": "1", "model": "contact-timing", "months_ahead": 3},
            "months_ahead",
            "Extra inputs are not permi",
        ),
        ([], "", "Input should be a"),
        (None, "", "Input should be a"),
    ],
)
def test_a_question_that_breaks_its_schema_is_a_problem_in_its_place(client, question, field, reason):
    reply = client.post("/v1/predict/batch", json={"requests": [GOOD, question, GOOD]})
    assert reply.status_code == 200
    first, refused, last = reply.json()["results"]
    assert (refused["status"], refused["title"], refused["field"]) == (422, "Bad request", field)
    assert refused["errors"][0]["reason"].startswith(reason)
    assert first["title"] == last["title"] == "Model not ready"


def test_questions_that_all_break_their_schema_are_as_many_problems(client):
    reply = client.post("/v1/predict/batch", json={"requests": [{"x": 1}, {}, 7]})
    assert [problem["status"] for problem in reply.json()["results"]] == [422] * 3


@pytest.mark.parametrize(
    ("body", "field"),
    [
        ("[]", ""),
        ("{", ""),
        ("{}", "requests"),
        ('{"requests": []}', "requests"),
        ('{"requests": {}}', "requests"),
        ('{"requests": [{}], "more": 1}', "more"),
        (f'{{"requests": [{", ".join(["{}"] * 1001)}]}}', "requests"),
    ],
    ids=["a list", "no JSON", "an object", "no question", "no list", "a field more", "a question more"],
)
def test_what_is_no_batch_at_all_is_one_problem(client, body, field):
    reply = client.post("/v1/predict/batch", content=body, headers={"content-type": "application/json"})
    assert (reply.status_code, reply.headers["content-type"]) == (422, "application/problem+json")
    assert field in [fault["field"] for fault in reply.json()["errors"]]


def test_numbers_that_only_python_knows_come_through_beside_a_question_that_is_refused(client):
    odd = ', {"model": "move-probability", "entity_id": "1", "features": {"session_count_7d": '
    body = f'{{"requests": [{{}}{odd}NaN}}}}{odd}{"9" * 400}}}}}]}}'
    reply = client.post("/v1/predict/batch", content=body, headers={"content-type": "application/json"})
    assert [problem["status"] for problem in reply.json()["results"]] == [422, 409, 409]


PREDICT, FEATURES = "/v1/predict/move-probability", "/v1/features/move_probability_v1"


@pytest.mark.parametrize(
    ("path", "more", "reason"),
    [
        (PREDICT, '"explain": "3"', 'explain: Input should be a valid integer, found "3"'),
        (PREDICT, '"explain": true', "explain: Input should be a valid integer, found true"),
        (PREDICT, '"explain": 2.5', "explain: Input should be a valid integer, got a number with a fractional part, found 2.5"),
        (PREDICT, '"explain": 51', "explain: Input should be less than or equal to 50, found 51"),
        (PREDICT, '"as_of": 1700000000', "as_of: Input should be a moment such as 2026-03-01T09:30:00Z, found 1700000000"),
        (PREDICT, '"as_of": "1700000000"', 'as_of: Input should be a moment such as 2026-03-01T09:30:00Z, found "1700000000"'),
        (PREDICT, '"as_of": "2026-03-01"', 'as_of: Input should be a moment such as 2026-03-01T09:30:00Z, found "2026-03-01"'),
        (PREDICT, '"as_of": true', "as_of: Input should be a moment such as 2026-03-01T09:30:00Z, found true"),
        (FEATURES, '"as_of": 0', "as_of: Input should be a moment such as 2026-03-01T09:30:00Z, found 0"),
        (PREDICT, '"features": [1, 2]', "features: Input should be an object, found a list"),
        ("/v1/predict/property-value", '"months_ahead": "3"', 'months_ahead: Input should be a valid number, found "3"'),
        ("/v1/predict/property-value", '"level": true', "level: Input should be a valid number, found true"),
    ],
)  # fmt: skip
def test_types_are_what_openapi_says_and_a_refusal_names_what_was_found(client, path, more, reason):
    body = f'{{"entity_id": "1", {more}}}'
    reply = client.post(path, content=body, headers={"content-type": "application/json"})
    assert (reply.status_code, reply.json()["detail"]) == (422, reason)


@pytest.mark.parametrize(
    "more",
    [
        '"explain": 3', '"explain": 3.0', '"as_of": null', '"as_of": "2026-03-01T09:30:00Z"', '"features": null',
        '"as_of": "2026-03-01t09:30:00.25+05:30"', '"features": {"a": 1, "b": 1.5, "c": true, "d": "x", "e": null}',
    ],
)  # fmt: skip
def test_whatever_openapi_lets_pass_is_right_by_its_form(client, more):
    body = f'{{"entity_id": "1", {more}}}'
    reply = client.post(PREDICT, content=body, headers={"content-type": "application/json"})
    assert reply.status_code == 409  # nothing is wrong with the question


def test_a_refusal_is_short_and_repeats_no_secret(client):
    body = {"entity_id": "9" * 500_000, "password": "correct horse", "x" * 100_000: 1}
    reply = client.post(PREDICT, json=body)
    assert reply.status_code == 422
    assert len(reply.content) < 2000
    assert b"correct horse" not in reply.content


@pytest.mark.parametrize(
    "stated",
    [
        "application/json; charset=utf-16",
        'application/json;charset="latin-1"',
        "application/json; charset=",
        "text/json",
    ],
)
def test_json_in_another_charset_is_refused_not_decoded_wrongly(client, stated):
    reply = client.post(PREDICT, content='{"entity_id": "1"}'.encode("utf-16"), headers={"content-type": stated})
    assert (reply.status_code, reply.json()["title"]) == (415, "Unsupported media type")
    assert "expected Content-Type: application/json, in UTF-8, found" in reply.json()["detail"]


@pytest.mark.parametrize(
    "stated", ["application/json", "application/json; charset=utf-8", 'application/json; v=1; Charset="UTF-8"']
)
def test_json_in_utf_8_may_say_so(client, stated):
    assert client.post(PREDICT, content='{"entity_id": "1"}', headers={"content-type": stated}).status_code == 409
