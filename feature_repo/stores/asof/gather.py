"""Rows of tables by number, fast: a column at a time, on all cores, null where no row is named."""

from __future__ import annotations

import os
from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.compute as pc

from feature_repo.stores.asof.newest import NO_ROW, Rows, stable_order
from feature_repo.stores.asof.parquet_source import POOL, ParquetSource
from feature_repo.stores.asof.row_groups import RowGroup, portions

# Of decoded columns held at a time; more makes nothing faster.
_BYTES_AT_A_TIME = 64 * 2**20
# Of files, for one view's features.
_OPENINGS = 32


def gathered(source: ParquetSource, columns: Sequence[str], rows: Rows) -> list[pa.ChunkedArray]:
    """The columns at rows of the source, in the order asked; `NO_ROW` gives nulls.

    Only the row groups that hold one of the rows are read. Where there are few files, a few columns at a time over all
    rows; where there are many, which cost time to open, all columns a few files at a time.
    """
    kinds = [source.type_of(name) for name in columns]
    present = rows[rows != NO_ROW]
    if not len(present) or not columns:
        return [pa.chunked_array([pa.nulls(len(rows), kind)]) for kind in kinds]
    groups = source.holding(present)
    size = sum(group.size for group in groups) * _share(source, columns[:1])
    passes = max(1, _OPENINGS // len({group.file for group in groups}))
    each = max(1, int(_BYTES_AT_A_TIME // max(size, 1)), -(-len(columns) // passes))
    parts = [columns[start : start + each] for start in range(0, len(columns), each)]
    if each * size <= _BYTES_AT_A_TIME:
        at = np.where(rows == NO_ROW, NO_ROW, _within(groups, rows))
        return [column for part in parts for column in _columns_taken(source.read(groups, part).columns, at)]
    distinct, place = _distinct(rows)
    return [column for part in parts for column in _of_portions(source, part, groups, distinct, place)]


def _of_portions(
    source: ParquetSource, columns: Sequence[str], groups: Sequence[RowGroup], distinct: Rows, place: Rows
) -> list[pa.ChunkedArray]:
    """The distinct rows are taken out of each portion first."""
    parts: list[pa.Table] = []
    done = 0
    for portion in portions_in_memory(groups, _share(source, columns)):
        upto = int(np.searchsorted(distinct, portion[-1].first + portion[-1].rows))
        within = _within(portion, distinct[done:upto])
        table = source.read(portion, columns)
        parts.append(table if len(within) == table.num_rows else taken(table, within))
        done = upto
    return _columns_taken(pa.concat_tables(parts).columns, place)


def _distinct(rows: Rows) -> tuple[Rows, Rows]:
    """The rows in ascending order, each once, and where in them each of those asked for stands."""
    present = np.flatnonzero(rows != NO_ROW)
    order = present[stable_order(rows[present])]
    ascending = rows[order]
    new = np.append(True, ascending[1:] != ascending[:-1])
    place = np.full(len(rows), NO_ROW, np.int64)
    place[order] = np.cumsum(new) - 1
    return ascending[new], place


def portions_in_memory(groups: Sequence[RowGroup], share: float) -> Iterator[list[RowGroup]]:
    """Row groups in portions of which the wanted share of the columns fits into memory comfortably."""
    return portions(groups, lambda group: group.size * share, _BYTES_AT_A_TIME)


def in_order(tables: list[pa.Table], rows: Sequence[Rows]) -> pa.Table:
    """Tables joined and put into the order of the row numbers that they bear.

    The list is emptied, and each column is freed when its copy is made: not two whole answers at a time.
    """
    numbers = np.concatenate(rows)
    order = stable_order(numbers - numbers.min()) if len(numbers) else numbers
    whole = pa.concat_tables(tables)
    schema, columns = whole.schema, whole.columns
    tables.clear()
    del whole
    return pa.Table.from_arrays(_columns_taken(columns, order), schema=schema)


def taken(table: pa.Table, rows: Rows) -> pa.Table:
    """The rows of a table by number."""
    return pa.Table.from_arrays(_columns_taken(table.columns, rows), schema=table.schema)


def _columns_taken(columns: list[pa.ChunkedArray], rows: Rows) -> list[pa.ChunkedArray]:
    missing = rows == NO_ROW
    indices = pa.array(rows, mask=missing) if missing.any() else pa.array(rows)

    def column_taken(at: int) -> pa.ChunkedArray:
        column, columns[at] = columns[at], None
        values = pc.take(column.combine_chunks(memory_pool=POOL), indices, memory_pool=POOL)
        return values if isinstance(values, pa.ChunkedArray) else pa.chunked_array([values], column.type)

    with ThreadPoolExecutor(os.cpu_count()) as pool:
        return list(pool.map(column_taken, range(len(columns))))


def _within(groups: Sequence[RowGroup], rows: npt.NDArray[np.int64]) -> Rows:
    """Where rows of the source stand in a table of these groups alone."""
    first, last = groups[0], groups[-1]
    if last.first + last.rows - first.first == sum(group.rows for group in groups):
        return rows - first.first
    firsts = np.fromiter((group.first for group in groups), np.int64, len(groups))
    lengths = np.fromiter((group.rows for group in groups), np.int64, len(groups))
    starts = np.cumsum(lengths) - lengths
    group = np.searchsorted(firsts, rows, side="right") - 1
    return rows - firsts[group] + starts[group]


def _share(source: ParquetSource, columns: Sequence[str]) -> float:
    return min(1.0, len(columns) / max(1, len(source.columns)))
