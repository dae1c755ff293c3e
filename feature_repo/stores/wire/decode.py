"""Replies of Redis to numbers: all values of all rows as one buffer, cut up by NumPy and not one by one."""

from __future__ import annotations

import struct
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property
from itertools import chain
from typing import Any, NamedTuple

import numpy as np
import numpy.typing as npt
from feast.protos.feast.types.Value_pb2 import Value as ValueProto
from feast.type_map import feast_value_type_to_python_type
from feast.value_type import ValueType
from google.protobuf.message import DecodeError  # type: ignore[import-untyped]

from feature_repo.stores.wire.encode import tag_of
from feature_repo.stores.wire.errors import CorruptValueError

Floats = npt.NDArray[np.float64]

# Types that become numbers, in the order in which their columns stand.
_ORDER = (ValueType.DOUBLE, ValueType.FLOAT, ValueType.INT64, ValueType.INT32, ValueType.BOOL)
_NUMBERS = ("double_val", "float_val", "int64_val", "int32_val", "bool_val")
# By the length of a varint, 11 for all that cannot be one: which of the eight bytes read at once are its own.
_KEPT = np.array([(1 << 8 * min(size, 8)) - 1 for size in range(12)], np.uint64)
_NAN = float("nan")
# By their size with the tag: what stands for a null, the tag, and the form for `struct`.
FIXED = {
    9: (struct.pack("<Bd", tag_of(ValueType.DOUBLE), _NAN), bytes([tag_of(ValueType.DOUBLE)]), "xd"),
    5: (struct.pack("<Bf", tag_of(ValueType.FLOAT), _NAN), bytes([tag_of(ValueType.FLOAT)]), "xf"),
}
_LOW_BITS = np.uint64(0x7F7F7F7F7F7F7F7F)
_HIGH_BITS = np.uint64(0x8080808080808080)
# Each byte of a varint but its last says that more follow; nothing equals what stands for lengths that cannot be.
_MORE = np.array([1, *(0x8080808080808080 & (1 << 8 * min(size, 8)) - 1 for size in (*range(8), 8, 8)), 1], np.uint64)
# Seven bits of each byte drawn together: pairs of bytes, then of pairs, then of fours.
_FOLDS = tuple(
    (np.uint64(low), np.uint64(high), np.uint64(shift))
    for low, high, shift in (
        (0x007F007F007F007F, 0x7F007F007F007F00, 1),
        (0x00003FFF00003FFF, 0x3FFF00003FFF0000, 2),
        (0x000000000FFFFFFF, 0x0FFFFFFF00000000, 4),
    )
)


def _small_numbers() -> dict[bytes | None, float]:
    """What is found instead of being read: nulls, and the integers that most counts are, whatever their type."""
    tags = [tag_of(kind) for kind in _ORDER[2:]]
    numbers: dict[bytes | None, float] = {None: _NAN, b"": _NAN}
    numbers |= {bytes([tag, number]): number for tag in tags for number in range(1 << 7)}
    for tag in tags:
        numbers |= {bytes([tag, 0x80 | number & 0x7F, number >> 7]): number for number in range(1 << 7, 1 << 11)}
    return numbers


_SMALL = _small_numbers()


def is_number(kind: ValueType) -> bool:
    """Whether values of this type become numbers; of the others each is a Python object."""
    return kind in _ORDER


def rank(kind: ValueType) -> int:
    """Where columns of this type stand among numbers."""
    return _ORDER.index(kind)


class Buffer:
    """The values of many replies, `width` in each: where each starts and how long it is."""

    def __init__(self, replies: Sequence[Sequence[bytes | None]], width: int) -> None:
        empty = (b"",) * width
        flat = list(chain.from_iterable(reply if any(reply) else empty for reply in replies))
        try:
            blob = b"".join(flat)  # type: ignore[arg-type]  # it refuses None, quicker than we could look for it
            self.has_absent = False
        except TypeError:
            flat = [value or b"" for value in flat]
            blob = b"".join(flat)  # type: ignore[arg-type]
            self.has_absent = True
        lengths = np.fromiter(map(len, flat), np.int64, len(flat))  # type: ignore[arg-type]
        # Eleven bytes are read from each start, wherever it is.
        self.blob = blob + bytes(24)
        self.starts = (np.cumsum(lengths) - lengths).reshape(-1, width)
        self.lengths = lengths.reshape(-1, width)

    def value(self, row: int, column: int) -> bytes:
        """One value as it is stored."""
        start = int(self.starts[row, column])
        return self.blob[start : start + int(self.lengths[row, column])]


@dataclass(frozen=True)
class NumberColumns:
    """Adjacent columns of replies that hold numbers of these types, in the order of `rank`."""

    names: tuple[str, ...]
    kinds: tuple[ValueType, ...]
    first: int

    @cached_property
    def _tags(self) -> npt.NDArray[np.uint8]:
        return np.array([tag_of(kind) for kind in self.kinds], np.uint8)

    @cached_property
    def bounds(self) -> tuple[int, int]:
        """Where the doubles end, and the floats."""
        ranks = [rank(kind) for kind in self.kinds]
        return sum(number < 1 for number in ranks), sum(number < 2 for number in ranks)

    def read(self, buffer: Buffer) -> Floats:
        """The numbers; NaN where nothing, or a null, is stored. Integers beyond 2^53 lose their last digits."""
        exact = self.read_exact(buffer)
        columns = exact.fractions.shape[1]
        out = np.empty(exact.empty.shape)
        out[:, :columns], out[:, columns:] = exact.fractions, exact.whole
        out[exact.empty] = np.nan
        for (row, column), stored in exact.others.items():
            out[row, column] = number_of(stored, self.names[column])
        return out

    def read_exact(self, buffer: Buffer) -> ExactNumbers:
        """The numbers in the types that they are stored in."""
        columns = slice(self.first, self.first + len(self.kinds))
        starts, lengths = buffer.starts[:, columns], buffer.lengths[:, columns]
        words: npt.NDArray[np.uint64] = np.ndarray((len(buffer.blob) - 7,), "<u8", buffer.blob, 0, (1,))
        tags = np.frombuffer(buffer.blob, np.uint8)[starts]
        content = words[starts + 1]
        fits = tags == self._tags
        doubles, floats = self.bounds
        fractions = np.empty((len(starts), floats))
        if doubles:
            fractions[:, :doubles] = content[:, :doubles].view("<f8")
            fits[:, :doubles] &= lengths[:, :doubles] == 9
        if floats > doubles:
            part = slice(doubles, floats)
            # What lies where a null is may look like a signalling NaN.
            with np.errstate(invalid="ignore"):
                fractions[:, part] = content[:, part].astype("<u4").view("<f4")
            fits[:, part] &= lengths[:, part] == 5
        whole = np.empty((len(starts), len(self.kinds) - floats), np.int64)
        if len(self.kinds) > floats:
            part = slice(floats, None)
            whole[:], sound = _whole(content[:, part], starts[:, part], lengths[:, part] - 1, words)
            fits[:, part] &= sound
        empty = lengths == 0
        others = np.argwhere(~(fits | empty)).tolist()
        return ExactNumbers(
            fractions,
            whole,
            empty,
            {(row, column): buffer.value(row, self.first + column) for row, column in others},
        )

    def read_few(self, reply: Sequence[bytes | None]) -> list[float]:
        """The numbers of one reply. For few rows this is quicker than to call NumPy some forty times."""
        doubles, floats = self.bounds
        first, middle, last = self.first, self.first + floats, self.first + len(self.kinds)
        out: list[float] = [
            *self._fixed(reply, first, first + doubles, 9),
            *self._fixed(reply, first + doubles, middle, 5),
        ]
        small: list[Any] = list(map(_SMALL.get, reply[middle:last]))
        if None in small:
            places = enumerate(small, middle)
            small = [self._large(reply[place] or b"", place) if number is None else number for place, number in places]
        return out + small

    def _large(self, value: bytes, place: int) -> float:
        number = place - self.first
        if value[0] == self._tags[number] and is_varint(value[1:]):
            return signed(value)
        return number_of(value, self.names[number])

    def _fixed(self, reply: Sequence[bytes | None], start: int, end: int, size: int) -> Sequence[float]:
        if start == end:
            return ()
        null, tag, form = FIXED[size]
        part = b"".join([value or null for value in reply[start:end]])
        if len(part) == size * (end - start) and part[::size] == tag * (end - start):
            return struct.unpack(f"<{form * (end - start)}", part)
        values = zip(reply[start:end], self.names[start - self.first :], strict=False)
        return [number_of(value, name) if value else _NAN for value, name in values]


class ExactNumbers(NamedTuple):
    """Fractions, then whole numbers (flags are 0 and 1), side by side; where `empty` is set there is a null.

    `others` has what is stored in another type than declared, or is no value at all, by its row and column.
    """

    fractions: Floats
    whole: npt.NDArray[np.int64]
    empty: npt.NDArray[np.bool_]
    others: dict[tuple[int, int], bytes]


def _whole(
    content: npt.NDArray[np.uint64],
    starts: npt.NDArray[np.int64],
    lengths: npt.NDArray[np.int64],
    words: npt.NDArray[np.uint64],
) -> tuple[npt.NDArray[np.int64], npt.NDArray[np.bool_]]:
    """The numbers, and whether each ends where its bytes do."""
    # Below zero is beyond eleven, too, when it is read without its sign.
    sizes = np.minimum(lengths.view(np.uint64), np.uint64(11)).view(np.int64)
    kept = content & _KEPT.take(sizes)
    sound = kept & _HIGH_BITS == _MORE.take(sizes)
    folded = kept & _LOW_BITS
    for low, high, shift in _FOLDS:
        folded = (folded & low) | ((folded & high) >> shift)
    if lengths.max(initial=0) > 8:
        rest = words[starts + 9]
        ninth, tenth = rest & np.uint64(0x7F), (rest >> np.uint64(8)) & np.uint64(1)
        folded |= np.where(lengths > 8, ninth << np.uint64(56), np.uint64(0))
        folded |= np.where(lengths > 9, tenth << np.uint64(63), np.uint64(0))
        sound &= (lengths != 9) | (rest & np.uint64(0x80) == 0)
        sound &= (lengths != 10) | (rest & np.uint64(0x8080) == 0x80)
    return folded.view(np.int64), sound


def is_varint(content: bytes) -> bool:
    """Whether the bytes are one whole varint.

    >>> is_varint(bytes([172, 2])), is_varint(bytes([172])), is_varint(bytes([2, 2])), is_varint(b"")
    (True, False, False, False)
    """
    return 0 < len(content) < 11 and content[-1] < 0x80 and (len(content) == 1 or min(content[:-1]) >= 0x80)


def signed(value: bytes) -> int:
    """The integer behind a tag, of any length."""
    number = sum((byte & 0x7F) << 7 * place for place, byte in enumerate(value[1:]))
    return number - (1 << 64) if number >= 1 << 63 else number


def parsed(stored: bytes, name: str) -> ValueProto:
    """A value as Feast knows it."""
    try:
        value: ValueProto = ValueProto.FromString(stored)
    except DecodeError:
        raise CorruptValueError(
            f"feature {name!r}: expected a value of Feast's, found {len(stored)} bytes that are none: "
            f"{stored[:16].hex()}"
        ) from None
    return value


def number_of(stored: bytes, name: str) -> float:
    """A number of whatever type: also of another than the view declares, if it was written before a change of it."""
    value = parsed(stored, name)
    which = value.WhichOneof("val")
    if which not in _NUMBERS:
        raise CorruptValueError(f"feature {name!r}: expected a number, found a {which}")
    return float(getattr(value, which))


def python_value(stored: bytes | None, kind: ValueType, name: str) -> Any:
    """A value that is not a number, as Feast's `to_dict` tells it."""
    if not stored:
        return None
    value = parsed(stored, name)
    return (
        value.string_val
        if value.HasField("string_val") and kind is ValueType.STRING
        else feast_value_type_to_python_type(value, kind)
    )
