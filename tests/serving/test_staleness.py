"""Data that has ended is told from data that is late."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta

import pytest
from starlette.testclient import TestClient

from serving.app import create_app
from serving.staleness import stale

SETTING = "TIDEMARK_NOW"


@pytest.mark.parametrize(
    ("days", "is_present", "names_the_setting"),
    [(3, True, False), (59, True, False), (61, True, True), (3641.5, True, True), (3641.5, False, False)],
)
def test_values_of_long_ago_lead_to_the_setting_that_stops_the_clock(days, is_present, names_the_setting):
    text = stale("behavioural", days * 86_400, is_present=is_present)
    assert text.startswith(f"behavioural: stale, {days:.1f} days old")
    assert (SETTING in text) == names_the_setting


def test_a_scorer_whose_data_ended_years_ago_names_the_setting(settings, ids):
    late = replace(settings, now=settings.now + timedelta(days=3641))
    with TestClient(create_app(late)) as client:
        found = client.post("/v1/predict/move-probability", json={"entity_id": str(ids["move_probability"][0])})
    assert found.status_code == 503
    assert "days old (if the data ended then, set the scorer's clock by TIDEMARK_NOW" in found.json()["detail"]
