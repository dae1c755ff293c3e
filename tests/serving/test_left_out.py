"""A champion that was trained without some inputs answers over HTTP, and offline as over HTTP."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime

import pandas as pd
import pytest
from starlette.testclient import TestClient

from serving.app import create_app
from training.dataset import training_set
from training.deployed import deployed
from training.feature_set import REASON, feature_set
from training.offline_scores import portfolio_model
from training.registry import Registry
from training.train import train

LEFT_OUT = {
    "move_probability": [
        # a whole view, one of two features of another, and one computed from the request
        "deal_count_total", "deal_buy_count_total", "deal_sell_count_total", "deal_value_sum_total", "deal_last_days",
        "deal_value_avg_total", "deal_gap_days_avg", "hold_years_avg", "deal_refinance_count_5y", "deal_value_trend",
        "agent_count_total", "agent_repeat_share", "agent_tenure_days", "session_count_7d", "month_sin",
    ],
    "property_value": ["property_kind", "price_per_sqft", "month_of_year", "month_sin", "month_cos"],
}  # fmt: skip


@pytest.fixture(scope="module", params=LEFT_OUT)
def model(request, served_home):
    """Serves during the tests of this module; the champion before it does afterwards."""
    name = request.param
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("TIDEMARK_HOME", str(served_home))
        registry = Registry(served_home)
        before = registry.champion(name)
        rows = training_set(name, at_most=1500, home=served_home)
        made = train(name, rows=rows, without=LEFT_OUT[name], promote=False, home=served_home)
        registry.promote(name, made.version)
        yield name
        registry.promote(name, before)


def test_it_answers_now_explained_and_in_a_batch(client, model, ids):
    path, entity = model.replace("_", "-"), str(ids[model][0])
    found = client.post(f"/v1/predict/{path}", json={"entity_id": entity, "explain": 50})
    assert found.status_code == 200, found.text
    names = {one["name"] for one in found.json()["top_features"]}
    assert names
    assert not names & set(LEFT_OUT[model])
    batch = client.post("/v1/predict/batch", json={"requests": [{"model": path, "entity_id": entity}]})
    assert batch.json()["results"][0]["predicted_value"] == found.json()["predicted_value"]


def test_what_it_reads_is_told(client, model, ids):
    told = client.get(f"/v1/models/{model.replace('_', '-')}").json()
    assert told["left_out"] == LEFT_OUT[model]
    assert not {one["name"] for one in told["inputs"]} & set(LEFT_OUT[model])
    vector = client.post(f"/v1/features/{told['service']}", json={"entity_id": str(ids[model][0])})
    assert vector.status_code == 200, vector.text
    assert not set(vector.json()["features"]) & set(LEFT_OUT[model])


def test_an_input_that_it_does_not_read_cannot_be_supposed(client, model, ids):
    body = {"entity_id": str(ids[model][0]), "features": {LEFT_OUT[model][0]: 1}}
    found = client.post(f"/v1/predict/{model.replace('_', '-')}", json=body)
    assert found.status_code == 422
    assert "has no such feature" in found.text


def test_a_portfolio_is_scored_as_over_http(client, model, ids, settings):
    moment = "2026-06-20T10:00:00+00:00"
    entities = pd.DataFrame(
        {"property_id" if model == "property_value" else "customer_id": [*ids[model][:8], 987_654_321]}
    )
    months = {"months_ahead": 6} if model == "property_value" else {}
    portfolio = feature_set(model, at=moment, entities=entities, request=months, home=settings.home)
    table = portfolio_model(model, home=settings.home).scored(portfolio).to_pylist()
    assert portfolio.unanswered == 9 - len(table)
    version = deployed(model, home=settings.home).version
    for row in table:
        body = {"entity_id": str(row[entities.columns[0]]), "as_of": moment, **months}
        found = client.post(f"/v1/predict/{model.replace('_', '-')}", json=body)
        assert found.status_code == 200, found.text
        answer = found.json()
        assert (row["model_version"], answer["model_version"]) == (version, version)
        assert row["predicted_value"] == pytest.approx(answer["predicted_value"], rel=1e-6)
        assert row.get("predicted_class") == answer["predicted_class"]
        assert row["confidence"] == pytest.approx(answer["confidence"], rel=1e-6)
        assert row["degraded"] == "; ".join(answer["degraded"]) == ""
        for view, as_of in answer["features_as_of"].items():
            assert row[f"features_as_of_{view}"] == datetime.fromisoformat(as_of["event_time"])
        if answer["interval"]:
            assert row["interval_level"] == answer["interval"]["level"]
            assert (row["interval_low"], row["interval_high"]) == pytest.approx(
                (answer["interval"]["low"], answer["interval"]["high"])
            )
    assert len(table) >= 7


def test_old_values_degrade_or_refuse_an_offline_answer_as_over_http(model, ids, settings):
    """At the last snapshot, beyond its time to live, and long after it; and of somebody whom nobody has seen."""
    entity = "property_id" if model == "property_value" else "customer_id"
    months = {"months_ahead": 6} if model == "property_value" else {}
    champion, known, stranger = portfolio_model(model, home=settings.home), ids[model][0], 987_654_321
    statuses, notes = [], []
    with TestClient(create_app(replace(settings, now=datetime(2026, 12, 31, tzinfo=UTC)))) as client:
        for day in ("2026-07-08", "2026-07-17", "2026-08-25", "2026-12-30"):
            moment, rows = f"{day}T09:00:00+00:00", pd.DataFrame({entity: [known, stranger]})
            portfolio = feature_set(
                model, at=moment, entities=rows, request=months, needed_views=champion.views, home=settings.home
            )
            degraded = {row[entity]: row["degraded"] for row in champion.scored(portfolio).to_pylist()}
            reasons = {row[entity]: row[REASON] for row in portfolio.left_out.to_pylist()}
            for each in (known, stranger):
                body = {"entity_id": str(each), "as_of": moment, **months}
                found = client.post(f"/v1/predict/{model.replace('_', '-')}", json=body)
                statuses.append(found.status_code)
                if each in degraded:
                    assert degraded[each] == "; ".join(found.json()["degraded"]), found.text
                    notes.append(degraded[each])
                else:
                    assert found.json()["detail"] == reasons[each]
    assert set(statuses) == {200, 404, 503}
    assert "" in notes
    assert any(note.endswith("used as last known") for note in notes)
