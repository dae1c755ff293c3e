"""Several keys in a request, one of them unknown or its values old: said alike of the present and of the past."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from feast import Entity, FeatureService, FeatureStore, FeatureView, Field, FileSource, RepoConfig, ValueType
from feast.types import Float64, Int64
from online_project import WIRE, close_all
from redis_servers import Server, free_port, running

from feature_repo.stores.offline import AsofOfflineStoreConfig
from feature_repo.stores.wire.lookup import LookupPlan
from serving.feature_lookup import FeatureLookup, look_up
from serving.past_lookup import read_past
from serving.request_validation import RequestGroup, ValidRequest
from serving.schemas import PredictionRequest
from serving.serving_model import ServingModel
from training.inputs import Input, Inputs
from training.models import spec_of

NOW = datetime(2025, 1, 30, tzinfo=UTC)
MOMENT = pa.timestamp("us", "UTC")
DRIVER, ZONE, DEPOT = (
    Entity(name=name, join_keys=[f"{name}_id"], value_type=ValueType.INT64) for name in ("driver", "zone", "depot")
)
ROWS = {
    "stats": {"driver_id": [1, 2], "rating": [4.5, 3.0], "depot_id": [5, 5]},
    "weather": {"zone_id": [7], "rain": [0.25]},
    "trips": {"driver_id": [1], "zone_id": [7], "trips": [3.0]},
    "stock": {"depot_id": [5], "cars": [9.0]},
}
"""Of each view its rows, all of one moment. A driver's depot leads to the stock."""
KEYS = {"stats": [DRIVER], "weather": [ZONE], "trips": [DRIVER, ZONE], "stock": [DEPOT]}
SPEC = replace(spec_of("move_probability"), name="demand", keys=(DRIVER, ZONE))


@dataclass(frozen=True)
class ModelCard:
    """What the judging of features reads of a model's card."""

    inputs: Inputs
    when_missing: dict[str, dict[str, Any]]


@dataclass(frozen=True)
class ModelArtifact:
    card: ModelCard


def view_of(folder: Path, name: str) -> FeatureView:
    keys = [entity.join_key for entity in KEYS[name]]
    columns = {column: Int64 if column.endswith("_id") else Float64 for column in ROWS[name]}
    return FeatureView(
        name=name, entities=KEYS[name], ttl=timedelta(days=7),
        schema=[Field(name=column, dtype=dtype) for column, dtype in sorted(columns.items(), key=lambda c: c[0] not in keys)],
        source=FileSource(path=str(folder / name), timestamp_field="event_timestamp", created_timestamp_column="created_timestamp"),
    )  # fmt: skip


@pytest.fixture(scope="module")
def redis_server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    with running(Server(tmp_path_factory.mktemp("redis"), free_port(), ("--save", ""))) as server:
        yield server


@pytest.fixture
def store(redis_server: Server, tmp_path: Path) -> Iterator[FeatureStore]:
    """A project of which the snapshots are of ten days ago, in the files and online; `fresh` ones of an hour ago."""
    redis_server.client().flushall()
    views = [view_of(tmp_path, name) for name in ROWS]
    store = FeatureStore(
        config=RepoConfig(
            project="project", provider="local", registry=str(tmp_path / "registry.db"),
            offline_store=AsofOfflineStoreConfig(), entity_key_serialization_version=3,
            online_store={"type": WIRE, "connection_string": redis_server.address},
        )
    )  # fmt: skip
    store.apply([DRIVER, ZONE, DEPOT, *views, FeatureService(name="demand_v1", features=views)])
    yield store
    close_all()


def put(store: FeatureStore, folder: Path, **ages: timedelta) -> None:
    """The rows of each view, so long ago, online and in the files."""
    for name, age in ages.items():
        at = NOW - age
        times = {
            column: pa.array([at] * len(next(iter(ROWS[name].values()))), MOMENT)
            for column in ("event_timestamp", "created_timestamp")
        }
        file = folder / name / f"snapshot_on={at:%Y-%m-%d}" / "part.parquet"
        file.parent.mkdir(parents=True)
        table = pa.table({**ROWS[name], **times})
        pq.write_table(table, file)
        online = store._get_provider().online_store
        online.online_write_table(store.config, store.get_feature_view(name), table.to_batches())


def judged(store: FeatureStore, policy: dict[str, str], *, driver: int = 1, zone: int = 7) -> list[tuple[Any, ...]]:
    """What becomes of one request, about the present and about the same moment of the past."""
    own = [feature for name in ROWS for feature in ROWS[name] if not feature.endswith("_id")]
    inputs = Inputs(tuple(Input(name, view, "number") for view in ROWS for name in ROWS[view] if name in own))
    when_missing = {view: {"policy": rule, "up_to_seconds": 0.0} for view, rule in policy.items()}
    model = ServingModel(
        SPEC, "1", ModelArtifact(ModelCard(inputs, when_missing)), LookupPlan.compile(store, "demand_v1"), NOW, None
    )
    group = RequestGroup(model, [ValidRequest(PredictionRequest(), 0.0, (driver, zone), NOW, is_past=False)])

    async def present() -> FeatureLookup:
        lookup = await look_up(group)
        await model.plan.close_async()
        return lookup

    both = (asyncio.run(present()), read_past(store, group))
    return [
        (lookup.degraded[0], (fault.status, fault.detail, fault.more) if (fault := lookup.problems[0]) else None)
        for lookup in both
    ]


HOUR, TEN_DAYS = timedelta(hours=1), timedelta(days=10)


def test_one_unknown_key_among_known_ones_is_named_and_is_no_fault_of_the_store(store, tmp_path):
    put(store, tmp_path, stats=HOUR, weather=HOUR, trips=HOUR, stock=HOUR)
    expected = ((), (404, "no view knows zone_id 8", {"keys": {"zone_id": "8"}}))
    assert judged(store, {}, zone=8) == [expected, expected]


def test_a_key_whose_views_are_taken_as_unknown_may_be_unknown(store, tmp_path):
    put(store, tmp_path, stats=HOUR, weather=HOUR, trips=HOUR, stock=HOUR)
    expected = (("weather: missing, taken as unknown", "trips: missing, taken as unknown"), None)
    assert judged(store, {"weather": "default", "trips": "default"}, zone=8) == [expected, expected]


def test_a_pair_that_was_never_seen_does_not_make_its_keys_unknown(store, tmp_path):
    put(store, tmp_path, stats=HOUR, weather=HOUR, trips=HOUR, stock=HOUR)
    expected = ((), (503, "trips: missing, and demand does not answer from that", {}))
    assert judged(store, {}, driver=2) == [expected, expected]


def test_a_view_that_is_led_to_is_called_stale_in_the_past_as_in_the_present(store, tmp_path):
    put(store, tmp_path, stats=HOUR, weather=HOUR, trips=HOUR, stock=TEN_DAYS)
    expected = ((), (503, "stock: stale, 10.0 days old, and demand does not answer from that", {}))
    assert judged(store, {}) == [expected, expected]
    taken = (("stock: stale, 10.0 days old, taken as unknown",), None)
    assert judged(store, {"stock": "default"}) == [taken, taken]


def test_one_stale_view_beside_fresh_ones_is_called_stale_in_the_past_too(store, tmp_path):
    put(store, tmp_path, stats=HOUR, weather=TEN_DAYS, trips=HOUR, stock=HOUR)
    expected = ((), (503, "weather: stale, 10.0 days old, and demand does not answer from that", {}))
    assert judged(store, {}) == [expected, expected]
