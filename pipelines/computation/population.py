"""How many entities there are each day: all that have begun, and are known to have."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from functools import partial

import ibis

from pipelines.computation.days import Days
from pipelines.computation.raw_tables import RawTables
from pipelines.computation.versions import daily, versions
from pipelines.raw.contracts import RawTable


def population_of(table: RawTable) -> Callable[[RawTables, Days], Mapping[int, int]]:
    """A function that counts the entities of a raw table by the number of the day."""
    return partial(_counts, table)


def _counts(table: RawTable, raw: RawTables, days: Days) -> Mapping[int, int]:
    entities = versions(raw[table], table, days)
    intervals = entities.select(
        since=ibis.greatest(entities["shown_from"], days.start), until=ibis.least(entities["shown_until"], days.stop)
    ).filter(lambda t: t["since"] < t["until"])
    counts = daily(intervals, days).group_by("day").aggregate(entities=lambda t: t.count()).to_pyarrow()
    return dict(zip(counts["day"].to_pylist(), counts["entities"].to_pylist(), strict=True))
