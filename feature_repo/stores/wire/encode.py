"""Arrow columns to the bytes of Feast's protobuf values, one byte string a row; a null is an empty one."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.compute as pc
from feast.protos.feast.types.Value_pb2 import Value as ValueProto
from feast.type_map import python_values_to_proto_values
from feast.value_type import ValueType

from feature_repo.stores.wire.ragged import Bytes, Column, Integers, Padded, Ragged, joined

_VARINT, _FIXED64, _DELIMITED, _FIXED32 = 0, 1, 2, 5
_KINDS = {
    ValueType.DOUBLE: ("double_val", _FIXED64),
    ValueType.FLOAT: ("float_val", _FIXED32),
    ValueType.INT64: ("int64_val", _VARINT),
    ValueType.INT32: ("int32_val", _VARINT),
    ValueType.BOOL: ("bool_val", _VARINT),
    ValueType.UNIX_TIMESTAMP: ("unix_timestamp_val", _VARINT),
    ValueType.STRING: ("string_val", _DELIMITED),
    ValueType.BYTES: ("bytes_val", _DELIMITED),
}


def tag_of(kind: ValueType) -> int:
    """The byte before a value of this type."""
    name, wire = _KINDS[kind]
    number: int = ValueProto.DESCRIPTOR.fields_by_name[name].number
    return number << 3 | wire


def is_wide(kind: ValueType) -> bool:
    """Whether values of this type may be longer than 31 bytes."""
    return kind not in _KINDS or _KINDS[kind][1] == _DELIMITED


def encoded(column: pa.Array, kind: ValueType) -> Column:
    """The values of a column. Types without a path of their own take Feast's, value by value."""
    for fits, encode in _PATHS.get(kind, ()):
        if fits(column.type):
            return encode(column, tag_of(kind))
    values = python_values_to_proto_values(column.to_numpy(zero_copy_only=False), kind)
    return Ragged.of([value.SerializeToString() for value in values])


def varints(values: npt.NDArray[np.uint64]) -> Padded:
    """Each number, seven bits a byte, the lowest first.

    >>> varints(np.array([1, 300], np.uint64)).block.tolist()
    [[1, 0], [172, 2]]
    """
    lengths = np.ones(len(values), np.int64)
    for size in range(1, 10):
        lengths += values >= np.uint64(1 << 7 * size)
    width = int(lengths.max(initial=1))
    block = np.empty((len(values), width), np.uint8)
    for place in range(width):
        more = (lengths > place + 1).astype(np.uint8) << np.uint8(7)
        block[:, place] = (values >> np.uint64(7 * place)).astype(np.uint8) & 0x7F | more
    block[np.arange(width) >= lengths[:, None]] = 0
    return Padded(block, lengths)


def _fixed(column: pa.Array, tag: int, dtype: str) -> Padded:
    # NaN is a null to Feast, as it is to pandas.
    values = pc.fill_null(column, float("nan")).to_numpy(zero_copy_only=False).astype(dtype)
    block = np.empty((len(values), 1 + values.dtype.itemsize), np.uint8)
    block[:, 0] = tag
    block[:, 1:] = values.view(np.uint8).reshape(len(values), -1)
    return Padded(block, np.where(np.isnan(values), 0, block.shape[1]))


def _doubles(column: pa.Array, tag: int) -> Padded:
    return _fixed(column.cast(pa.float64(), safe=False), tag, "<f8")


def _floats(column: pa.Array, tag: int) -> Padded:
    return _fixed(column.cast(pa.float32(), safe=False), tag, "<f4")


def _whole_numbers(column: pa.Array, tag: int) -> Padded:
    whole = pc.fill_null(column, 0).to_numpy(zero_copy_only=False).astype(np.int64).view(np.uint64)
    return _tagged(column, tag, varints(whole))


def _flags(column: pa.Array, tag: int) -> Padded:
    return _whole_numbers(column.cast(pa.int8()), tag)


def _seconds(column: pa.Array, tag: int) -> Padded:
    moments = column.to_numpy(zero_copy_only=False).astype("datetime64[s]").view(np.int64)
    return _whole_numbers(pa.array(moments, mask=np.asarray(column.is_null())), tag)


def _tagged(column: pa.Array, tag: int, numbers: Padded) -> Padded:
    block = np.empty((len(column), 1 + numbers.block.shape[1]), np.uint8)
    block[:, 0] = tag
    block[:, 1:] = numbers.block
    return Padded(block, np.where(_valid(column), numbers.lengths + 1, 0))


def _texts(column: pa.Array, tag: int) -> Ragged:
    whole = column.cast(pa.large_binary())
    _, offsets, data = whole.buffers()
    bounds = np.frombuffer(offsets, np.int64)[whole.offset : whole.offset + len(whole) + 1]
    content: Bytes = np.frombuffer(data or b"", np.uint8)[bounds[0] : bounds[-1]]
    lengths: Integers = np.diff(bounds)
    texts = Ragged(content, lengths)
    valid = _valid(column)
    sizes = _tagged(column, tag, varints(lengths.view(np.uint64)))
    if not valid.all() and lengths[~valid].any():
        present = texts.take(np.flatnonzero(valid))
        lengths = np.where(valid, lengths, 0)
        texts = Ragged(present.data, lengths)
    return joined([sizes, texts], len(column))


def _valid(column: pa.Array) -> npt.NDArray[np.bool_]:
    return np.asarray(column.is_valid())


def _is_text(kind: pa.DataType) -> bool:
    return bool(pa.types.is_string(kind) or pa.types.is_large_string(kind))


def _is_binary(kind: pa.DataType) -> bool:
    return bool(pa.types.is_binary(kind) or pa.types.is_large_binary(kind))


def _is_small_integer(kind: pa.DataType) -> bool:
    return bool(pa.types.is_signed_integer(kind) and kind.bit_width <= 32)


def _is_floating(kind: pa.DataType) -> bool:
    return bool(pa.types.is_float32(kind) or pa.types.is_float64(kind))


_Path = tuple[Callable[[pa.DataType], bool], Callable[[pa.Array, int], Column]]
_PATHS: dict[ValueType, tuple[_Path, ...]] = {
    ValueType.DOUBLE: ((_is_floating, _doubles),),
    ValueType.FLOAT: ((_is_floating, _floats),),
    ValueType.INT64: ((pa.types.is_signed_integer, _whole_numbers),),
    ValueType.INT32: ((_is_small_integer, _whole_numbers),),
    ValueType.BOOL: ((pa.types.is_boolean, _flags),),
    ValueType.UNIX_TIMESTAMP: ((pa.types.is_timestamp, _seconds),),
    ValueType.STRING: ((_is_text, _texts),),
    ValueType.BYTES: ((_is_binary, _texts),),
}
