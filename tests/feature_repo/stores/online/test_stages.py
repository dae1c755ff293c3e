"""A view whose key is a feature of another view: read in a second step, once for each key that occurs."""

from __future__ import annotations

import asyncio
from datetime import UTC, datetime, timedelta
from pathlib import Path

import numpy as np
import pytest
from feast import Entity, FeatureService, FeatureStore, ValueType
from feast.types import Float64, Int64, String
from online_project import DRIVER, day, lay, opened, view_of

from feature_repo.stores.wire.lookup import CHUNK_ROWS, LookupPlan
from feature_repo.stores.wire.lookup_result import Status

ZONE = Entity(name="zone", join_keys=["zone"], value_type=ValueType.INT64)
COUNTRY = Entity(name="country", join_keys=["country"], value_type=ValueType.STRING)
LARGE = (1 << 53) + 1
"""A key that no float holds."""


@pytest.fixture
def store(address: str, tmp_path: Path) -> FeatureStore:
    """Drivers are in a zone, zones in a country, countries have a price of petrol."""
    drivers = view_of(tmp_path, {"rating": Float64, "zone": Int64}, ttl=timedelta(days=1))
    zones = view_of(
        tmp_path, {"rain": Float64, "country": String}, name="weather", keys={"zone": Int64}, entities=[ZONE]
    )
    prices = view_of(tmp_path, {"petrol": Float64}, name="prices", keys={"country": String}, entities=[COUNTRY])
    # The led views come first: the order of a service must not matter.
    service = FeatureService(name="trip", features=[prices, zones, drivers])
    store = opened(tmp_path, address, [DRIVER, ZONE, COUNTRY, drivers, zones, prices, service], ours=True)
    lay(store, "stats", {"driver_id": [1, 2, 3], "rating": [4.5, 3.0, 2.0], "zone": [7, LARGE, None]})
    lay(store, "weather", {"zone": [7, LARGE], "rain": [0.25, 0.5], "country": ["CH", "XX"]})
    lay(store, "prices", {"country": ["CH"], "petrol": [1.8]})
    return store


def test_a_request_gives_the_first_key_alone(store):
    plan = LookupPlan.compile(store, "trip")
    assert plan.join_keys == ("driver_id",)
    assert [feature.feature for feature in plan.leading] == ["country", "zone"]
    assert plan.columns == plan.outputs == ("petrol", "rain", "country", "rating", "zone")


def test_each_key_leads_on_to_its_own_values(store):
    found = LookupPlan.compile(store, "trip").read({"driver_id": [2, 1, 1, 3, 4]}, now=day(1))
    assert found.columns == ("petrol", "rain", "country", "rating", "zone")
    assert found.column("zone").tolist() == [LARGE, 7, 7, None, None]
    assert found.column("rain").tolist() == [0.5, 0.25, 0.25, None, None]
    assert found.column("petrol").tolist() == [None, 1.8, 1.8, None, None]
    statuses = {view: [Status(each).name for each in found.statuses[view]] for view in found.views}
    assert statuses == {
        "stats": ["PRESENT", "PRESENT", "PRESENT", "PRESENT", "NOT_FOUND"],
        "weather": ["PRESENT", "PRESENT", "PRESENT", "NOT_FOUND", "NOT_FOUND"],
        "prices": ["NOT_FOUND", "PRESENT", "PRESENT", "NOT_FOUND", "NOT_FOUND"],
    }


def test_the_same_on_an_event_loop_and_in_chunks(store):
    plan = LookupPlan.compile(store, "trip")
    rows = {"driver_id": [1, 2, 3, 4] * CHUNK_ROWS}

    async def looked_up():
        found = await plan.read_async(rows, now=day(1))
        await plan.close_async()
        return found

    at_once, in_turn = plan.read(rows, now=day(1)), asyncio.run(looked_up())
    for name in plan.columns:
        assert at_once.column(name).tolist() == in_turn.column(name).tolist()
        assert at_once.column(name).tolist()[:4] == plan.read({"driver_id": [1, 2, 3, 4]}).column(name).tolist()
    assert np.array_equal(at_once.states, in_turn.states)


def test_nobody_known_leads_nowhere(store):
    found = LookupPlan.compile(store, "trip").read({"driver_id": [8, 9]}, now=datetime(2030, 1, 1, tzinfo=UTC))
    assert found.statuses["prices"].tolist() == [Status.NOT_FOUND] * 2
    assert found.column("petrol").tolist() == [None, None]


def test_keys_that_lead_to_one_another_are_refused(address: str, tmp_path: Path):
    drivers = view_of(tmp_path, {"zone": Int64}, keys={"country": String}, entities=[COUNTRY])
    zones = view_of(tmp_path, {"country": String}, name="weather", keys={"zone": Int64}, entities=[ZONE])
    service = FeatureService(name="round", features=[drivers, zones])
    store = opened(tmp_path, address, [ZONE, COUNTRY, drivers, zones, service], ours=True)
    with pytest.raises(ValueError, match="the keys of stats, weather are features of one another"):
        LookupPlan.compile(store, "round")
