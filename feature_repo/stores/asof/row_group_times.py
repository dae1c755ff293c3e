"""From when to when the times in a row group reach, as the footer tells, without reading a row."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import pyarrow as pa

from feature_repo.stores.asof.file_names import FileListing
from feature_repo.stores.asof.footers import ColumnTimes, Footer
from feature_repo.stores.asof.instants import NEVER, Instants, Unit, instants, scaled

_ALWAYS = (NEVER, int(np.iinfo(np.int64).max))


def bounds(
    footers: Sequence[Footer],
    files: Sequence[FileListing],
    groups: Sequence[tuple[int, int]],
    column: str,
    unit: Unit,
) -> tuple[Instants, Instants]:
    """The earliest and the latest time of each row group, which is a file's number and its own in the file.

    All times where the footer does not tell.
    """
    ends = np.full((2, len(groups)), NEVER, np.int64)
    for at, (file, number) in enumerate(groups):
        footer = footers[file]
        if times := footer.times.get(column):
            ends[:, at] = _of_the_footer(times, number, unit)
        elif column in footer.schema.names:
            ends[:, at] = _ALWAYS
        else:
            ends[:, at] = _of_the_folder(files[file], column, unit)
    return ends[0], ends[1]


def _of_the_footer(times: ColumnTimes, number: int, unit: Unit) -> tuple[int, int]:
    ends, of_unit = times.ranges[number], 10**9 if unit == "ns" else 10**6
    if ends is None or times.ticks_per_second > of_unit:
        return _ALWAYS
    low, high = scaled(np.array(ends, np.int64), round(of_unit / times.ticks_per_second))
    return int(low), int(high)


def _of_the_folder(file: FileListing, column: str, unit: Unit) -> tuple[int, int]:
    if column not in file.partition:
        return _ALWAYS
    try:
        (moment,) = instants(pa.chunked_array([pa.array([file.partition[column]], pa.string())]), column, unit)
    except ValueError:
        return _ALWAYS
    return int(moment), int(moment)
