"""Values past their time to live: one policy, whether the present is asked about or the past."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest
from starlette.testclient import TestClient

from serving.app import create_app

LAST = datetime(2026, 7, 9, tzinfo=UTC)  # the event time of the small world's last snapshots


@pytest.fixture
def later(settings):
    """A scorer whose clock stands long after the data's end."""
    with TestClient(create_app(replace(settings, now=LAST + timedelta(days=300)))) as client:
        yield client


@pytest.mark.parametrize(
    ("model", "days", "status", "degraded"),
    [
        ("move-probability", 6, 200, None),
        ("move-probability", 10, 200, "behavioural: stale, 10.0 days old, used as last known"),
        ("move-probability", 20, 503, None),
        ("contact-timing", 20, 200, "behavioural: stale, 20.0 days old, taken as unknown"),
        ("property-value", 40, 200, "used as last known"),
        ("property-value", 100, 503, None),
    ],
)
def test_the_past_is_answered_from_old_values_as_the_present_is(later, settings, ids, model, days, status, degraded):
    entity, moment = ids[model.replace("-", "_")][0], LAST + timedelta(days=days)
    body = {"entity_id": str(entity), "as_of": moment.isoformat()}
    past = later.post(f"/v1/predict/{model}", json=body)
    with TestClient(create_app(replace(settings, now=moment))) as then:
        present = then.post(f"/v1/predict/{model}", json={"entity_id": str(entity)})
    assert (past.status_code, present.status_code) == (status, status), (past.text, present.text)
    if status == 200:
        assert past.json()["predicted_value"] == pytest.approx(present.json()["predicted_value"], rel=1e-6)
        assert past.json()["degraded"] == present.json()["degraded"]
    if degraded:
        assert any(degraded in reason for reason in past.json()["degraded"])


def test_an_entity_that_was_seen_too_long_ago_is_not_called_unseen(later, ids):
    seen = later.post(
        "/v1/predict/move-probability",
        json={"entity_id": str(ids["move_probability"][0]), "as_of": (LAST + timedelta(days=200)).isoformat()},
    )
    never = later.post("/v1/predict/move-probability", json={"entity_id": "987654321", "as_of": LAST.isoformat()})
    assert (seen.status_code, never.status_code) == (503, 404)
    assert "stale, 200.0 days old" in seen.json()["detail"]
