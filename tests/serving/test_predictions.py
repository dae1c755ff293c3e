"""What an application developer asks, and gets."""

from __future__ import annotations

import re
import time
from dataclasses import replace
from datetime import timedelta

import pyarrow.parquet as pq
import pytest
from starlette.testclient import TestClient

from serving.app import create_app
from training.models import model_names

MODELS = model_names()

NOW_TEXT = "2026-07-09T09:30:00Z"


def path(model: str) -> str:
    return f"/v1/predict/{model.replace('_', '-')}"


def ask(client, model, entity, **more):
    return client.post(path(model), json={"entity_id": str(entity), **more})


@pytest.mark.parametrize("model", MODELS)
def test_every_model_answers_and_explains(client, ids, model):
    found = ask(client, model, ids[model][0], explain=3)
    assert found.status_code == 200, found.text
    told = found.json()
    assert told["model"] == model
    assert len(told["top_features"]) == 3
    assert told["degraded"] == []
    assert all(view["status"] in ("PRESENT", "NULL") for view in told["features_as_of"].values())
    assert 0 <= told["confidence"] <= 1
    assert found.headers["x-request-id"]


def test_a_probability_has_a_class(client, ids):
    told = ask(client, "move_probability", ids["move_probability"][0]).json()
    assert told["predicted_class"] in ("LOW", "MEDIUM", "HIGH")
    assert told["confidence"] == max(told["predicted_value"], 1 - told["predicted_value"])


def test_the_kind_of_the_next_deal_comes_with_all_probabilities(client, ids):
    told = ask(client, "transaction_type", ids["transaction_type"][0]).json()
    assert sum(told["probabilities"].values()) == pytest.approx(1, abs=1e-5)
    assert (
        told["probabilities"][told["predicted_class"]] == told["predicted_value"] == max(told["probabilities"].values())
    )


def test_the_best_hours_come_in_order(client, ids):
    slots = ask(client, "contact_timing", ids["contact_timing"][0]).json()["slots"]
    chances = [slot["probability"] for slot in slots]
    assert len(slots) == 3
    assert chances == sorted(chances, reverse=True)


def test_a_higher_level_widens_the_interval(client, ids):
    home = ids["property_value"][0]
    narrow, wide = (ask(client, "property_value", home, level=level).json()["interval"] for level in (0.5, 0.95))
    assert wide["low"] < narrow["low"] < narrow["high"] < wide["high"]


@pytest.mark.parametrize(
    ("body", "status", "field"),
    [
        ({"entity_id": "987654321"}, 404, None),
        ({"entity_id": "Bob"}, 422, "entity_id"),
        ({}, 422, "entity_id"),
        ({"entity_id": "1", "explain": -1}, 422, "explain"),
        ({"entity_id": "1", "as_of": "2030-01-01T00:00:00Z"}, 422, "as_of"),
        ({"entity_id": "1", "features": {"shoe_size": 4}}, 422, "features.shoe_size"),
        ({"entity_id": "1", "features": {"session_count_7d": "many"}}, 422, "features.session_count_7d"),
        ({"entity_id": "1", "shoe_size": 4}, 422, "shoe_size"),
    ],
)
def test_a_bad_question_is_a_problem_that_names_its_field(client, body, status, field):
    found = client.post(path("move_probability"), json=body)
    assert (found.status_code, found.headers["content-type"]) == (status, "application/problem+json")
    told = found.json()
    assert told["status"] == status
    assert told.get("field") == field
    assert told["detail"]


def test_a_body_that_is_no_json_is_a_problem(client):
    found = client.post(path("move_probability"), content=b"{", headers={"content-type": "application/json"})
    assert (found.status_code, found.headers["content-type"]) == (422, "application/problem+json")


def test_too_large_a_body_is_refused(client):
    found = client.post(path("move_probability"), content=b" " * 2_000_000)
    assert found.status_code == 413


def test_what_if_changes_the_answer_and_nothing_else(client, ids):
    entity = ids["move_probability"][0]
    plain = ask(client, "move_probability", entity, explain=1).json()
    weightiest = plain["top_features"][0]["name"]
    if_so = {
        ask(client, "move_probability", entity, features={weightiest: value}).json()["predicted_value"]
        for value in (-1e6, 1e6)
    }
    assert if_so != {plain["predicted_value"]}
    assert ask(client, "move_probability", entity).json()["predicted_value"] == plain["predicted_value"]


def test_a_batch_answers_each_question_in_its_place(client, ids):
    asked = [
        {"model": model.replace("_", "-"), "entity_id": str(entity)} for model in MODELS for entity in ids[model][:3]
    ]
    asked.insert(5, {"model": "move-probability", "entity_id": "987654321"})
    asked.append({"model": "move-probability", "entity_id": "1", "features": {"shoe_size": 1}})
    results = client.post("/v1/predict/batch", json={"requests": asked}).json()["results"]
    assert len(results) == len(asked)
    assert (results[5]["status"], results[-1]["status"]) == (404, 422)
    for question, result in zip(asked, results, strict=True):
        if "status" not in result:
            alone = client.post(f"/v1/predict/{question['model']}", json={"entity_id": question["entity_id"]}).json()
            assert result["predicted_value"] == pytest.approx(alone["predicted_value"], rel=1e-6)


def test_more_than_a_thousand_questions_are_refused(client):
    asked = [{"model": "move-probability", "entity_id": "1"}] * 1001
    assert client.post("/v1/predict/batch", json={"requests": asked}).status_code == 422


def test_features_are_shown_as_served(client, ids):
    entity = str(ids["move_probability"][0])
    told = client.post("/v1/features/move_probability_v1", json={"entity_id": entity}).json()
    assert told["features"]["session_count_30d"] >= told["features"]["session_count_7d"] >= 0
    assert set(told["features_as_of"]) == {"behavioural", "transactional"}
    assert client.post("/v1/features/none_v1", json={"entity_id": entity}).status_code == 404


def test_old_values_are_used_for_a_while_and_then_refused(settings, ids):
    entity = ids["move_probability"][0]
    for days, status in ((8, 200), (30, 503)):
        with TestClient(create_app(replace(settings, now=settings.now + timedelta(days=days)))) as client:
            found = ask(client, "move_probability", entity)
            assert found.status_code == status
            if status == 200:
                assert "used as last known" in found.json()["degraded"][0]
            else:
                assert found.headers["retry-after"]
            # The contact model goes on without them.
            assert ask(client, "contact_timing", ids["contact_timing"][0]).status_code == 200


def test_every_answer_is_logged(client, served_home, ids):
    told = ask(client, "move_probability", ids["move_probability"][0]).json()
    deadline = time.monotonic() + 10
    while time.monotonic() < deadline:
        files = list((served_home / "predictions").glob("predicted_on=*/part-*.parquet"))
        rows = [row for file in files for row in pq.read_table(file, partitioning=None).to_pylist()]
        if kept := [row for row in rows if row["prediction_id"] == told["prediction_id"]]:
            break
        time.sleep(0.1)
    assert kept[0]["predicted_value"] == told["predicted_value"]
    assert "behavioural" in kept[0]["features_as_of"]


def test_figures_are_there_for_prometheus(client, ids):
    ask(client, "move_probability", ids["move_probability"][0])
    told = client.get("/metrics").text
    for figure in (
        "tidemark_requests_total",
        "tidemark_stage_seconds_bucket",
        "tidemark_lookups_total",
        "tidemark_log_queue",
    ):
        assert figure in told


def test_models_tell_how_they_scored(client):
    told = client.get("/v1/models").json()
    assert {one["name"] for one in told} == set(MODELS)
    assert client.get("/v1/models/property-value").json()["metrics"]["median_error"] < 0.3
    assert client.get("/v1/models/nothing").status_code == 404


def test_the_documentation_describes_every_route(client):
    described = client.get("/openapi.json").json()["paths"]
    assert {"/v1/predict/batch", "/v1/features/{service}", "/health/ready", "/metrics"} <= set(described)


def test_the_documentation_needs_nothing_from_elsewhere(client):
    page = client.get("/docs")
    assert page.status_code == 200
    assert "//" not in page.text.replace("<!DOCTYPE", "")
    scripts = re.findall(r'(?:src|href)="([^"]+)"', page.text)
    assert len(scripts) == 3
    for script in scripts:
        assert client.get(script).status_code == 200
