"""A Feast project of one test: views over Parquet that the test has written, stock definitions, a file registry."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq
from feast import Entity, FeatureStore, FeatureView, Field, FileSource, ValueType
from feast.data_format import ParquetFormat
from feast.repo_config import RepoConfig
from feast.types import Int64

ASOF = "feature_repo.stores.offline.AsofOfflineStore"
BALANCE = ["account:balance"]
CUSTOMER = Entity(name="customer", join_keys=["customer"], value_type=ValueType.INT64)


def day(number: int, **later: float) -> datetime:
    """A day of January 2024, 00:00 UTC."""
    return datetime(2024, 1, 1, tzinfo=UTC) + timedelta(days=number - 1, **later)


def store_at(folder: Path, objects: Sequence[Any], **settings: Any) -> FeatureStore:
    """A store over an empty folder, with the objects applied."""
    store = FeatureStore(
        config=RepoConfig(
            repo_path=folder,
            project="project",
            provider="local",
            registry={"registry_type": "file", "path": str(folder / "registry.db")},
            online_store={"type": "sqlite", "path": str(folder / "online.db")},
            offline_store={"type": ASOF, **settings},
            entity_key_serialization_version=3,
        )
    )
    store.apply([CUSTOMER, *objects])
    return store


def view_of(
    path: Path | str,
    features: Mapping[str, Any] | None = None,
    *,
    name: str = "account",
    ttl: timedelta | None = None,
    created: str = "created",
    **source: Any,
) -> FeatureView:
    """A view of customers; its features are `balance` unless others are named."""
    return FeatureView(
        name=name,
        entities=[CUSTOMER],
        ttl=ttl,
        schema=[
            Field(name="customer", dtype=Int64),
            *(Field(name=feature, dtype=dtype) for feature, dtype in (features or {"balance": Int64}).items()),
        ],
        source=FileSource(
            name=f"{name}_source",
            path=str(path),
            file_format=ParquetFormat(),
            timestamp_field="event",
            created_timestamp_column=created,
            **source,
        ),
    )


def write(path: Path, rows: Sequence[tuple[Any, ...]], **options: Any) -> Path:
    """Rows of (customer, event, created, balance) as a file."""
    path.parent.mkdir(parents=True, exist_ok=True)
    pq.write_table(balances(rows), path, **options)
    return path


def balances(rows: Sequence[tuple[Any, ...]]) -> pa.Table:
    """Rows of (customer, event, created, balance)."""
    moment = pa.timestamp("us", "UTC")
    types = {"customer": pa.int64(), "event": moment, "created": moment, "balance": pa.int64()}
    return pa.table(
        {name: pa.array([row[at] for row in rows], kind) for at, (name, kind) in enumerate(types.items())},
    )


def asking(*rows: tuple[Any, datetime]) -> pd.DataFrame:
    """Entity rows of (customer, time)."""
    return pd.DataFrame({"customer": [row[0] for row in rows], "event_timestamp": [row[1] for row in rows]})


# (customer, event, created, balance): the 20 was known at once, the correction of the 1st only on the 4th.
HISTORY = [
    (1, day(1), day(1), 10),
    (1, day(2), day(5), 20),
    (1, day(1), day(4), 11),
    (2, day(1), day(1), 50),
]


def balance_of(store: FeatureStore, entities: Any, **options: Any) -> list[Any]:
    """The balances that the store answers with."""
    return store.get_historical_features(entities, BALANCE, **options).to_arrow()["balance"].to_pylist()
