"""Values come back as they were written."""

from __future__ import annotations

from decimal import Decimal
from typing import Any

import pyarrow as pa
from feast.types import Array, Bool, Bytes, Float32, Float64, Int32, Int64, String, UnixTimestamp
from feast.types import Decimal as DecimalType
from point_in_time.case import UTC_MICROSECONDS, Case, View, day


def values_of(kind: str, dtype: Any, first: Any, second: Any, arrow_type: pa.DataType | None = None) -> Case:
    """Two values of a type, a null among them, and an entity without any."""
    return Case(
        f"{kind}, with nulls beside them",
        views=(
            View(
                ((1, day(1), day(1), first), (1, day(2), day(2), None), (2, day(1), day(1), second)),
                features={"value": dtype},
                stored_as={"value": arrow_type} if arrow_type else {},
            ),
        ),
        entities=((1, day(1)), (1, day(3)), (2, day(3)), (3, day(3))),
        expected=((first,), (None,), (second,), (None,)),
    )


CASES = (
    values_of("integers", Int64, 7, -7),
    values_of("integers beyond 2^53", Int64, 2**53 + 1, -(2**63) + 1),
    values_of("32-bit integers", Int32, 2**31 - 1, 0),
    values_of("floats", Float64, 0.1, -0.0),
    values_of("infinite floats", Float64, float("inf"), float("-inf")),
    values_of("32-bit floats", Float32, 0.5, -2.25),
    values_of("booleans", Bool, True, False),
    values_of("strings", String, "été", ""),
    values_of("bytes", Bytes, b"\x00\xff", b""),
    values_of("timestamps", UnixTimestamp, day(7, hours=1), day(-9999), UTC_MICROSECONDS),
    values_of("naive timestamps", UnixTimestamp, day(7, hours=1), day(-9999), pa.timestamp("us")),
    values_of(
        "decimals",
        DecimalType,
        Decimal("12345678901234567890.123456789"),
        Decimal("-0.000000001"),
        pa.decimal128(38, 9),
    ),
    values_of("arrays of integers", Array(Int64), [1, 2**53 + 1], []),
    values_of("arrays of floats", Array(Float64), [0.5, -1.5], [2.5]),
    values_of("arrays of strings", Array(String), ["a", ""], ["é"]),
    values_of("arrays of booleans", Array(Bool), [True, False], [False]),
    values_of("arrays of bytes", Array(Bytes), [b"\x00", b""], [b"\xff"]),
    values_of("arrays of timestamps", Array(UnixTimestamp), [day(1)], [day(2), day(3)], pa.list_(UTC_MICROSECONDS)),
    values_of("arrays with null items", Array(Int64), [1, None], [None]),
    Case(
        "a feature that is null in every row",
        views=(View(((1, day(1), day(1), None), (2, day(1), day(1), None))),),
        entities=((1, day(2)), (2, day(2)), (3, day(2))),
        expected=((None,), (None,), (None,)),
    ),
    Case(
        "a feature that the file holds in the type of nothing but nulls",
        views=(View(((1, day(1), day(1), None),), stored_as={"balance": pa.null()}),),
        entities=((1, day(2)), (2, day(2))),
        expected=((None,), (None,)),
    ),
    Case(
        "several features, and only those asked for",
        views=(
            View(
                ((1, day(1), day(1), 1, 2.5, "a", True),),
                features={"count": Int64, "rate": Float64, "kind": String, "active": Bool},
            ),
        ),
        entities=((1, day(2)),),
        expected=((1, 2.5, "a", True),),
    ),
)
