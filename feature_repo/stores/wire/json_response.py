"""A response of columns as Feast's feature server sends it: the bytes that it makes of the protobuf, without one.

What is no plain number, flag or text is left to Feast's own conversion, a column at a time.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping, Sequence
from functools import lru_cache
from json.encoder import encode_basestring
from typing import Any

from feast.feature_server_utils import convert_response_to_dict
from feast.protos.feast.serving.ServingService_pb2 import FieldStatus, GetOnlineFeaturesResponse
from feast.value_type import ValueType

from feature_repo.stores.wire.encode import tag_of
from feature_repo.stores.wire.times import ABSENT, stamp

# As Starlette's JSONResponse, which Feast's server sends, is set.
_ENCODER = json.JSONEncoder(ensure_ascii=False, allow_nan=False, separators=(",", ":"))
_NOT_FINITE = {"nan": '"NaN"', "inf": '"Infinity"', "-inf": '"-Infinity"'}
PLAIN_TAGS = frozenset(
    tag_of(kind)
    for kind in (
        ValueType.DOUBLE, ValueType.FLOAT, ValueType.INT64, ValueType.INT32, ValueType.BOOL, ValueType.STRING,
    )
)  # fmt: skip
"""By the first byte of a stored value: those that JSON tells as Python does."""


def _fraction(value: float) -> str:
    text = repr(value)
    return _NOT_FINITE.get(text, text)


_TEXT_OF: Mapping[type, Callable[[Any], str]] = {
    float: _fraction,
    int: repr,
    str: encode_basestring,
    bool: lambda flag: "true" if flag else "false",
    type(None): lambda _: "null",
}


def json_list(values: Sequence[Any]) -> str | None:
    """Plain values as a JSON list; None if one of them is not plain."""
    try:
        return f"[{','.join([_TEXT_OF[type(value)](value) for value in values])}]"
    except KeyError:
        return None


def json_of_times(times: Sequence[int]) -> str:
    """Event times in microseconds, as a JSON list."""
    return f"[{','.join([_time(at) for at in times])}]"


def json_of_statuses(statuses: Sequence[int]) -> str:
    """Feast's statuses, as a JSON list of their names."""
    return f"[{','.join([_STATUSES[status] for status in statuses])}]"


@lru_cache(maxsize=4096)
def _time(at: int) -> str:
    """Those of a day's snapshots are few."""
    response = GetOnlineFeaturesResponse()
    response.results.add().event_timestamps.add().MergeFromString(b"" if at == ABSENT else stamp(at))
    (text,) = convert_response_to_dict(response)["results"][0]["event_timestamps"]
    return _ENCODER.encode(text)


def _status_names() -> list[str]:
    response = GetOnlineFeaturesResponse()
    response.results.add().statuses.extend(sorted(FieldStatus.values()))
    return [_ENCODER.encode(name) for name in convert_response_to_dict(response)["results"][0]["statuses"]]


_STATUSES = _status_names()


def json_of_vector(vector: bytes) -> str:
    """A feature vector of Feast's, whatever is in it."""
    response = GetOnlineFeaturesResponse()
    response.results.add().MergeFromString(vector)
    return _ENCODER.encode(convert_response_to_dict(response)["results"][0])


@lru_cache(maxsize=256)
def json_of_metadata(names: tuple[str, ...], versions: tuple[tuple[str, int], ...]) -> str:
    """What stands behind the vectors."""
    response = GetOnlineFeaturesResponse()
    response.metadata.feature_names.val.extend(names)
    for name, version in versions:
        response.metadata.feature_view_metadata.add(name=name, version=version)
    return _ENCODER.encode(convert_response_to_dict(response)["metadata"])
