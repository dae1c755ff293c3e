"""Which of several writes is served: by their times, not by who comes last."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Callable
from datetime import datetime
from itertools import permutations
from pathlib import Path
from typing import Any

import pandas as pd
import pyarrow as pa
import pytest
from feast import FeatureStore
from feast.types import Float64, Int64
from online_project import DRIVER, INSTANT, day, opened, values_of, view_of
from redis_servers import Server

Write = Callable[[FeatureStore, list[tuple[int, int, datetime, datetime | None]]], None]


def as_table(store: FeatureStore, rows: list[tuple[int, int, datetime, datetime | None]]) -> None:
    drivers, trips, events, created = zip(*rows, strict=True)
    table = pa.table(
        {
            "driver_id": drivers,
            "trips": trips,
            "event": pa.array(events, INSTANT),
            "created": pa.array(created, INSTANT),
        }
    )
    online = store._get_provider().online_store
    online.online_write_table(store.config, store.get_feature_view("stats"), table.to_batches())


def as_frame(store: FeatureStore, rows: list[tuple[int, int, datetime, datetime | None]]) -> None:
    store.write_to_online_store("stats", pd.DataFrame(rows, columns=["driver_id", "trips", "event", "created"]))


@pytest.fixture
def stores(address: str, tmp_path: Path) -> tuple[FeatureStore, FeatureStore]:
    view = view_of(tmp_path, {"trips": Int64})
    return opened(tmp_path, address, [DRIVER, view], ours=True), opened(tmp_path, address, [DRIVER, view], ours=False)


def trips(store: FeatureStore, driver: int = 1) -> Any:
    return values_of(store, ["stats:trips"], [{"driver_id": driver}])["trips"][0]


@pytest.mark.parametrize("write", [as_table, as_frame])
@pytest.mark.parametrize(
    ("first", "second", "served"),
    [
        ((day(1), day(2)), (day(2), day(1)), 2),
        ((day(2), day(1)), (day(1), day(3)), 1),
        ((day(1), day(2)), (day(1), day(3)), 2),
        ((day(1), day(2)), (day(1), day(2)), 2),
        ((day(1), day(3)), (day(1), day(2)), 1),
        ((day(1), None), (day(1), day(2)), 2),
        ((day(1), None), (day(1), None), 2),
        ((day(1), day(2)), (day(1), None), 1),
        ((day(1, microseconds=1), day(2)), (day(1), day(3)), 1),
        ((day(1), day(2)), (day(1, microseconds=1), day(1)), 2),
        ((datetime(1950, 1, 1), day(1)), (datetime(1949, 12, 31, 23, 59, 59, 999_999), day(2)), 1),  # noqa: DTZ001
        ((datetime(1969, 12, 31, 23, 59, 59), day(1)), (datetime(1970, 1, 1), day(1)), 2),  # noqa: DTZ001
        ((datetime(1970, 1, 1), day(1)), (datetime(1970, 1, 1), day(2)), 2),  # noqa: DTZ001
        ((datetime(1970, 1, 1), day(2)), (datetime(1970, 1, 1), day(1)), 1),  # noqa: DTZ001
        ((datetime(9999, 1, 1), day(1)), (day(1), day(2)), 1),  # noqa: DTZ001
    ],
)
def test_the_newer_event_is_served_and_of_one_event_the_later_made(
    stores: tuple[FeatureStore, FeatureStore], write: Write, first: Any, second: Any, served: int
) -> None:
    ours, stock = stores
    write(ours, [(1, 1, *first)])
    write(ours, [(1, 2, *second)])
    assert trips(ours) == served
    # stock readers see the same, and not our field
    if first[0].year < 9999:
        assert trips(stock) == served


def test_a_row_without_an_event_time_is_refused(stores: tuple[FeatureStore, FeatureStore]) -> None:
    with pytest.raises(ValueError, match="expected an event time in each row, found none in 1 of 2"):
        as_frame(stores[0], [(1, 1, day(1), day(1)), (2, 1, None, day(1))])  # type: ignore[list-item]
    assert trips(stores[0]) is None


@pytest.mark.parametrize("write", [as_table, as_frame])
@pytest.mark.parametrize("order", list(permutations(range(4))))
def test_rows_of_one_write_compete_like_writes(
    stores: tuple[FeatureStore, FeatureStore], write: Write, order: tuple[int, ...]
) -> None:
    rows = [
        (1, 1, day(1), day(9)),
        (1, 2, day(2), day(3)),
        (1, 3, day(2), day(4)),
        (2, 4, day(1), day(1)),
    ]
    write(stores[0], [rows[place] for place in order])
    assert (trips(stores[0]), trips(stores[0], 2)) == (3, 4)


@pytest.mark.parametrize("write", [as_table, as_frame])
def test_of_rows_with_the_same_times_the_last_counts(stores: tuple[FeatureStore, FeatureStore], write: Write) -> None:
    write(stores[0], [(1, 1, day(1), day(1)), (1, 2, day(1), day(1))])
    assert trips(stores[0]) == 2


def test_the_correction_of_a_day_that_stock_feast_drops_is_served(stores: tuple[FeatureStore, FeatureStore]) -> None:
    ours, stock = stores
    as_frame(stock, [(1, 1, day(1), day(2))])
    as_frame(stock, [(1, 2, day(1), day(3))])
    assert trips(ours) == 1
    as_table(ours, [(1, 2, day(1), day(3))])
    assert trips(stock) == 2


def test_what_stock_feast_writes_over_ours_has_no_created_time_of_ours(
    stores: tuple[FeatureStore, FeatureStore],
) -> None:
    ours, stock = stores
    as_table(ours, [(1, 1, day(1), day(9))])
    as_frame(stock, [(1, 2, day(2), day(3))])
    assert trips(ours) == 2
    # The created time that stands in the hash is of the 1st: for the 2nd any will do.
    as_table(ours, [(1, 3, day(2), day(2))])
    assert trips(ours) == 3
    as_table(ours, [(1, 4, day(2), day(1))])
    assert trips(ours) == 3


def test_views_of_one_entity_do_not_judge_each_other(address: str, tmp_path: Path) -> None:
    views = [view_of(tmp_path, {"trips": Int64}, name=name) for name in ("stats", "stats2")]
    ours = opened(tmp_path, address, [DRIVER, *views], ours=True)
    as_table(ours, [(1, 1, day(9), day(9))])
    frame = pd.DataFrame({"driver_id": [1], "trips": [2], "event": [day(1)], "created": [day(1)]})
    ours.write_to_online_store("stats2", frame)
    told = ours.get_online_features(["stats:trips", "stats2:trips"], [{"driver_id": 1}], full_feature_names=True)
    assert told.to_dict() == {"driver_id": [1], "stats__trips": [1], "stats2__trips": [2]}


def test_skip_dedup_writes_whatever_comes_as_in_feast(address: str, tmp_path: Path) -> None:
    view = view_of(tmp_path, {"trips": Int64})
    ours = opened(tmp_path, address, [DRIVER, view], ours=True, skip_dedup=True)
    as_table(ours, [(1, 1, day(2), day(2))])
    as_table(ours, [(1, 2, day(1), day(1))])
    assert trips(ours) == 2


def test_a_view_of_many_features_is_written_whole(address: str, tmp_path: Path) -> None:
    names = [f"f{number}" for number in range(450)]
    view = view_of(tmp_path, dict.fromkeys(names, Float64))
    ours, stock = (opened(tmp_path, address, [DRIVER, view], ours=own) for own in (True, False))
    values = {name: [number / 7] for number, name in enumerate(names)}
    table = pa.table({"driver_id": [1], **values, "event": [day(1)], "created": [day(1)]})
    ours._get_provider().online_store.online_write_table(ours.config, view, table.to_batches())
    told = values_of(stock, [f"stats:{name}" for name in names], [{"driver_id": 1}])
    assert told == {"driver_id": [1], **values}


WRITER = """
import random, sys
from pathlib import Path
from datetime import timedelta
from feast.types import Int64
from online_project import DRIVER, day, opened, view_of
import pyarrow as pa, numpy as np
folder, address, seed, manner = Path(sys.argv[1]), sys.argv[2], int(sys.argv[3]), sys.argv[4]
folder.mkdir()
view = view_of(folder, {"trips": Int64, "again": Int64})
store = opened(folder, address, [DRIVER, view], ours=True)
online, draw = store._get_provider().online_store, np.random.default_rng(seed)
print("ready", flush=True)
sys.stdin.readline()
for _ in range(60):
    drivers = draw.permutation(200)
    moments = draw.integers(0, 1000, 200)
    made = draw.integers(0, 1000, 200)
    number = moments * 1000 + made
    epoch = np.datetime64(day(1).replace(tzinfo=None), "us")
    table = pa.table({
        "driver_id": drivers, "trips": number, "again": number,
        "event": pa.array(epoch + moments * 1_000_000).cast(pa.timestamp("us", "UTC")),
        "created": pa.array(epoch + made * 1_000_000).cast(pa.timestamp("us", "UTC")),
    })
    if manner == "table":
        online.online_write_table(store.config, view, table.to_batches())
    else:
        store.write_to_online_store("stats", table.to_pandas())
    for driver, one in zip(drivers.tolist(), number.tolist()):
        print(driver, one)
"""


def test_two_processes_at_once_leave_the_newest_of_both(
    address: str, tmp_path: Path, shared_server: Server, stores: tuple[FeatureStore, FeatureStore]
) -> None:
    tests = Path(__file__).parents[3]
    writers = [
        subprocess.Popen(
            [sys.executable, "-c", WRITER, tmp_path / f"writer{seed}", address, str(seed), manner],
            cwd=tests,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
        )
        for seed, manner in ((1, "table"), (2, "frame"))
    ]
    for writer in writers:
        assert writer.stdout is not None
        assert writer.stdout.readline() == "ready\n"
    newest: dict[int, int] = {}
    told = []
    for writer in writers:
        assert writer.stdin is not None
        writer.stdin.write("\n")
        writer.stdin.flush()
    for writer in writers:
        out, _ = writer.communicate(timeout=120)
        assert writer.returncode == 0
        told += [tuple(map(int, line.split())) for line in out.splitlines()]
    for driver, number in told:
        newest[driver] = max(newest.get(driver, -1), number)
    assert len(told) == 2 * 60 * 200
    view = view_of(tmp_path, {"trips": Int64, "again": Int64})
    reader = opened(tmp_path / "writer1", address, [DRIVER, view], ours=True)
    found = values_of(reader, ["stats:trips", "stats:again"], [{"driver_id": driver} for driver in newest])
    assert dict(zip(found["driver_id"], found["trips"], strict=True)) == newest
    assert found["again"] == found["trips"]
