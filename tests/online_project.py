"""A Feast project over one Redis, to be opened with our online store and with Feast's own."""

from __future__ import annotations

import asyncio
from collections.abc import Iterable, Mapping
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
from feast import Entity, FeatureStore, FeatureView, Field, FileSource, ValueType
from feast.data_format import ParquetFormat
from feast.repo_config import RepoConfig
from feast.types import FeastType, Int64

from feature_repo.stores.online import WireRedisOnlineStore

WIRE = "feature_repo.stores.online.WireRedisOnlineStore"
ENGINE = "feature_repo.stores.engine.WireComputeEngine"
DRIVER = Entity(name="driver", join_keys=["driver_id"], value_type=ValueType.INT64)
INSTANT = pa.timestamp("us", "UTC")


def day(number: int, **later: float) -> datetime:
    """A day of January 2024, 00:00 UTC."""
    return datetime(2024, 1, 1, tzinfo=UTC) + timedelta(days=number - 1, **later)


def view_of(
    folder: Path,
    features: Mapping[str, FeastType],
    *,
    name: str = "stats",
    keys: Mapping[str, FeastType] | None = None,
    entities: Iterable[Entity] = (DRIVER,),
    ttl: timedelta | None = None,
    created: str | None = "created",
    **more: Any,
) -> FeatureView:
    """A view of drivers, unless other entities are named, over <folder>/<name>.parquet."""
    source = FileSource(
        name=f"{name}_file",
        path=str(folder / f"{name}.parquet"),
        file_format=ParquetFormat(),
        timestamp_field="event",
        created_timestamp_column=created or "",
    )
    columns = {**({"driver_id": Int64} if keys is None else keys), **features}
    return FeatureView(
        name=name,
        entities=list(entities),
        ttl=ttl,
        source=source,
        schema=[Field(name=column, dtype=dtype) for column, dtype in columns.items()],
        **more,
    )


def write_rows(folder: Path, table: pa.Table, name: str = "stats") -> None:
    """What a view of that name finds."""
    pq.write_table(table, folder / f"{name}.parquet")


def opened(folder: Path, address: str, objects: Iterable[Any], *, ours: bool, **settings: Any) -> FeatureStore:
    """The project with our store, or with Feast's own."""
    store = FeatureStore(
        config=RepoConfig(
            repo_path=folder,
            project="project",
            provider="local",
            registry={"registry_type": "file", "path": str(folder / f"{'ours' if ours else 'stock'}.db")},
            offline_store={"type": "duckdb"},
            online_store={"type": WIRE if ours else "redis", "connection_string": address, **settings},
            batch_engine={"type": ENGINE if ours else "local"},
            entity_key_serialization_version=3,
        )
    )
    store.apply(list(objects))
    _opened.append(store)
    return store


def close_all() -> None:
    """Close the connections of the stores opened so far; those of event loops close with their tests."""
    while _opened:
        online = _opened.pop()._get_provider().online_store
        if isinstance(online, WireRedisOnlineStore):
            asyncio.run(online.close())
        elif online._client is not None:
            online._client.close()


_opened: list[FeatureStore] = []


def values_of(store: FeatureStore, features: Any, rows: list[dict[str, Any]]) -> dict[str, list[Any]]:
    """What `get_online_features` tells."""
    return store.get_online_features(features, rows).to_dict()


def lay(store: FeatureStore, view: str, columns: dict[str, Any], event: datetime = day(1)) -> None:  # noqa: B008
    rows = len(next(iter(columns.values())))
    times = {name: pa.array([event] * rows, INSTANT) for name in ("event", "created")}
    table = pa.table({**columns, **times})
    store._get_provider().online_store.online_write_table(
        store.config, store.get_feature_view(view), table.to_batches()
    )
