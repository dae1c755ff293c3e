"""How fast features are computed, validated and written, beside plain pandas on a sample."""

from __future__ import annotations

import shutil
import statistics
import sys
import time
from datetime import date, timedelta
from pathlib import Path

import ibis
import pandas as pd
from watch import TIDEMARK, Run, run

from expectations.validate import validate
from feature_repo.views import BEHAVIOURAL, SNAPSHOT_VIEWS
from pipelines.computation.days import Days
from pipelines.engine import Engine
from pipelines.raw.store import RawStore
from pipelines.raw.tables import TABLES
from pipelines.snapshots import blocks
from pipelines.transforms import pipeline_of

YEAR = Days(date(2025, 1, 1), date(2025, 12, 30))
SAMPLE_CUSTOMERS = 50
# Three lengths of history before the one day that is computed.
LENGTHS = (100, 200, 365)
MANY = 100_000


def measure(folder: Path) -> list[dict[str, str]]:
    """A year of 10,000 customers, view by view; one day of 100,000 after histories of three lengths."""
    home = _loaded(folder, "10000", "730")
    rows, total = [], 0.0
    for view in SNAPSHOT_VIEWS:
        took, count = _timed(home, view.name, YEAR)
        total += took.seconds
        rows.append(
            {
                "what": f"{view.name}, 10,000 customers x 364 days: {count:,} snapshots",
                "figure": f"{took.seconds:.1f} s, {count / took.seconds / 1e3:,.0f} k rows/s, {took.peak_bytes / 1e9:.2f} GB",
                "goal": "50 k rows/s, then 100 k; 8 GB" if view is BEHAVIOURAL else "",
            }
        )
        if view is BEHAVIOURAL:
            rate = _pandas_rate(home)
            rows.append(
                {
                    "what": f"the same columns in plain pandas, {SAMPLE_CUSTOMERS} customers, scaled",
                    "figure": f"{rate:,.0f} rows/s: {count / took.seconds / rate:,.0f} times slower",
                }
            )
    rows.append({"what": "all four views", "figure": f"{total:.0f} s", "goal": "under 300 s"})
    return rows + _one_day(folder)


def _one_day(folder: Path) -> list[dict[str, str]]:
    rows = []
    for length in LENGTHS:
        home = _loaded(folder, str(MANY), str(length))
        day = date(2024, 1, 1) + timedelta(days=length - 1)
        took = [_timed(home, "behavioural", Days(day, day))[0].seconds for _ in range(3)]
        table = next(
            block.table() for block in blocks(Engine(), RawStore(home), pipeline_of("behavioural"), Days(day, day))
        )
        validate(table, BEHAVIOURAL, day=day)
        checked = statistics.median(validate(table, BEHAVIOURAL, day=day).seconds for _ in range(3))
        seconds = statistics.median(took)
        rows.append(
            {
                "what": f"behavioural, one day of {MANY:,} customers after {length} days",
                "figure": f"{seconds:.1f} s; validated in {checked:.2f} s ({checked / seconds:.0%})",
                "goal": "30 s, the same for each length; a third",
            }
        )
        shutil.rmtree(home)
    return rows


def _loaded(folder: Path, customers: str, days: str) -> Path:
    home = folder / f"home-{customers}-{days}"
    if not (home / "raw").exists():
        world = folder / f"world-{customers}-{days}"
        if not (world / "world.json").exists():
            run(TIDEMARK, "world", "--customers", customers, "--days", days, "--out", str(world))
        run(TIDEMARK, "load", str(world), "--home", str(home))
        if customers == str(MANY):
            shutil.rmtree(world)
    return home


def _timed(home: Path, view: str, days: Days) -> tuple[Run, int]:
    """The transform alone, from raw Parquet to rows in DuckDB, in a process of its own; imports are not counted."""
    told = folder_of(home) / "timed.txt"
    took = run(sys.executable, __file__, str(home), view, str(days.first), str(days.last), str(told))
    seconds, rows = told.read_text().split()
    return Run(float(seconds), took.peak_bytes), int(rows)


def folder_of(home: Path) -> Path:
    """Where a bench keeps its notes."""
    return home.parent


def _pandas_rate(home: Path) -> float:
    """Snapshots a second of a straightforward pandas version of the behavioural counts: a loop over customers and days."""
    backend = ibis.duckdb.connect()
    engagement = next(table for table in TABLES if table.name == "engagement")
    events = RawStore(home).read(backend, engagement)
    frame = events.filter(events["customer_id"] <= SAMPLE_CUSTOMERS).to_pandas()
    ends = pd.date_range("2025-12-01", "2025-12-08", tz="UTC")
    began, rows = time.perf_counter(), 0
    for _, mine in frame.groupby("customer_id"):
        for end in ends:
            _pandas_row(mine, end)
            rows += 1
    return rows / (time.perf_counter() - began)


def _pandas_row(mine: pd.DataFrame, end: pd.Timestamp) -> dict[str, float]:
    known = mine[(mine["ingested_at"] < end) & (mine["occurred_at"] < end)]
    known = known.sort_values("ingested_at").drop_duplicates("event_id", keep="last")
    row: dict[str, float] = {}
    for days in (7, 30, 90):
        window = known[known["occurred_at"] >= end - pd.Timedelta(days=days)]
        for (channel, action), events in window.groupby(["channel", "action"]):
            row[f"{channel}_{action}_{days}"] = len(events)
            row[f"{channel}_{action}_{days}_value"] = events["value"].sum()
            row[f"{channel}_{action}_{days}_objects"] = events["object_id"].nunique()
        row[f"active_{days}"] = window["occurred_at"].dt.floor("D").nunique()
    for (channel, action), events in known.groupby(["channel", "action"]):
        row[f"{channel}_{action}_last"] = (end - events["occurred_at"].max()).total_seconds()
    return row


def main(home: str, view: str, first: str, last: str, told: str) -> None:
    """Compute one view once and write down how long it took."""
    began, rows = time.perf_counter(), 0
    for block in blocks(
        Engine(), RawStore(Path(home)), pipeline_of(view), Days(date.fromisoformat(first), date.fromisoformat(last))
    ):
        rows += sum(block.rows().values())
    Path(told).write_text(f"{time.perf_counter() - began} {rows}")


if __name__ == "__main__":
    main(*sys.argv[1:])
