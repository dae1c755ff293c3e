"""Entity keys as bytes: Feast's version 3 of them, and the project behind it.

number of join keys | for each, by name: STRING, length, name | for each: type, length, value | project
"""

from __future__ import annotations

import re
import struct
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Any

import mmh3
import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from feast.feature_view import DUMMY_ENTITY_ID, DUMMY_ENTITY_VAL
from feast.infra.key_encoding_utils import serialize_entity_key
from feast.protos.feast.types.EntityKey_pb2 import EntityKey
from feast.protos.feast.types.Value_pb2 import Value as ValueProto
from feast.type_map import python_values_to_proto_values
from feast.value_type import ValueType

from feature_repo.stores.wire.ragged import Column, Padded, Ragged, joined

_INTEGERS = {ValueType.INT64: ("<q", "<i8", pa.int64()), ValueType.INT32: ("<i", "<i4", pa.int32())}

# Type, length and value.
_FORMS = {kind: struct.Struct("<II" + form[1:]) for kind, (form, _, _) in _INTEGERS.items()}

# The number of join keys, then type and length of one without a name.
_BEFORE_VALUE = 12

_GLOB = re.compile(rb"[*?\[\]\\^-]")


def field_of(view: str, feature: str) -> bytes:
    """The field of the hash that holds a feature."""
    return struct.pack("<I", mmh3.hash(f"{view}:{feature}", signed=False))


def stamp_field_of(view: str) -> bytes:
    """The field that holds a view's event time."""
    return f"_ts:{view}".encode()


def created_field_of(view: str) -> bytes:
    """The field that holds a view's created time; stock Feast does not know it."""
    return f"_ct:{view}".encode()


@dataclass(frozen=True)
class KeyLayout:
    """How the values of some join keys become the key of a hash."""

    project: str
    join_keys: tuple[tuple[str, ValueType], ...]

    @classmethod
    def of(cls, project: str, join_keys: Mapping[str, ValueType]) -> KeyLayout:
        """For join keys of these types, in whatever order they come."""
        return cls(project, tuple(sorted(join_keys.items(), key=lambda item: item[0])))

    @cached_property
    def _head(self) -> bytes:
        named = (name.encode() for name, _ in self.join_keys)
        names = b"".join(struct.pack("<II", ValueType.STRING.value, len(name)) + name for name in named)
        return struct.pack("<I", len(self.join_keys)) + names

    @cached_property
    def _tail(self) -> bytes:
        return self.project.encode()

    @cached_property
    def pattern(self) -> bytes:
        """What SCAN matches all keys of this layout by."""
        return _GLOB.sub(rb"\\\g<0>", self._head) + b"*" + _GLOB.sub(rb"\\\g<0>", self._tail)

    def of_values(self, columns: Sequence[Sequence[Any]]) -> list[bytes]:
        """The keys of rows whose values are given as a column per join key, in this layout's order."""
        if len(self.join_keys) == 1:
            ((name, kind),) = self.join_keys
            head, tail = self._head, self._tail
            return [head + value + tail for value in _values(name, kind, columns[0])]
        parts = [_values(name, kind, column) for (name, kind), column in zip(self.join_keys, columns, strict=True)]
        return [self._head + b"".join(values) + self._tail for values in zip(*parts, strict=True)]

    def of_table(self, table: pa.RecordBatch) -> Ragged:
        """The keys of the rows of a table, by the columns of its join keys."""
        parts = [_column(table, name, kind) for name, kind in self.join_keys]
        return joined([self._head, *parts, self._tail], table.num_rows)


def _values(name: str, kind: ValueType, values: Sequence[Any]) -> list[bytes]:
    """Type, length and value of each."""
    if kind in _INTEGERS:
        form = _FORMS[kind]
        size = form.size - 8
        try:
            return [form.pack(kind.value, size, value) for value in values]
        except struct.error:
            return [form.pack(kind.value, size, _integer(name, kind, value)) for value in values]
    if kind is ValueType.STRING:
        texts = [_text(name, value) for value in values]
        return [struct.pack("<II", kind.value, len(text)) + text for text in texts]
    return [_serialised(name, value) for value in python_values_to_proto_values(list(values), kind)]


def _integer(name: str, kind: ValueType, value: Any) -> int:
    bits = 64 if kind is ValueType.INT64 else 32
    try:
        whole = int(value)
    except (TypeError, ValueError):
        raise ValueError(f"join key {name!r}: expected an integer, found {value!r}") from None
    if (isinstance(value, float) and whole != value) or not -(2 ** (bits - 1)) <= whole < 2 ** (bits - 1):
        raise ValueError(f"join key {name!r}: expected an integer of {bits} bits, found {value!r}")
    return whole


def _text(name: str, value: Any) -> bytes:
    if value is None:
        raise ValueError(f"join key {name!r}: expected a text, found None")
    return str(value).encode()


def _serialised(name: str, value: ValueProto) -> bytes:
    if value.WhichOneof("val") is None:
        raise ValueError(f"join key {name!r}: expected a value in each row, found a null")
    whole: bytes = serialize_entity_key(EntityKey(join_keys=[""], entity_values=[value]), 3)
    return whole[_BEFORE_VALUE:]


def _column(table: pa.RecordBatch, name: str, kind: ValueType) -> Column:
    if name == DUMMY_ENTITY_ID and name not in table.schema.names:
        return Padded.of(_values(name, ValueType.STRING, [DUMMY_ENTITY_VAL])).take(np.zeros(table.num_rows, np.int64))
    column = table.column(name)
    if column.null_count:
        raise ValueError(f"join key {name!r}: expected a value in each row, found {column.null_count} nulls")
    if kind in _INTEGERS and pa.types.is_integer(column.type):
        _, dtype, arrow = _INTEGERS[kind]
        values = pc.cast(column, arrow).to_numpy(zero_copy_only=False).astype(dtype)
        size = values.dtype.itemsize
        block = np.empty((len(values), 8 + size), np.uint8)
        block[:, :8] = np.frombuffer(struct.pack("<II", kind.value, size), np.uint8)
        block[:, 8:] = values.view(np.uint8).reshape(-1, size)
        return Padded(block, np.full(len(values), 8 + size))
    return Ragged.of(_values(name, kind, column.to_pylist()))
