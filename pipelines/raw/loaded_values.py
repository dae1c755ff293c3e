"""What a first look at loaded rows should show: amounts in the wrong unit, and ids that are none.

Both keep every contract, and where nothing was loaded before there is nothing to compare with: a person must look.
"""

from __future__ import annotations

from contextlib import closing

import duckdb

from pipelines.parquet import quoted
from pipelines.raw.checks import name
from pipelines.raw.contracts import RawTable
from pipelines.raw.store import RawStore
from pipelines.raw.value_guard import is_measure

_DAYS_APART = 30
_MOST_APART = 0.001
"""The share of facts whose versions happened so far apart up to which these pass for corrections."""


def typical_amounts(store: RawStore, table: RawTable) -> str:
    """The median of each amount of a table, and what eight in ten lie within; empty without amounts."""
    columns = [column for column in table.columns if column.unit not in ("", "year") and is_measure(column)]
    rows = _rows(store, table)
    if not columns or not rows:
        return ""
    quantiles = ", ".join(f"quantile_cont({name(column.name)}, [0.1, 0.5, 0.9])" for column in columns)
    with closing(duckdb.connect()) as connection:
        (found,) = connection.execute(f"SELECT {quantiles} FROM {rows}").fetchall()
    return "; ".join(
        f"{column.name} {_shown(values[1])} {column.unit} ({_shown(values[0])} to {_shown(values[2])})"
        for column, values in zip(columns, found, strict=True)
        if values and None not in values
    )


def doubtful_ids(store: RawStore, table: RawTable) -> str:
    """A warning where rows with one key happened long apart, so that they may be of different things; else empty."""
    rows = _rows(store, table)
    if not rows or table.happened in table.key:
        return ""
    key, happened = ", ".join(map(name, table.key)), name(table.happened)
    with closing(duckdb.connect()) as connection:
        (facts, apart), *_ = connection.execute(
            f"SELECT count(*), count(*) FILTER (latest > earliest + INTERVAL {_DAYS_APART} DAY) FROM ("
            f"SELECT min({happened}) AS earliest, max({happened}) AS latest FROM {rows} GROUP BY {key})"
        ).fetchall()
    if apart <= max(5, _MOST_APART * facts):
        return ""
    return (
        f"{table.name}: {apart:,} of {facts:,} with the same {', '.join(table.key)} have versions whose "
        f"{table.happened} lies more than {_DAYS_APART} days apart. Rows with one key are versions of one thing, of "
        f"which the latest known counts: if these are different ones, {', '.join(table.key)} is no key of them. Make "
        "one, as by `key: [...]` in the mapping, and load again."
    )


def _rows(store: RawStore, table: RawTable) -> str:
    if not store.has_rows(table.name):
        return ""
    files = store.home / "raw" / table.name / "known_on=[0-9]*" / "part.parquet"
    return f"read_parquet({quoted(str(files))}, hive_partitioning = false)"


def _shown(value: float) -> str:
    return f"{value:,.0f}" if abs(value) >= 100 else f"{value:,.3g}"
