"""On-demand features beside a compiled lookup: computed by the registered function, once for each moment."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta, timezone
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pyarrow as pa
import pytest
from feast import FeatureService, FeatureStore, Field, OnDemandFeatureView, RequestSource
from feast.types import Float64, Int64, String, UnixTimestamp
from online_project import DRIVER, INSTANT, day, opened, view_of

from feature_repo.stores.wire.lookup import LookupPlan


@pytest.fixture
def store(address: str, tmp_path: Path) -> FeatureStore:
    """Two drivers, of whom one has made no trip."""
    stats = view_of(tmp_path, {"trips": Int64, "city": String, "rating": Float64})
    store = opened(tmp_path, address, [DRIVER, stats], ours=True)
    times = {name: pa.array([day(1)] * 2, INSTANT) for name in ("event", "created")}
    rows = pa.table({"driver_id": [1, 2], "trips": [10, None], "city": ["Bern", ""], "rating": [4.5, 5.0], **times})
    store._get_provider().online_store.online_write_table(store.config, stats, rows.to_batches())
    return store


def shifted(inputs: pd.DataFrame) -> pd.DataFrame:
    import pandas as pd

    return pd.DataFrame({"sum": inputs["trips"].astype(float) + inputs["bonus"], "label": inputs["city"].str.upper()})


@pytest.fixture
def with_on_demand(store: FeatureStore) -> FeatureStore:
    stats = store.get_feature_view("stats")
    request = RequestSource(name="asked", schema=[Field(name="bonus", dtype=Float64)])
    computed = OnDemandFeatureView(
        name="computed", sources=[stats, request], udf=shifted, udf_string=SHIFTED, mode="pandas",
        schema=[Field(name="sum", dtype=Float64), Field(name="label", dtype=String)],
    )  # fmt: skip
    service = FeatureService(name="sums", features=[computed, stats[["rating"]]])
    store.apply([request, computed, service])
    return store


SHIFTED = """
import pandas as pd

def shifted(inputs):
    return pd.DataFrame({"sum": inputs["trips"].astype(float) + inputs["bonus"], "label": inputs["city"].str.upper()})
"""


def test_on_demand_features_come_from_the_request_and_what_was_read(with_on_demand: FeatureStore) -> None:
    plan = LookupPlan.compile(with_on_demand, "sums")
    assert plan.request_fields == ("bonus",)
    assert [view.name for view in plan.on_demand] == ["computed"]
    assert plan.outputs == ("sum", "label", "rating")
    rows = [{"driver_id": 1}, {"driver_id": 2}]
    found = plan.completed(plan.read(rows), {"bonus": [0.5, 1.5]})
    assert found.columns == plan.outputs
    assert found.matrix.tolist() == [[10.5, "BERN", 4.5], [None, "", 5.0]]
    asked = [{**row, "bonus": bonus} for row, bonus in zip(rows, (0.5, 1.5), strict=True)]
    told = with_on_demand.get_online_features(with_on_demand.get_feature_service("sums"), asked).to_dict()
    assert told["label"] == ["BERN", ""]
    assert told["sum"][0] == 10.5
    with pytest.raises(KeyError, match="computed is computed from the request: expected bonus"):
        plan.completed(plan.read(rows), {})


def test_on_demand_features_in_python_come_from_lists(store: FeatureStore) -> None:
    request = RequestSource(name="asked", schema=[Field(name="bonus", dtype=Float64)])
    doubled = OnDemandFeatureView(
        name="doubled", sources=[request], udf=twice, udf_string=TWICE, mode="python",
        schema=[Field(name="twice", dtype=Float64)],
    )  # fmt: skip
    store.apply([request, doubled, FeatureService(name="doubles", features=[doubled])])
    plan = LookupPlan.compile(store, "doubles")
    assert plan.join_keys == ()
    found = plan.completed(plan.read([{}, {}]), {"bonus": [1.5, None]})
    np.testing.assert_array_equal(found.matrix, [[3.0], [np.nan]])


def test_on_demand_features_of_moments_are_computed_once_for_each_moment(store: FeatureStore) -> None:
    request = RequestSource(name="moments", schema=[Field(name="moment", dtype=UnixTimestamp)])
    numbered = OnDemandFeatureView(
        name="numbered", sources=[request], udf=number, udf_string=NUMBER, mode="python",
        schema=[Field(name="hour", dtype=Int64), Field(name="place", dtype=String)],
    )  # fmt: skip
    store.apply([request, numbered, FeatureService(name="numbers", features=[numbered])])
    plan = LookupPlan.compile(store, "numbers")
    nine, ten = datetime(2026, 1, 1, 9, tzinfo=UTC), datetime(2026, 1, 1, 10, tzinfo=UTC)

    def told(*moments: datetime) -> list[list[Any]]:
        return plan.completed(plan.read([{}] * len(moments)), {"moment": moments}).matrix.tolist()

    assert told(ten, nine, ten, nine) == [[10, "0 of 2"], [9, "1 of 2"]] * 2
    assert told(nine) == [[9, "0 of 1"]]
    elsewhere = nine.astimezone(timezone(timedelta(hours=1)))
    assert elsewhere == nine
    assert told(elsewhere, elsewhere) == [[10, "0 of 2"], [10, "1 of 2"]]
    with pytest.raises(ValueError, match="numbered: expected 2 rows of moment, found another number"):
        plan.completed(plan.read([{}, {}]), {"moment": [nine]})


def number(inputs: dict[str, Any]) -> dict[str, Any]:
    moments = inputs["moment"]
    return {
        "hour": [one.hour for one in moments],
        "place": [f"{place} of {len(moments)}" for place in range(len(moments))],
    }


NUMBER = """
def number(inputs):
    moments = inputs["moment"]
    return {
        "hour": [one.hour for one in moments],
        "place": [f"{place} of {len(moments)}" for place in range(len(moments))],
    }
"""


def twice(inputs: dict[str, Any]) -> dict[str, Any]:
    return {"twice": [None if one is None else 2 * one for one in inputs["bonus"]]}


TWICE = """
def twice(inputs):
    return {"twice": [None if one is None else 2 * one for one in inputs["bonus"]]}
"""
