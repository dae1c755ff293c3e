"""From when to when the times in a row group reach, as the footer tells, without reading a row."""

from __future__ import annotations

import json
from collections.abc import Sequence
from typing import TYPE_CHECKING

import numpy as np
import pyarrow as pa
import pyarrow.dataset as ds
import pyarrow.parquet as pq

from feature_repo.stores.asof.file_names import FileListing
from feature_repo.stores.asof.instants import NEVER, Instants, Unit, instants, scaled

if TYPE_CHECKING:
    from feature_repo.stores.asof.parquet_source import RowGroup

_PER_SECOND = {"milliseconds": 10**3, "microseconds": 10**6, "nanoseconds": 10**9}
_SECONDS_A_DAY = 86_400
_ALWAYS = (NEVER, int(np.iinfo(np.int64).max))


def bounds(
    fragments: Sequence[ds.ParquetFileFragment],
    files: Sequence[FileListing],
    groups: Sequence[RowGroup],
    column: str,
    unit: Unit,
) -> tuple[Instants, Instants]:
    """The earliest and the latest time of each row group; all times where the footer does not tell."""
    found = np.full((2, len(groups)), NEVER, np.int64)
    schema: pq.ParquetSchema | None = None
    leaf, per_second = None, 0.0
    for at, group in enumerate(groups):
        footer = fragments[group.file].metadata
        if schema is None or not footer.schema.equals(schema):
            schema = footer.schema
            leaf = _leaf(schema, column)
            per_second = _ticks_per_second(schema, leaf)
        if leaf is None:
            found[:, at] = _of_the_folder(files[group.file], column, unit)
        else:
            found[:, at] = _of_the_footer(footer, group.number, leaf, per_second, unit)
    return found[0], found[1]


def _of_the_footer(footer: pq.FileMetaData, group: int, leaf: int, per_second: float, unit: Unit) -> tuple[int, int]:
    told = footer.row_group(group).column(leaf).statistics
    if not per_second or told is None or not told.has_min_max:
        return _ALWAYS
    ends = np.array([told.min_raw, told.max_raw], np.int64)
    of_unit = 10**9 if unit == "ns" else 10**6
    if per_second > of_unit:
        return _ALWAYS
    low, high = scaled(ends, round(of_unit / per_second))
    return int(low), int(high)


def _of_the_folder(file: FileListing, column: str, unit: Unit) -> tuple[int, int]:
    if column not in file.partition:
        return _ALWAYS
    try:
        (moment,) = instants(pa.chunked_array([pa.array([file.partition[column]], pa.string())]), column, unit)
    except ValueError:
        return _ALWAYS
    return int(moment), int(moment)


def _leaf(schema: pq.ParquetSchema, column: str) -> int | None:
    return next((at for at in range(len(schema)) if schema.column(at).path == column), None)


def _ticks_per_second(schema: pq.ParquetSchema, leaf: int | None) -> float:
    """How often the integers of a column of times tick; 0 for what is no such column."""
    if leaf is None:
        return 0
    told = json.loads(schema.column(leaf).logical_type.to_json())
    if told.get("Type") == "Timestamp" and schema.column(leaf).physical_type == "INT64":
        return _PER_SECOND.get(told["timeUnit"], 0)
    return 1 / _SECONDS_A_DAY if told.get("Type") == "Date" else 0
