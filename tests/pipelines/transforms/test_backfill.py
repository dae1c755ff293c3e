"""A snapshot is a pure function of the raw rows: it does not matter in which ranges, or how often, it is made."""

from __future__ import annotations

from collections.abc import Callable
from datetime import date, datetime, timedelta
from typing import Any

import pyarrow as pa
import pyarrow.compute as pc
import pytest

from feature_repo.views import SNAPSHOT_VIEWS
from pipelines.computation.days import Days
from pipelines.computation.raw_tables import RawTables
from pipelines.raw.tables import table
from pipelines.transforms import pipeline_of

YEAR = Days(date(2024, 1, 1), date(2024, 12, 31))
# The first of a month, its neighbours, a leap day, the ends, and some days without anything particular.
SOME_DAYS = [date(2024, 1, 1) + timedelta(days=n) for n in (0, 1, 30, 31, 32, 59, 60, 120, 175, 213, 290, 364, 365)]


@pytest.mark.parametrize("view", [view.name for view in SNAPSHOT_VIEWS])
def test_a_year_at_once_gives_the_rows_of_its_days_made_alone(
    view: str, history: dict[str, Any], duckdb_tables: Callable[..., RawTables]
) -> None:
    raw = duckdb_tables(history)

    def made(days: Days, raw: RawTables = raw) -> pa.Table:
        snapshots = pipeline_of(view).transform(raw, days).to_pyarrow()
        return snapshots.sort_by([(name, "ascending") for name in ("event_timestamp", snapshots.column_names[0])])

    year = made(YEAR)
    assert year.num_rows > 100
    assert made(YEAR).equals(year)

    def part(days: Days) -> pa.Table:
        instants = [
            pa.scalar(datetime.combine(day, datetime.min.time()) + timedelta(days=1)) for day in (days.first, days.last)
        ]
        first, last = (instant.cast(pa.timestamp("us")).cast(pa.timestamp("us", "UTC")) for instant in instants)
        stands = year["event_timestamp"]
        return year.filter(pc.and_(pc.greater_equal(stands, first), pc.less_equal(stands, last)))

    blocks = [Days(date(2024, 2, 20), date(2024, 2, 26)), Days(date(2024, 5, 1), date(2024, 7, 15))]
    for days in [*(Days(day, day) for day in SOME_DAYS), *blocks]:
        assert made(days).equals(part(days)), days

    # The folders by day of becoming known let a run skip files; they must not change what it gives.
    tables = dict(raw.tables)
    in_folders = {name: rows.mutate(known_on=rows[table(name).known].date()) for name, rows in tables.items()}
    day = Days(date(2024, 5, 1), date(2024, 5, 1))
    assert made(day, RawTables(in_folders)).equals(part(day))
