"""What stock Feast writes we read, and what we write stock Feast reads: every type, every kind of key."""

from __future__ import annotations

import uuid
from datetime import UTC, datetime, timedelta, timezone
from decimal import Decimal as Exact
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pytest
from feast import Entity, FeatureStore, ValueType
from feast.infra.key_encoding_utils import serialize_entity_key
from feast.protos.feast.types.EntityKey_pb2 import EntityKey
from feast.type_map import python_values_to_proto_values
from feast.types import (
    Array,
    Bool,
    Bytes,
    Decimal,
    FeastType,
    Float32,
    Float64,
    ImageBytes,
    Int32,
    Int64,
    Json,
    Map,
    PdfBytes,
    ScalarMap,
    Set,
    String,
    Struct,
    TimeUuid,
    UnixTimestamp,
    Uuid,
    ZonedTimestamp,
)
from hypothesis import given
from hypothesis import strategies as st
from online_project import DRIVER, day, opened, values_of, view_of

from feature_repo.stores.wire.encode import encoded
from feature_repo.stores.wire.keys import KeyLayout
from feature_repo.stores.wire.lookup import LookupPlan
from feature_repo.stores.wire.ragged import Padded, joined

NAME = uuid.UUID("12345678-1234-1234-1234-123456789abc")
NOON = datetime(2024, 5, 6, 12, 30, tzinfo=UTC)
SCALARS: dict[str, tuple[FeastType, Any]] = {
    "string": (String, "ünï\r\n$9"),
    "long_string": (String, "x" * 70_000),
    "empty_string": (String, ""),
    "bytes": (Bytes, b"\x00\r\n\xff"),
    "pdf": (PdfBytes, b"%PDF"),
    "image": (ImageBytes, b"\x89PNG"),
    "flag": (Bool, True),
    "no": (Bool, False),
    "small": (Int32, -7),
    "big": (Int64, 2**62 + 1),
    "least": (Int64, -(2**63)),
    "zero": (Int64, 0),
    "single": (Float32, 0.1),
    "double": (Float64, 0.1),
    "negative_zero": (Float64, -0.0),
    "infinite": (Float64, float("inf")),
    "moment": (UnixTimestamp, NOON),
    "before_1970": (UnixTimestamp, datetime(1931, 2, 3, tzinfo=UTC)),
    "uuid": (Uuid, NAME),
    "time_uuid": (TimeUuid, NAME),
    "decimal": (Decimal, Exact("12.340")),
    "json": (Json, '{"a": [1, null]}'),
    "map": (Map, {"a": "b", "c": "d"}),
    "struct": (Struct({"a": Int64, "b": String}), {"a": 1, "b": "c"}),
    "scalar_map": (ScalarMap, {1: "one", 2: "two"}),
    "zoned": (ZonedTimestamp, NOON.astimezone(timezone(timedelta(hours=2)))),
}
COLLECTIONS: dict[str, tuple[FeastType, Any]] = {
    "strings": (Array(String), ["a", "", "ö"]),
    "none": (Array(String), []),
    "blobs": (Array(Bytes), [b"a", b"\r\n"]),
    "flags": (Array(Bool), [True, False]),
    "smalls": (Array(Int32), [1, -2]),
    "bigs": (Array(Int64), [2**40, -1]),
    "singles": (Array(Float32), [0.5, -0.25]),
    "doubles": (Array(Float64), [0.1, 0.2]),
    "moments": (Array(UnixTimestamp), [NOON, NOON + timedelta(hours=1)]),
    "uuids": (Array(Uuid), [NAME]),
    "decimals": (Array(Decimal), [Exact("1.5")]),
    "jsons": (Array(Json), ['{"a": 1}', "2"]),
    "maps": (Array(Map), [{"a": "b"}, {"c": "d"}]),
    "structs": (Array(Struct({"a": Int64})), [{"a": 1}, {"a": 2}]),
    "nested": (Array(Array(Int64)), [[1, 2], [3]]),
    "string_set": (Set(String), {"a", "b"}),
    "int_set": (Set(Int64), {1, 2}),
    "small_set": (Set(Int32), {1, 2}),
    "double_set": (Set(Float64), {0.5}),
    "single_set": (Set(Float32), {0.5}),
    "flag_set": (Set(Bool), {True}),
    "blob_set": (Set(Bytes), {b"a"}),
    "moment_set": (Set(UnixTimestamp), {NOON}),
    "uuid_set": (Set(Uuid), {NAME}),
    "decimal_set": (Set(Decimal), {Exact("1.5")}),
}
EVERY = SCALARS | COLLECTIONS
# A null of each type besides, and a type of column that Arrow can bring
ARROW: list[tuple[FeastType, pa.Array]] = [
    (Float64, pa.array([1.5, None, float("nan"), 0.0, -0.0, float("inf")])),
    (Float32, pa.array([0.1, None, float("nan")], pa.float32())),
    (Float32, pa.array([0.1, None])),
    (Int64, pa.array([0, 1, 127, 128, 300, 2**31, 2**63 - 1, -1, -(2**63)])),
    (Int64, pa.array([1, None, 3], pa.int32())),
    (Int32, pa.array([1, None, -1, 2**31 - 1], pa.int32())),
    (Int32, pa.array([1, -1], pa.int8())),
    (Bool, pa.array([True, False, None])),
    (String, pa.array(["a", None, "", "ö" * 200])),
    (String, pa.array(["a", None], pa.large_string())),
    (String, pa.array(["a", "b", "a"]).dictionary_encode()),
    (String, pa.array(["left out", "b", None, "c"]).slice(1)),
    (Bytes, pa.array([b"\r\n", None, b""])),
    (UnixTimestamp, pa.array([NOON, NOON - timedelta(days=40_000)], pa.timestamp("us", "UTC"))),
    (UnixTimestamp, pa.array([NOON], pa.timestamp("ns", "UTC"))),
    (UnixTimestamp, pa.array([NOON.replace(tzinfo=None)], pa.timestamp("ms"))),
    (UnixTimestamp, pa.array([1_700_000_000])),
    (Json, pa.array(['{"a": 1}', None])),
    (Uuid, pa.array([str(NAME), None])),
    (Array(Int64), pa.array([[1, 2], None, []])),
    (Array(Float32), pa.array([[0.5], None], pa.list_(pa.float32()))),
    (Array(String), pa.array([["a", "b"], None])),
]


def bytes_of(column: Any) -> list[bytes]:
    rows = len(column.lengths)
    return (
        joined([column], rows).slices(range(rows + 1)) if isinstance(column, Padded) else column.slices(range(rows + 1))
    )


@pytest.mark.parametrize(("dtype", "column"), ARROW, ids=lambda value: str(value)[:30].replace("\n", ""))
def test_arrow_columns_become_the_bytes_that_feast_would_store(dtype: FeastType, column: pa.Array) -> None:
    kind = dtype.to_value_type()
    # NumPy makes floats of integers with a null, and Feast would lose digits by that.
    by_python = pa.types.is_dictionary(column.type) or (pa.types.is_integer(column.type) and column.null_count)
    values = column.to_pylist() if by_python else column.to_numpy(zero_copy_only=False)
    expected = [value.SerializeToString() for value in python_values_to_proto_values(values, kind)]
    assert bytes_of(encoded(column, kind)) == expected


@given(st.lists(st.one_of(st.none(), st.integers(-(2**63), 2**63 - 1)), min_size=1))
def test_integers_of_every_length_are_stored_exactly(numbers: list[int | None]) -> None:
    expected = [value.SerializeToString() for value in python_values_to_proto_values([0, *numbers], ValueType.INT64)]
    assert bytes_of(encoded(pa.array([0, *numbers], pa.int64()), ValueType.INT64)) == expected


@pytest.mark.parametrize("ours_writes", [True, False])
def test_every_type_goes_both_ways(address: str, tmp_path: Path, ours_writes: bool) -> None:
    view = view_of(tmp_path, {name: dtype for name, (dtype, _) in EVERY.items()})
    ours, stock = (opened(tmp_path, address, [DRIVER, view], ours=own) for own in (True, False))
    (key,) = python_values_to_proto_values([1], ValueType.INT64)
    (other,) = python_values_to_proto_values([2], ValueType.INT64)
    protos = {
        name: python_values_to_proto_values([value], dtype.to_value_type())[0] for name, (dtype, value) in EVERY.items()
    }
    nulls = {
        name: python_values_to_proto_values([None], dtype.to_value_type())[0] for name, (dtype, _) in EVERY.items()
    }
    writer = ours if ours_writes else stock
    provider = writer._get_provider()
    rows = [
        (EntityKey(join_keys=["driver_id"], entity_values=[key]), protos, day(1), day(2)),
        (EntityKey(join_keys=["driver_id"], entity_values=[other]), nulls, day(1), day(2)),
    ]
    provider.online_write_batch(writer.config, view, rows, None)

    refs = [f"stats:{name}" for name in EVERY]
    asked = [{"driver_id": 1}, {"driver_id": 2}, {"driver_id": 3}]
    expected = values_of(stock, refs, asked)
    assert expected["string"] == ["ünï\r\n$9", None, None]
    assert values_of(ours, refs, asked) == expected
    found = LookupPlan.compile(ours, refs).read(asked)
    numbers = {Float32, Float64, Int32, Int64, Bool}
    for name, (dtype, _) in EVERY.items():
        told = found.column(name).tolist()
        assert told == (
            [None if one is None else float(one) for one in expected[name]] if dtype in numbers else expected[name]
        )


KEYS: dict[str, tuple[dict[str, FeastType], list[Any]]] = {
    "integer": ({"k": Int64}, [[1, -5, 2**60]]),
    "small_integer": ({"k": Int32}, [[1, -5, 7]]),
    "text": ({"k": String}, [["a", "ö{}*", "x" * 300]]),
    "bytes": ({"k": Bytes}, [[b"a", b"\r\n", b"\x00"]]),
    "moment": ({"k": UnixTimestamp}, [[NOON, NOON + timedelta(1), NOON + timedelta(2)]]),
    "composite": ({"zone": String, "k": Int64}, [["a", "b", "a"], [1, 1, 2]]),
    "three": ({"c": Int32, "a": Int64, "b": String}, [[1, 2, 3], [4, 5, 6], ["x", "y", "z"]]),
}


@pytest.mark.parametrize("kind", KEYS)
@pytest.mark.parametrize("ours_writes", [True, False])
def test_every_kind_of_key_goes_both_ways(address: str, tmp_path: Path, kind: str, ours_writes: bool) -> None:
    keys, columns = KEYS[kind]
    entities = [
        Entity(name=f"the_{name}", join_keys=[name], value_type=dtype.to_value_type()) for name, dtype in keys.items()
    ]
    view = view_of(tmp_path, {"trips": Int64}, keys=keys, entities=entities)
    ours, stock = (opened(tmp_path, address, [*entities, view], ours=own) for own in (True, False))
    table = pa.table(
        {**dict(zip(keys, columns, strict=True)), "trips": [10, 20, 30], "event": [day(1)] * 3, "created": [day(2)] * 3}
    )
    write(ours if ours_writes else stock, view, table, ours=ours_writes)
    asked = [dict(zip(keys, row, strict=True)) for row in zip(*columns, strict=True)]
    for store in (ours, stock):
        assert values_of(store, ["stats:trips"], asked)["trips"] == [10, 20, 30]
    assert LookupPlan.compile(ours, ["stats:trips"]).read(asked).matrix.tolist() == [[10], [20], [30]]


def write(store: FeatureStore, view: Any, table: pa.Table, *, ours: bool) -> None:
    if ours:
        store._get_provider().online_store.online_write_table(store.config, view, table.to_batches())
    else:
        store.write_to_online_store(view.name, table.to_pandas())


@given(st.lists(st.tuples(st.integers(-(2**63), 2**63 - 1), st.text()), min_size=1, max_size=20))
def test_keys_are_feasts_keys_with_the_project_behind(rows: list[tuple[int, str]]) -> None:
    layout = KeyLayout.of("project", {"zone": ValueType.STRING, "id": ValueType.INT64})
    numbers, zones = ([row[place] for row in rows] for place in (0, 1))
    expected = [
        serialize_entity_key(
            EntityKey(
                join_keys=["zone", "id"],
                entity_values=[
                    *python_values_to_proto_values([zone], ValueType.STRING),
                    *python_values_to_proto_values([number], ValueType.INT64),
                ],
            ),
            entity_key_serialization_version=3,
        )
        + b"project"
        for number, zone in rows
    ]
    assert layout.of_values([numbers, zones]) == expected
    batch = pa.record_batch({"zone": zones, "id": pa.array(numbers, pa.int64())})
    assert layout.of_table(batch).slices(range(len(rows) + 1)) == expected


@pytest.mark.parametrize(
    ("value", "complaint"),
    [("a", "expected an integer, found 'a'"), (1.5, "found 1.5"), (None, "found None"), (2**63, "of 64 bits")],
)
def test_a_key_of_the_wrong_type_is_refused_by_name(value: Any, complaint: str) -> None:
    with pytest.raises(ValueError, match=f"join key 'id': .*{complaint}"):
        KeyLayout.of("project", {"id": ValueType.INT64}).of_values([[value]])


def test_texts_and_numpy_integers_serve_as_integer_keys() -> None:
    layout = KeyLayout.of("project", {"id": ValueType.INT64})
    assert layout.of_values([["12", np.int64(12), 12.0]]) == layout.of_values([[12, 12, 12]])
