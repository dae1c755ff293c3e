from __future__ import annotations

import doctest

import numpy as np
import pyarrow as pa
import pytest

from feature_repo.stores.events import record
from feature_repo.stores.events.record import NO_INTEGER, CodeField, EventSchema, HashField, IntegerField

SHOP = HashField("shop", 40, str.lower)
COLOUR = CodeField("colour", ("red", "green"))
SCHEMA = EventSchema((IntegerField("price"), SHOP, COLOUR, HashField("country", 16)))


def columns(**changed: list[int]) -> dict[str, np.ndarray]:
    values = {
        "id": [1, -2],
        "occurred": [10, 20],
        "known": [11, 2**62],
        "price": [-5, NO_INTEGER],
        "shop": [0, 2**40 - 1],
        "colour": [2, 0],
        "country": [2**16 - 1, 0],
    }
    return {name: np.array(column, np.int64) for name, column in (values | changed).items()}


def test_a_record_is_packed_and_comes_back() -> None:
    packed = SCHEMA.pack(columns())
    assert packed.dtype.itemsize == 8 * 4 + 5 + 1 + 2
    back = SCHEMA.columns(SCHEMA.read(packed.tobytes()))
    assert {name: column.tolist() for name, column in back.items()} == {
        name: column.tolist() for name, column in columns().items()
    }
    assert {column.dtype for column in back.values()} == {np.dtype(np.int64)}


def test_reading_does_not_copy() -> None:
    data = bytearray(SCHEMA.pack(columns()).tobytes())
    records = SCHEMA.read(memoryview(data))
    data[0] = 9
    assert records["id"][0] == 9


def test_records_laid_one_after_the_other_are_read_together() -> None:
    data = SCHEMA.pack(columns()).tobytes()
    assert SCHEMA.read(data + data)["id"].tolist() == [1, -2, 1, -2]
    assert len(SCHEMA.read(b"")) == 0


def test_half_a_record_is_refused() -> None:
    with pytest.raises(ValueError, match="expected events of 40 bytes each, found 41 bytes in all"):
        SCHEMA.read(b"x" * 41)


@pytest.mark.parametrize(
    ("changed", "message"),
    [
        ({"shop": [2**40, 1]}, "shop: expected 0 to 1099511627775, found 1 to 1099511627776"),
        ({"colour": [3, 1]}, "colour: expected 0 to 2, found 1 to 3"),
        ({"country": [-1, 1]}, "country: expected 0 to 65535, found -1 to 1"),
    ],
)
def test_what_does_not_fit_is_refused(changed: dict[str, list[int]], message: str) -> None:
    with pytest.raises(ValueError, match=message):
        SCHEMA.pack(columns(**changed))


def test_a_missing_column_is_named() -> None:
    with pytest.raises(ValueError, match="missing: price"):
        SCHEMA.pack({name: column for name, column in columns().items() if name != "price"})


@pytest.mark.parametrize(
    ("fields", "message"),
    [
        ((IntegerField("id"),), "a name of its own"),
        ((HashField("shop", 12),), "shop: expected a hash of 8, 16, 24, 32 or 40 bits, found 12"),
        ((HashField("shop", 48),), "found 48"),
        ((CodeField("colour", tuple(map(str, range(256)))),), "at most 255 values, found 256"),
    ],
)
def test_a_schema_that_cannot_be_packed_is_refused(fields: tuple, message: str) -> None:
    with pytest.raises(ValueError, match=message):
        EventSchema(fields)


def test_hashes_are_those_of_yesterday() -> None:
    assert SHOP.hash_of("Corner Shop") == 900839237744
    assert SHOP.encode(pa.array(["corner shop", None, "", "CORNER SHOP"])).tolist() == [
        900839237744,
        0,
        0,
        900839237744,
    ]


def test_columns_in_chunks_are_encoded_too() -> None:
    assert COLOUR.encode(pa.chunked_array([["red"], ["green", None]])).tolist() == [1, 2, 0]
    assert COLOUR.encode(pa.array([], pa.string())).tolist() == []


def test_a_text_that_is_not_declared_is_named() -> None:
    with pytest.raises(ValueError, match="colour: expected one of red, green, found 'blue'"):
        COLOUR.encode(pa.array(["red", "blue"]))


def test_the_examples_hold() -> None:
    assert doctest.testmod(record).failed == 0
