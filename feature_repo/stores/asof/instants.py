"""Times of every kind - aware or naive, in seconds to nanoseconds, dates, text - as integers that compare exactly."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Literal

import numpy as np
import numpy.typing as npt
import pandas as pd
import pyarrow as pa
import pyarrow.compute as pc

Unit = Literal["us", "ns"]
Instants = npt.NDArray[np.int64]

# What a null becomes: before every time.
NEVER = int(np.iinfo(np.int64).min)
_LATEST = int(np.iinfo(np.int64).max)
_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_PER_SECOND = {"s": 1, "ms": 10**3, "us": 10**6, "ns": 10**9}


def timestamps(column: pa.ChunkedArray, name: str) -> pa.ChunkedArray:
    """A column of times as Arrow timestamps. Text is read as ISO 8601, a date as its midnight; no zone means UTC."""
    kind = column.type
    if pa.types.is_dictionary(kind):
        return timestamps(column.cast(kind.value_type), name)
    if pa.types.is_timestamp(kind):
        return column
    if pa.types.is_date(kind):
        return column.cast(pa.timestamp("ms" if pa.types.is_date64(kind) else "s", "UTC"))
    if pa.types.is_null(kind):
        return column.cast(pa.timestamp("us", "UTC"))
    if _is_text(kind):
        try:
            read = pd.to_datetime(column.to_pandas(), utc=True, format="ISO8601")
        except ValueError as error:
            raise ValueError(f"column {name!r}: expected times in ISO 8601, found text that is none: {error}") from None
        return pa.chunked_array([pa.Array.from_pandas(read)])
    raise TypeError(f"column {name!r}: expected timestamps, dates or text in ISO 8601, found {kind}: convert it first")


def unit_of(*types: pa.DataType) -> Unit:
    """The coarsest unit, not above microseconds, in which all the times are whole."""
    return (
        "ns" if any(_is_text(kind) or (pa.types.is_timestamp(kind) and kind.unit == "ns") for kind in types) else "us"
    )


def instants(column: pa.ChunkedArray, name: str, unit: Unit) -> Instants:
    """Units since 1970 UTC, `NEVER` for null. What lies beyond the unit's reach (9999-12-31 in ns) goes to its end."""
    times = timestamps(column, name)
    per_second = _PER_SECOND[times.type.unit]
    values = pc.fill_null(times.cast(pa.int64()), NEVER).to_numpy()
    if per_second > _PER_SECOND[unit]:
        raise ValueError(f"column {name!r} holds {times.type}: {unit} would lose a part of it")
    return scaled(values, _PER_SECOND[unit] // per_second)


def instant_of(moment: datetime, unit: Unit) -> int:
    """The same of one moment; without a zone it is UTC."""
    aware = moment if moment.tzinfo else moment.replace(tzinfo=UTC)
    micros = (aware - _EPOCH) // timedelta(microseconds=1)
    return int(scaled(np.array([micros]), _PER_SECOND[unit] // 10**6)[0])


def moment_of(value: pa.Scalar) -> datetime | None:
    """An Arrow timestamp as a moment in UTC, None for null; finer than microseconds is cut off."""
    if not value.is_valid:
        return None
    return _EPOCH + timedelta(microseconds=value.cast(pa.int64()).as_py() * 10**6 // _PER_SECOND[value.type.unit])


def scaled(values: Instants, factor: int) -> Instants:
    """Integers times a factor, held at the ends of 64 bits instead of running over."""
    if factor == 1:
        return values
    reach = _LATEST // factor
    if len(values) and -reach <= values.min() and values.max() <= reach:
        return values * factor
    return np.where(values == NEVER, NEVER, np.clip(values, -reach, reach) * factor)


def ticks(duration: timedelta, unit: Unit) -> int | None:
    """A duration in units; None if it is longer than 64 bits reach, which is to say unlimited."""
    count = (duration // timedelta(microseconds=1)) * (_PER_SECOND[unit] // 10**6)
    return count if count < _LATEST else None


def before(times: Instants, duration: int) -> Instants:
    """Each time less a duration, held at the beginning of 64 bits."""
    return np.where(times < NEVER + 1 + duration, NEVER + 1, times - duration)


def _is_text(kind: pa.DataType) -> bool:
    return any(is_kind(kind) for is_kind in (pa.types.is_string, pa.types.is_large_string, pa.types.is_string_view))
