"""Event times as Feast stores them, a protobuf Timestamp; here they are microseconds since 1970, UTC."""

from __future__ import annotations

import struct
from collections.abc import Iterable
from datetime import UTC, datetime, timedelta

import numpy as np
import numpy.typing as npt
import pandas as pd
import pyarrow as pa
import pyarrow.compute as pc
from google.protobuf.timestamp_pb2 import Timestamp  # type: ignore[import-untyped]

from feature_repo.stores.wire.ragged import Padded

_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_MICROSECOND = timedelta(microseconds=1)

# A created time that nobody stated: earlier than any. Lua counts in doubles, which hold this exactly.
UNKNOWN = -(2**53)
# No event time: nothing was ever written.
ABSENT = np.iinfo(np.int64).min


def micros_of(moment: datetime | None) -> int:
    """Microseconds since 1970, `UNKNOWN` for None and NaT; a time without a zone is UTC, as in Feast."""
    if moment is None or pd.isna(moment):
        return UNKNOWN
    aware = moment if moment.tzinfo else moment.replace(tzinfo=UTC)
    return (aware - _EPOCH) // _MICROSECOND


def datetime_of(micros: int) -> datetime:
    """The moment, in UTC."""
    return _EPOCH + timedelta(microseconds=micros)


def stamp(micros: int) -> bytes:
    """As Feast stores it.

    >>> stamp(1_500_000).hex()
    '08011080cab5ee01'
    """
    seconds, rest = divmod(micros, 1_000_000)
    stored: bytes = Timestamp(seconds=seconds, nanos=rest * 1000).SerializeToString()
    return stored


def micros_of_stamp(stored: bytes) -> int:
    """What `stamp` wrote; finer than microseconds is cut off."""
    read = Timestamp.FromString(stored)
    micros: int = read.seconds * 1_000_000 + read.nanos // 1000
    return micros


def heads(events: npt.NDArray[np.int64], created: npt.NDArray[np.int64]) -> Padded:
    """What the script wants to know of each row's times: seconds, nanos, created time, and Feast's bytes."""
    pairs, which = np.unique(np.stack([events, created], axis=1), axis=0, return_inverse=True)
    return Padded.of([_head(event, since) for event, since in pairs.tolist()]).take(which.reshape(-1))


def msgpack_of(value: int | bytes) -> bytes:
    """As MessagePack tells it, which Redis's Lua unpacks: an integer of eight bytes, or a string of up to 31.

    >>> msgpack_of(-2).hex(), msgpack_of(b"ab").hex()
    ('d3fffffffffffffffe', 'a26162')
    """
    return struct.pack(">Bq", 0xD3, value) if isinstance(value, int) else bytes([0xA0 + len(value)]) + value


def _head(event: int, created: int) -> bytes:
    seconds, rest = divmod(event, 1_000_000)
    return b"".join([msgpack_of(part) for part in (seconds, rest * 1000, created, stamp(event))])


def micros_of_column(column: pa.Array, name: str, *, nullable: bool = False) -> npt.NDArray[np.int64]:
    """A column of timestamps; where nulls are allowed they become `UNKNOWN`."""
    if not pa.types.is_timestamp(column.type):
        raise TypeError(f"expected timestamps in the column {name!r}, found {column.type}")
    if column.null_count and not nullable:
        raise ValueError(f"expected an event time in each row, found {column.null_count} nulls in the column {name!r}")
    whole = pc.cast(column, pa.timestamp("us", column.type.tz), safe=False)
    micros: npt.NDArray[np.int64] = pc.fill_null(whole.view(pa.int64()), UNKNOWN).to_numpy(zero_copy_only=False)
    return micros


def micros_of_moments(moments: Iterable[datetime | None]) -> npt.NDArray[np.int64]:
    """Each moment; None and NaT become `UNKNOWN`."""
    return np.array([micros_of(moment) for moment in moments], np.int64)
