"""Keys of any type and number as small integers, so that the join itself knows nothing but integers.

Each column is encoded by itself and the codes are combined as numbers: unlike joined strings, (1, 23) and (12, 3)
cannot meet. A null equals nothing, itself included, as in SQL; a NaN is a null.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.compute as pc

from feature_repo.stores.asof.instants import NEVER, instants

# 32 bits where one column is the key, 64 where several are combined.
Codes = npt.NDArray[np.int32] | npt.NDArray[np.int64]

NO_KEY = -1


@dataclass(frozen=True)
class JoinKeys:
    """The keys of the entity rows: `codes` has one for each row, `NO_KEY` where a part of the key is null."""

    names: tuple[str, ...]
    codes: Codes
    # Per column the distinct values asked for, and from the second column on the distinct combinations up to there.
    _values: tuple[pa.Array, ...]
    _combinations: tuple[pa.Array, ...]

    @classmethod
    def of(cls, columns: Sequence[pa.ChunkedArray], names: Sequence[str], rows: int) -> JoinKeys:
        """Encode the key columns of the entity rows. Without a column all rows have one and the same key."""
        codes: Codes = np.zeros(rows, np.int32)
        values, combinations = [], []
        for number, column in enumerate(map(comparable, columns)):
            distinct = pc.unique(column).drop_null()
            values.append(distinct)
            part = _looked_up(column, distinct)
            if number == 0:
                codes = part
                continue
            wide = _combined(codes, part, len(distinct))
            pairs = pc.unique(pa.array(wide[wide != NO_KEY]))
            combinations.append(pairs)
            codes = _looked_up(pa.array(wide), pairs)
        return cls(tuple(names), codes, tuple(values), tuple(combinations))

    def codes_of(self, columns: Sequence[pa.ChunkedArray], rows: int, where: str) -> Codes:
        """The codes of other rows by the same keys; `NO_KEY` for a key that nobody asked for."""
        codes: Codes = np.zeros(rows, np.int32)
        for number, (column, distinct, name) in enumerate(zip(columns, self._values, self.names, strict=True)):
            if len(distinct) == 0:
                return np.full(rows, NO_KEY, np.int32)
            part = _looked_up(_alike(comparable(column), distinct.type, name, where), distinct)
            if number == 0:
                codes = part
            else:
                wide = _combined(codes, part, len(distinct))
                codes = _looked_up(pa.array(wide), self._combinations[number - 1])
        return codes


def comparable(column: pa.ChunkedArray | pa.Array) -> pa.ChunkedArray | pa.Array:
    """Keys in the widest type of their kind, so that 32 bits equal 64 bits and a category equals its text."""
    kind = column.type
    if isinstance(kind, pa.BaseExtensionType):
        return comparable(column.cast(kind.storage_type))
    if pa.types.is_dictionary(kind):
        return comparable(column.cast(kind.value_type))
    if pa.types.is_integer(kind):
        return column.cast(pa.int64()) if kind != pa.uint64() else _narrowed(column, pa.int64())
    if pa.types.is_floating(kind):
        # pandas makes floats of integers as soon as one of them is null.
        wide = column.cast(pa.float64())
        wide = pc.if_else(pc.is_nan(wide), pa.scalar(None, pa.float64()), wide)
        whole = pc.cast(wide, pa.int64(), safe=False)
        back = whole.cast(pa.float64(), safe=False)
        same = pc.all(pc.equal(back, wide), min_count=0).as_py()
        return whole if same else wide
    if pa.types.is_string(kind) or pa.types.is_string_view(kind):
        return column.cast(pa.large_string())
    if pa.types.is_binary(kind) or pa.types.is_binary_view(kind) or pa.types.is_fixed_size_binary(kind):
        return column.cast(pa.large_binary())
    if pa.types.is_timestamp(kind):
        values = instants(column, "key", "ns")
        return pa.array(values, mask=values == NEVER).cast(pa.timestamp("ns", "UTC"))
    if pa.types.is_date64(kind):
        return column.cast(pa.date32())
    if pa.types.is_decimal(kind):
        return column.cast(pa.decimal256(76, 38))
    return column


def _narrowed(column: pa.ChunkedArray | pa.Array, kind: pa.DataType) -> pa.ChunkedArray | pa.Array:
    fits = pc.less_equal(column, pa.scalar(2**63 - 1, pa.uint64()))
    return column.cast(kind) if pc.all(fits, min_count=0).as_py() else column


def _alike(column: pa.ChunkedArray | pa.Array, kind: pa.DataType, name: str, where: str) -> pa.ChunkedArray | pa.Array:
    if column.type == kind:
        return column
    if pa.types.is_null(column.type):
        return pa.nulls(len(column), kind)
    numbers = (pa.int64(), pa.uint64(), pa.float64())
    if kind in numbers and column.type in numbers:
        # What does not fit equals none of the keys asked for.
        return pa.Array.from_pandas(_exactly(column, kind))
    raise TypeError(
        f"join key {name!r}: the entity rows hold {kind}, and {where} holds {column.type}: bring them to one type"
    )


def _exactly(column: pa.ChunkedArray | pa.Array, kind: pa.DataType) -> pa.Array:
    values = column.combine_chunks() if isinstance(column, pa.ChunkedArray) else column
    cast = values.cast(kind, safe=False)
    same = pc.equal(cast.cast(values.type, safe=False), values)
    return pc.if_else(same, cast, pa.scalar(None, kind))


def _looked_up(column: pa.ChunkedArray | pa.Array, distinct: pa.Array) -> Codes:
    codes: npt.NDArray[np.int32] = pc.fill_null(
        pc.index_in(column, value_set=distinct, skip_nulls=True), NO_KEY
    ).to_numpy()
    return codes


def _combined(left: Codes, right: Codes, rights: int) -> Codes:
    return np.where((left == NO_KEY) | (right == NO_KEY), NO_KEY, left.astype(np.int64) * rights + right)
