"""Feast's online response held as columns: protobuf is made of it when somebody asks for it."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import cached_property
from types import SimpleNamespace
from typing import Any, Protocol

from feast.online_response import TIMESTAMP_POSTFIX, OnlineResponse
from feast.protos.feast.serving.ServingService_pb2 import FieldStatus, GetOnlineFeaturesResponse
from feast.protos.feast.types.Value_pb2 import Value as ValueProto
from feast.value_type import ValueType

from feature_repo.stores.wire.entity_lookup import Reply
from feature_repo.stores.wire.json_response import (
    PLAIN_TAGS,
    json_list,
    json_of_metadata,
    json_of_statuses,
    json_of_times,
    json_of_vector,
)
from feature_repo.stores.wire.times import ABSENT, stamp

_VALUE, _STATUSES, _STAMP, _RESULT = b"\x0a", b"\x12", b"\x1a", b"\x12"
# Plain integers: what looks an enumeration's up takes longer than what is done with it.
_PRESENT, _NULL_VALUE = int(FieldStatus.PRESENT), int(FieldStatus.NULL_VALUE)
_NOT_FOUND, _OUTSIDE_MAX_AGE = int(FieldStatus.NOT_FOUND), int(FieldStatus.OUTSIDE_MAX_AGE)
_SHORT = [bytes([size]) for size in range(1 << 7)]


class ColumnSource(Protocol):
    """Where columns come from, and what they have beside their values."""

    def seconds(self, rows: int) -> list[int]:
        """Event times as Feast's `to_dict` tells them."""
        ...

    def vector(self, place: int) -> bytes:
        """A column as a feature vector of Feast's."""
        ...

    def json(self, place: int, values: list[Any]) -> str:
        """The same in JSON; `values` are those of the column."""
        ...


# Name, values, source, and the place within it. A plain tuple: a response of one row has as many of them as values.
Column = tuple[str, list[Any], ColumnSource, int]


@dataclass(frozen=True)
class ReadView:
    """What was read of one view: its replies, a place in which is a feature, and its event times in microseconds."""

    replies: Sequence[Reply]
    times: list[int]
    ttl_micros: int
    asked_at: int

    @cached_property
    def _statuses(self) -> list[int]:
        """Of each row, as far as the view decides it."""
        oldest = self.asked_at - self.ttl_micros if self.ttl_micros else ABSENT
        return [_NOT_FOUND if at == ABSENT else _OUTSIDE_MAX_AGE if at < oldest else _PRESENT for at in self.times]

    @cached_property
    def _stamps(self) -> bytes:
        return b"".join([_delimited(_STAMP, b"" if at == ABSENT else stamp(at)) for at in self.times])

    @cached_property
    def _json_end(self) -> str:
        """What stands behind a column without nulls."""
        return self._json_after_values(self._statuses)

    @cached_property
    def _is_present(self) -> bool:
        return set(self._statuses) == {_PRESENT}

    @cached_property
    def _json_times(self) -> str:
        return json_of_times(self.times)

    def _json_after_values(self, statuses: Sequence[int]) -> str:
        return f',"statuses":{json_of_statuses(statuses)},"event_timestamps":{self._json_times}}}'

    def seconds(self, rows: int) -> list[int]:  # noqa: ARG002
        """Of the view, in all its columns."""
        return [0 if at == ABSENT else at // 1_000_000 for at in self.times]

    def vector(self, place: int) -> bytes:
        """The values as they are stored."""
        stored = [reply[place] or b"" for reply in self.replies]
        pairs = zip(self._statuses, stored, strict=True)
        statuses = bytes([_NULL_VALUE if status == _PRESENT and not value else status for status, value in pairs])
        return (
            b"".join([_delimited(_VALUE, value) for value in stored]) + _delimited(_STATUSES, statuses) + self._stamps
        )

    def json(self, place: int, values: list[Any]) -> str:
        """Plain values from the column; what is stored in another form as Feast tells it."""
        stored = [reply[place] for reply in self.replies]
        values_json = json_list(values) if all(value[0] in PLAIN_TAGS for value in stored if value) else None
        if values_json is None:
            return json_of_vector(self.vector(place))
        if self._is_present and all(stored):
            return f'{{"values":{values_json}{self._json_end}'
        pairs = zip(self._statuses, stored, strict=True)
        statuses = [_NULL_VALUE if status == _PRESENT and not value else status for status, value in pairs]
        return f'{{"values":{values_json}{self._json_after_values(statuses)}'


@dataclass(frozen=True)
class Given:
    """A join key, a value of the request, or one computed from them: always there, and of no time."""

    protos: Callable[[], Sequence[ValueProto]]
    is_plain: bool = False
    """Whether JSON tells the values as Python does."""

    def seconds(self, rows: int) -> list[int]:
        """Feast's time for what has none."""
        return [0] * rows

    def vector(self, place: int) -> bytes:  # noqa: ARG002  # there is one column
        """The values as Feast makes them of Python's."""
        stored = [value.SerializeToString() for value in self.protos()]
        values = b"".join([_delimited(_VALUE, value) for value in stored])
        return values + _delimited(_STATUSES, bytes([_PRESENT]) * len(stored)) + _delimited(_STAMP, b"") * len(stored)

    def json(self, place: int, values: list[Any]) -> str:
        """Plain values from the column, others as Feast tells them."""
        values_json = json_list(values) if self.is_plain else None
        if values_json is None:
            return json_of_vector(self.vector(place))
        rows = len(values)
        statuses, times = json_of_statuses([_PRESENT] * rows), json_of_times([ABSENT] * rows)
        return f'{{"values":{values_json},"statuses":{statuses},"event_timestamps":{times}}}'


class ColumnarResponse(OnlineResponse):
    """What `get_online_features` returns: `to_df` and `to_arrow` are Feast's own, over this `to_dict`."""

    def __init__(
        self, columns: Sequence[Column], feature_types: dict[str, ValueType], versions: Sequence[tuple[str, int]] = ()
    ) -> None:
        # Feast's constructor wants the protobuf
        self._columns = columns
        self._feature_types = feature_types
        self._versions = versions

    @cached_property
    def proto(self) -> GetOnlineFeaturesResponse:  # type: ignore[override]  # Feast sets it when the response is made
        """The response as Feast's servers send it."""
        vectors = [source.vector(place) for _, _, source, place in self._columns]
        results = b"".join([_delimited(_RESULT, vector) for vector in vectors])
        response: GetOnlineFeaturesResponse = GetOnlineFeaturesResponse.FromString(results)
        response.metadata.feature_names.val.extend(name for name, *_ in self._columns)
        for name, version in self._versions:
            response.metadata.feature_view_metadata.add(name=name, version=version)
        return response

    def to_json(self) -> bytes:
        """What Feast's feature server sends: the JSON that it makes of the protobuf, byte for byte."""
        results = ",".join([source.json(place, values) for _, values, source, place in self._columns])
        metadata = json_of_metadata(tuple([name for name, *_ in self._columns]), tuple(self._versions))
        return f'{{"results":[{results}],"metadata":{metadata}}}'.encode()

    def to_dict(self, include_event_timestamps: bool = False) -> dict[str, Any]:
        """Lists by name; of several columns of one name the last, as in Feast."""
        if not include_event_timestamps:
            return {name: values[:] for name, values, _, _ in self._columns}
        response: dict[str, Any] = {}
        for name, values, source, _ in self._columns:
            response[name] = values[:]
            response[name + TIMESTAMP_POSTFIX] = source.seconds(len(values))
        return response

    def to_tensor(self, kind: str = "torch", default_value: Any = float("nan")) -> dict[str, Any]:
        """Feast's own conversion, which of the protobuf wants nothing but the names."""
        names = SimpleNamespace(val=[name for name, *_ in self._columns])
        named = SimpleNamespace(metadata=SimpleNamespace(feature_names=names))
        named_self: Any = SimpleNamespace(proto=named, to_dict=self.to_dict)
        tensors: dict[str, Any] = OnlineResponse.to_tensor(named_self, kind, default_value)
        return tensors


def _delimited(tag: bytes, content: bytes) -> bytes:
    size = len(content)
    return tag + (_SHORT[size] if size < 1 << 7 else _varint(size)) + content


def _varint(number: int) -> bytes:
    out = bytearray()
    while number >= 1 << 7:
        out.append(number & 0x7F | 0x80)
        number >>= 7
    return bytes([*out, number])
