"""Rows of tables by number, fast: a column at a time, on all cores, null where no row is named."""

from __future__ import annotations

import os
from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor

import numpy as np
import numpy.typing as npt
import pyarrow as pa

from feature_repo.stores.asof.newest import NO_ROW, Rows, stable_order
from feature_repo.stores.asof.parquet_source import ParquetSource, RowGroup

# Of decoded columns held at a time; more makes nothing faster.
_BYTES_AT_A_TIME = 64 * 2**20


def gathered(source: ParquetSource, columns: Sequence[str], rows: Rows) -> list[pa.ChunkedArray]:
    """The columns at rows of the source, in the order asked; `NO_ROW` gives nulls.

    Only the row groups that hold one of the rows are read, some at a time, and only the rows asked for are kept.
    """
    kinds = [source.type_of(name) for name in columns]
    asked = np.flatnonzero(rows != NO_ROW)
    if not len(asked) or not columns:
        return [pa.chunked_array([pa.nulls(len(rows), kind)]) for kind in kinds]
    order = asked[stable_order(rows[asked])]
    ascending = rows[order]
    new = np.append(True, ascending[1:] != ascending[:-1])
    distinct = ascending[new]
    # Where in the distinct rows each row asked for stands.
    place = np.full(len(rows), NO_ROW, np.int64)
    place[order] = np.cumsum(new) - 1
    parts: list[pa.Table] = []
    done = 0
    for groups in portions(source.holding(distinct), _share(source, columns)):
        upto = int(np.searchsorted(distinct, groups[-1].first + groups[-1].rows))
        within = _within(groups, distinct[done:upto])
        table = source.read(groups, columns)
        if upto - done == len(distinct):
            # All in one: the distinct rows need not be taken out first.
            return _taken(table, np.where(place == NO_ROW, NO_ROW, within[place]))
        parts.append(table if len(within) == table.num_rows else _table(table, _taken(table, within)))
        done = upto
    return _taken(pa.concat_tables(parts), place)


def portions(groups: Sequence[RowGroup], share: float) -> Iterator[list[RowGroup]]:
    """Row groups in portions of which the wanted share of the columns fits into memory comfortably."""
    portion: list[RowGroup] = []
    size = 0.0
    for group in groups:
        if portion and size + group.size * share > _BYTES_AT_A_TIME:
            yield portion
            portion, size = [], 0.0
        portion.append(group)
        size += group.size * share
    if portion:
        yield portion


def in_order(tables: list[pa.Table], rows: Sequence[Rows]) -> pa.Table:
    """Tables joined and put into the order of the row numbers that they bear; the list is emptied on the way."""
    numbers = np.concatenate(rows)
    order = stable_order(numbers - numbers.min()) if len(numbers) else numbers
    return taken(pa.concat_tables(tables), order)


def taken(table: pa.Table, rows: Rows) -> pa.Table:
    """The rows of a table by number."""
    return _table(table, _taken(table, rows))


def _table(like: pa.Table, columns: list[pa.ChunkedArray]) -> pa.Table:
    return pa.Table.from_arrays(columns, schema=like.schema)


def _taken(table: pa.Table, rows: Rows) -> list[pa.ChunkedArray]:
    missing = rows == NO_ROW
    indices = pa.array(rows, mask=missing) if missing.any() else pa.array(rows)

    def one(column: pa.ChunkedArray) -> pa.ChunkedArray:
        whole = column.combine_chunks()
        taken = whole.take(indices)
        return taken if isinstance(taken, pa.ChunkedArray) else pa.chunked_array([taken], column.type)

    with ThreadPoolExecutor(os.cpu_count()) as pool:
        return list(pool.map(one, table.columns))


def _within(groups: Sequence[RowGroup], rows: npt.NDArray[np.int64]) -> Rows:
    """Where rows of the source stand in a table of these groups alone."""
    firsts = np.fromiter((group.first for group in groups), np.int64, len(groups))
    lengths = np.fromiter((group.rows for group in groups), np.int64, len(groups))
    starts = np.cumsum(lengths) - lengths
    group = np.searchsorted(firsts, rows, side="right") - 1
    return rows - firsts[group] + starts[group]


def _share(source: ParquetSource, columns: Sequence[str]) -> float:
    return min(1.0, len(columns) / max(1, len(source.columns)))
