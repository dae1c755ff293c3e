"""Replies to columns of Python values as Feast's `to_dict` tells them: whole integers, flags, None for a null."""

from __future__ import annotations

import struct
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
from feast.type_map import feast_value_type_to_python_type
from feast.value_type import ValueType

from feature_repo.stores.wire.decode import FIXED, is_varint, parsed, python_value, signed
from feature_repo.stores.wire.encode import tag_of
from feature_repo.stores.wire.entity_lookup import EntityLookup, Reply, whole_buffer
from feature_repo.stores.wire.resolve import StoredFeature

# Up to so many replies are taken apart in Python, more by NumPy.
_FEW_REPLIES = 12
_TEXT, _WHOLE = tag_of(ValueType.STRING), tag_of(ValueType.INT64)


def _small_values() -> dict[bytes | None, Any]:
    """What is looked up instead of being read: nulls, flags, and the integers that most counts are."""
    flag = tag_of(ValueType.BOOL)
    values: dict[bytes | None, Any] = {None: None, b"": None, bytes([flag, 0]): False, bytes([flag, 1]): True}
    for tag in (_WHOLE, tag_of(ValueType.INT32)):
        values |= {bytes([tag, number]): number for number in range(1 << 7)}
        values |= {bytes([tag, 0x80 | number & 0x7F, number >> 7]): number for number in range(1 << 7, 1 << 11)}
    return values


_SMALL = _small_values()
_UNREAD = object()


def typed_columns(lookup: EntityLookup, replies: Sequence[Reply], kinds: Mapping[str, ValueType]) -> list[list[Any]]:
    """The values of each feature, numbers first; `kinds` says which texts stand for a type that Feast stores so."""
    if len(replies) <= _FEW_REPLIES:
        rows = [_numbers_of(lookup, reply) for reply in replies]
        columns = [list(column) for column in zip(*rows, strict=True)]
    else:
        columns = _number_columns(lookup, replies)
    for place, feature in lookup.other_places:
        columns.append([_other(reply[place], feature, kinds) for reply in replies])
    return columns


def _numbers_of(lookup: EntityLookup, reply: Reply) -> list[Any]:
    lookup.check(reply)
    first = len(lookup.views)
    doubles, floats = (first + bound for bound in lookup.number_columns.bounds)
    last = first + len(lookup.numbers)
    values = [*_fractions(lookup, reply, first, doubles, 9), *_fractions(lookup, reply, doubles, floats, 5)]
    for place in range(floats, last):
        stored = reply[place]
        value = _SMALL.get(stored, _UNREAD)
        values.append(_whole(stored or b"", lookup.feature_at(place)) if value is _UNREAD else value)
    return values


def _fractions(lookup: EntityLookup, reply: Reply, start: int, end: int, size: int) -> list[Any]:
    if start == end:
        return []
    null, tag, form = FIXED[size]
    part = reply[start:end]
    joined = b"".join([value or null for value in part])
    if len(joined) == size * (end - start) and joined[::size] == tag * (end - start):
        values = struct.unpack(f"<{form * (end - start)}", joined)
        return [value if stored else None for value, stored in zip(values, part, strict=True)]
    return [_any(stored, lookup.feature_at(place).feature) for place, stored in enumerate(part, start)]


def _whole(stored: bytes, feature: StoredFeature) -> Any:
    if stored[0] == _WHOLE and is_varint(stored[1:]):
        return signed(stored)
    return _any(stored, feature.feature)


def _any(stored: bytes | None, name: str) -> Any:
    """A value of whatever type: also of another than the view declares."""
    return feast_value_type_to_python_type(parsed(stored, name)) if stored else None


def _other(stored: bytes | None, feature: StoredFeature, kinds: Mapping[str, ValueType]) -> Any:
    if stored and stored[0] == _TEXT and len(stored) == stored[1] + 2 < 130 and feature.kind is ValueType.STRING:
        try:
            return stored[2:].decode()
        except UnicodeDecodeError:
            pass  # protobuf says what it thinks of that
    return python_value(stored, kinds.get(feature.column, feature.kind), feature.feature)


def _number_columns(lookup: EntityLookup, replies: Sequence[Reply]) -> list[list[Any]]:
    numbers = lookup.number_columns.read_exact(whole_buffer(lookup, replies))
    columns: list[list[Any]] = np.ascontiguousarray(numbers.fractions.T).tolist()
    kinds = lookup.number_columns.kinds[len(columns) :]
    for column, kind in zip(np.ascontiguousarray(numbers.whole.T), kinds, strict=True):
        columns.append((column != 0 if kind is ValueType.BOOL else column).tolist())
    rows, places = (part.tolist() for part in np.nonzero(numbers.empty))
    for row, place in zip(rows, places, strict=True):
        columns[place][row] = None
    for (row, place), stored in numbers.others.items():
        columns[place][row] = _any(stored, lookup.numbers[place].feature)
    return columns
