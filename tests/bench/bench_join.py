"""Point-in-time joins: ours beside Feast's duckdb store and beside reading the same files, each in its own process."""

from __future__ import annotations

import json
import statistics
import sys
import time
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import timedelta
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq
from feast import Entity, FeatureStore, FeatureView, Field, FileSource, ValueType
from feast.data_format import ParquetFormat
from feast.repo_config import RepoConfig
from feast.types import Float64, Int64
from watch import run

DAYS = 365
FIRST = np.datetime64("2024-01-01", "us")
MILLION = 1_000_000


@dataclass(frozen=True)
class Size:
    """A view's key, how many entities have a snapshot a day, how many features, and the days that they hold."""

    key: str
    entities: int
    features: int
    ttl_days: int


# The times to live are those of the platform's own views. Feast's store takes the longer the longer they are.
VIEWS = {
    "behaviour": Size("customer_id", 8_000, 27, 7),
    "deals": Size("customer_id", 8_000, 18, 7),
    "homes": Size("property_id", 4_000, 18, 32),
    "regions": Size("region_id", 548, 10, 62),
}
STORES = {"asof": {"type": "feature_repo.stores.offline.AsofOfflineStore"}, "duckdb": {"type": "duckdb"}}


def measure(folder: Path) -> list[dict[str, str]]:
    """A million entity rows three ways, ten million to Parquet, and a month of a year in daily partitions."""
    data = folder / "join"
    _lay_out(data)
    snapshots = sum(size.entities for size in VIEWS.values()) * DAYS
    features = sum(size.features for size in VIEWS.values())
    read = _told(data, "read", times=3)
    ours = _told(data, "asof", MILLION, times=3)
    feast = _told(data, "duckdb", MILLION)
    small = _told(data, "asof", MILLION // 10, times=3)
    small_feast = _told(data, "duckdb", MILLION // 10)
    same = _told(data, "same", 20_000)["same"]
    asked = f"{features} features of {len(VIEWS)} views, {snapshots / MILLION:.1f} M snapshots"
    rows = [
        _row(f"read the files of {asked}", f"{read['seconds']:.1f} s, {read['gb']:.2f} GB"),
        _row(
            f"1 M entity rows, {asked}: AsofOfflineStore",
            f"{ours['seconds']:.1f} s, {ours['gb']:.2f} GB; {ours['seconds'] / read['seconds']:.1f} times the reading",
            "at most 5 times the reading",
        ),
        _row(
            "the same: Feast's duckdb store",
            f"{feast['seconds']:.0f} s, {feast['gb']:.1f} GB: {feast['seconds'] / ours['seconds']:.0f} times the time, "
            f"{feast['gb'] / ours['gb']:.1f} times the memory",
            "30 times the time, 8 times the memory",
        ),
        _row("100 k entity rows: AsofOfflineStore", f"{small['seconds']:.1f} s, {small['gb']:.2f} GB"),
        _row("the same: Feast's duckdb store", f"{small_feast['seconds']:.1f} s, {small_feast['gb']:.1f} GB"),
        _row("20 k entity rows of both stores", "the same values" if same else "DIFFERENT VALUES", "the same values"),
    ]
    for count in (2.5, 5, 10):
        took = _told(data, "parquet", int(count * MILLION))
        rows.append(
            _row(
                f"{count:g} M entity rows in no order, to Parquet",
                f"{took['seconds']:.0f} s ({took['seconds'] / count:.1f} s a million), {took['gb']:.2f} GB",
                "under 4 GB, linear" if count == 10 else "",
            )
        )
    return rows + _month(data)


def _month(data: Path) -> list[dict[str, str]]:
    year, month = (_told(data, "days", MILLION // 10, span, times=3) for span in ("year", "month"))
    share = month["read_mb"] / year["read_mb"]
    return [
        _row(
            f"100 k entity rows over a year of {DAYS} folders a view",
            f"{year['seconds']:.1f} s, {year['read_mb']:.0f} MB read",
        ),
        _row(
            "100 k entity rows over one month of it",
            f"{month['seconds']:.1f} s, {month['read_mb']:.0f} MB read: {share:.0%} of the year",
            f"a month and the TTLs are {_month_share():.0%}",
        ),
    ]


def _month_share() -> float:
    """How much of the year's values a month and the days before it hold that the times to live reach back."""
    values = {name: size.entities * (size.features + 3) for name, size in VIEWS.items()}
    asked = sum(values[name] * (30 + size.ttl_days) for name, size in VIEWS.items())
    return asked / DAYS / sum(values.values())


def _row(what: str, figure: str, goal: str = "") -> dict[str, str]:
    return {"what": what, "figure": figure, "goal": goal}


def _told(data: Path, *arguments: object, times: int = 1) -> dict[str, float]:
    """What a process of its own tells; of several the median. Imports are not timed, but count as memory."""
    told = data / "told.json"
    found = []
    for _ in range(times):
        took = run(sys.executable, "-W", "ignore", __file__, str(data), str(told), *map(str, arguments))
        found.append({**json.loads(told.read_text()), "gb": took.peak_bytes / 1e9})
    return {name: statistics.median(one[name] for one in found) for name in found[0]}


def _lay_out(data: Path) -> None:
    """Each view as one file of many row groups, and once more as a folder a day."""
    if (data / "whole").exists():
        return
    chance = np.random.default_rng(1)
    for name, size in VIEWS.items():
        for number in range(DAYS):
            moment = np.full(size.entities, FIRST + np.timedelta64(number + 1, "D"))
            columns = {
                size.key: np.arange(1, size.entities + 1),
                "event_timestamp": pa.array(moment, pa.timestamp("us", "UTC")),
                "created_timestamp": pa.array(moment + np.timedelta64(3, "h"), pa.timestamp("us", "UTC")),
                **{f"{name}_{at}": chance.normal(size=size.entities) for at in range(size.features)},
            }
            folder = data / "days" / name / f"snapshot_on={FIRST.astype('datetime64[D]') + number}"
            folder.mkdir(parents=True, exist_ok=True)
            pq.write_table(pa.table(columns), folder / "part.parquet", use_dictionary=False)
        (data / "files").mkdir(exist_ok=True)
        table = pq.read_table(data / "days" / name, partitioning=None)
        pq.write_table(table, data / "files" / f"{name}.parquet", row_group_size=122_880, use_dictionary=False)
    (data / "whole").touch()


def _store(data: Path, layout: str, folder: str, kind: str) -> FeatureStore:
    config: dict[str, Any] = {
        "project": "bench",
        "provider": "local",
        "registry": f"{folder}/{kind}.db",
        "online_store": None,
        "entity_key_serialization_version": 3,
    }
    store = FeatureStore(config=RepoConfig(offline_store=STORES[kind], **config))
    keys = {key: Entity(name=key, join_keys=[key], value_type=ValueType.INT64) for key in _keys()}
    views = [
        FeatureView(
            name=name,
            entities=[keys[size.key]],
            ttl=timedelta(days=size.ttl_days),
            schema=[
                Field(name=size.key, dtype=Int64),
                *(Field(name=f"{name}_{at}", dtype=Float64) for at in range(size.features)),
            ],
            source=FileSource(
                name=name,
                path=str(data / layout / (f"{name}.parquet" if layout == "files" else name)),
                file_format=ParquetFormat(),
                timestamp_field="event_timestamp",
                created_timestamp_column="created_timestamp",
            ),
        )
        for name, size in VIEWS.items()
    ]
    store.apply([*keys.values(), *views])
    return store


def _keys() -> Mapping[str, int]:
    return {size.key: size.entities for size in VIEWS.values()}


def _asked(rows: int, first_day: int, days: int) -> pd.DataFrame:
    chance = np.random.default_rng(rows)
    seconds = chance.integers(0, days * 86_400, rows)
    moments = pd.Timestamp(FIRST, tz="UTC") + pd.Timedelta(days=first_day) + pd.to_timedelta(seconds, unit="s")
    keys = {key: chance.integers(1, count + 1, rows) for key, count in _keys().items()}
    return pd.DataFrame({**keys, "event_timestamp": moments})


def _features() -> list[str]:
    return [f"{name}:{name}_{at}" for name, size in VIEWS.items() for at in range(size.features)]


def _bytes_read() -> int:
    lines = Path("/proc/self/io").read_text().splitlines()
    return next(int(line.split()[1]) for line in lines if line.startswith("rchar"))


def _tell(data: Path, what: str, rows: int, span: str) -> dict[str, float]:
    if what == "read":
        began = time.perf_counter()
        tables = [pq.read_table(data / "files" / f"{name}.parquet", pre_buffer=False) for name in VIEWS]
        return {"seconds": time.perf_counter() - began, "rows": sum(table.num_rows for table in tables)}
    with TemporaryDirectory(dir=data) as folder:
        if what == "same":
            return {"same": float(_same(data, folder, rows))}
        layout, kind = ("days" if what == "days" else "files"), ("duckdb" if what == "duckdb" else "asof")
        store = _store(data, layout, folder, kind)
        asked = _asked(rows, *((150, 30) if span == "month" else (7, DAYS - 8)))
        before, began = _bytes_read(), time.perf_counter()
        job = store.get_historical_features(asked, _features())
        if what == "parquet":
            job.to_parquet(f"{folder}/answer.parquet")  # type: ignore[attr-defined]
        elif (table := job.to_arrow()).num_rows != rows or table.num_columns != len(_keys()) + 1 + len(_features()):
            sys.exit(f"expected {rows} rows, found {table.num_rows}")
        return {"seconds": time.perf_counter() - began, "read_mb": (_bytes_read() - before) / 1e6}


def _same(data: Path, folder: str, rows: int) -> bool:
    order = [*_keys(), "event_timestamp"]
    found = [
        _store(data, "files", folder, kind)
        .get_historical_features(_asked(rows, 7, DAYS - 8), _features())
        .to_df()
        .sort_values(order, ignore_index=True)[[*order, *(name.split(":")[1] for name in _features())]]
        for kind in STORES
    ]
    return bool((found[0].to_numpy() == found[1].to_numpy()).all())


if __name__ == "__main__":
    place, told, task, *more = sys.argv[1:]
    count = int(more[0]) if more else 0
    Path(told).write_text(json.dumps(_tell(Path(place), task, count, more[1] if len(more) > 1 else "year")))
