"""Views whose key is a feature of another view, at moments in the past: the key leads on as it does online."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from feast import Entity, FeatureStore, FeatureView, Field, FileSource, RepoConfig, ValueType
from feast.types import Float64, Int64

from feature_repo.stores.offline import AsofOfflineStoreConfig
from training import past
from training.policy import WhenMissing

DAY = timedelta(days=1)
T = datetime(2025, 1, 30, tzinfo=UTC)
MOMENT = pa.timestamp("us", "UTC")
TYPES = {"region_id": Int64, "state_id": Int64}
SNAPSHOTS = {
    "home": (20, {"home_id": [1], "rooms": [4.0]}),
    "place": (10, {"home_id": [1], "region_id": [7]}),
    "market": (1, {"region_id": [7], "state_id": [9], "price": [100.0]}),
    "tax": (1, {"state_id": [9], "rate": [0.5]}),
}
"""Of each view how many days before T its snapshot is, and its rows: the first column is the key."""


def view(folder: Path, name: str) -> FeatureView:
    days, columns = SNAPSHOTS[name]
    moment = T - days * DAY
    file = folder / name / f"snapshot_on={moment:%Y-%m-%d}" / "part.parquet"
    file.parent.mkdir(parents=True)
    times = pa.array([moment], MOMENT)
    pq.write_table(pa.table({**columns, "event_timestamp": times, "created_timestamp": times}), file)
    key, *features = columns
    entity = Entity(name=key.removesuffix("_id"), join_keys=[key], value_type=ValueType.INT64)
    return FeatureView(
        name=name, entities=[entity], ttl=7 * DAY,
        schema=[Field(name=key, dtype=Int64), *(Field(name=each, dtype=TYPES.get(each, Float64)) for each in features)],
        source=FileSource(
            path=str(folder / name), timestamp_field="event_timestamp", created_timestamp_column="created_timestamp"
        ),
    )  # fmt: skip


@pytest.fixture
def store(tmp_path: Path) -> FeatureStore:
    return FeatureStore(
        config=RepoConfig(
            project="led",
            provider="local",
            registry=str(tmp_path / "registry.db"),
            offline_store=AsofOfflineStoreConfig(),
            entity_key_serialization_version=3,
        )
    )


def looked_up(store: FeatureStore, views: list[FeatureView], **policy: WhenMissing) -> pa.Table:
    rows = pa.table({"home_id": [1], "event_timestamp": pa.array([T], MOMENT)})
    return past.lookup(store, views, rows, policy)


def test_a_key_past_its_time_to_live_leads_on_where_its_view_is_taken_as_unknown(store, tmp_path):
    views = [view(tmp_path, name) for name in ("home", "place", "market")]
    policy = {
        "home": WhenMissing("last_known", up_to=30 * DAY),
        "place": WhenMissing("default"),
        "market": WhenMissing("default"),
    }
    features, answered = past.apply(looked_up(store, views, **policy), views, policy)
    assert answered.tolist() == [True]
    assert features.select(["rooms", "region_id", "price"]).to_pylist() == [
        {"rooms": 4.0, "region_id": None, "price": 100.0}
    ]


def test_who_was_seen_too_long_ago_is_told_from_who_never_was_although_a_key_leads_on(store, tmp_path):
    views = [view(tmp_path, name) for name in ("home", "place", "market")]
    policy = {"place": WhenMissing("default"), "market": WhenMissing("default")}
    features = looked_up(store, views, **policy)
    assert past.ages(features, "home").tolist() == [20 * 86400]
    assert past.apply(features, views, policy)[1].tolist() == [False]


@pytest.mark.parametrize("order", [("place", "market", "tax"), ("tax", "market", "place"), ("market", "tax", "place")])
def test_a_view_that_is_led_to_may_lead_on_in_whatever_order_a_service_has_them(store, tmp_path, order):
    views = [view(tmp_path, name) for name in order]
    features = looked_up(store, views, place=WhenMissing("last_known", up_to=30 * DAY))
    assert features.select(["price", "rate"]).to_pylist() == [{"price": 100.0, "rate": 0.5}]
