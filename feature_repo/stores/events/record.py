"""An event as bytes of one width, from a declaration: what an online store appends and NumPy reads without parsing."""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import cached_property

import numpy as np
import numpy.typing as npt
import pyarrow as pa

Integers = npt.NDArray[np.int64]
Records = npt.NDArray[np.void]

# What a null is: an integer's lowest value (no amount or instant comes near it); hashes and codes count from 1.
NO_INTEGER = int(np.iinfo(np.int64).min)
NO_HASH = 0
NO_CODE = 0


@dataclass(frozen=True)
class IntegerField:
    """A number, such as an amount in cents."""

    name: str


@dataclass(frozen=True)
class HashField:
    """A text of which only equality counts; it is kept as a hash, which is the same whatever has been seen before."""

    name: str
    bits: int = 40
    normalise: Callable[[str], str] = str.strip

    def hash_of(self, text: str | None) -> int:
        """The hash of a text in its normal form; 0 for none or an empty one.

        >>> field = HashField("merchant", normalise=str.lower)
        >>> field.hash_of("Corner Shop") == field.hash_of("corner shop") < 2**40
        True
        >>> field.hash_of(None)
        0
        """
        if text is None or not (normal := self.normalise(text)):
            return NO_HASH
        digest = hashlib.blake2b(normal.encode(), digest_size=self.bits // 8).digest()
        return int.from_bytes(digest, "little") or 1

    def encode(self, texts: pa.Array | pa.ChunkedArray) -> Integers:
        """The hashes of a column; each distinct text is hashed once."""
        return _encode(texts, self.hash_of)


@dataclass(frozen=True)
class CodeField:
    """One of a few declared texts, kept as its place in the declaration from 1 on: append values, never reorder."""

    name: str
    values: tuple[str, ...]

    def code_of(self, text: str | None) -> int:
        """The code of a text; 0 for none."""
        if text is None:
            return NO_CODE
        if text not in self.values:
            raise ValueError(f"{self.name}: expected one of {', '.join(self.values)}, found {text!r}; declare it")
        return self.values.index(text) + 1

    def encode(self, texts: pa.Array | pa.ChunkedArray) -> Integers:
        """The codes of a column."""
        return _encode(texts, self.code_of)


EventField = IntegerField | HashField | CodeField


@dataclass(frozen=True)
class EventSchema:
    """What an event consists of besides its id, when it occurred and when it became known (microseconds, UTC)."""

    fields: tuple[EventField, ...]

    def __post_init__(self) -> None:
        names = [*_HEAD, *(field.name for field in self.fields)]
        if len(set(names)) < len(names):
            raise ValueError(f"expected a name of its own for each field of an event, found {', '.join(names)}")
        for field in self.fields:
            if isinstance(field, HashField) and (field.bits % 8 or not 8 <= field.bits <= 40):
                raise ValueError(f"{field.name}: expected a hash of 8, 16, 24, 32 or 40 bits, found {field.bits}")
            if isinstance(field, CodeField) and len(field.values) > 255:
                raise ValueError(f"{field.name}: expected at most 255 values, found {len(field.values)}: hash it")

    @cached_property
    def dtype(self) -> np.dtype[np.void]:
        """The packed record."""
        return np.dtype([*((name, "<i8") for name in _HEAD), *((field.name, *_kind(field)) for field in self.fields)])

    def pack(self, columns: Mapping[str, Integers]) -> Records:
        """Records from columns of int64, one of each name."""
        if missing := [name for name in self.dtype.names or () if name not in columns]:
            raise ValueError(f"expected columns {', '.join(self.dtype.names or ())}; missing: {', '.join(missing)}")
        records = np.zeros(len(columns["id"]), self.dtype)
        for name in _HEAD:
            records[name] = columns[name]
        for field in self.fields:
            records[field.name] = _packed(field, np.ascontiguousarray(columns[field.name], np.int64))
        return records

    def read(self, data: bytes | memoryview) -> Records:
        """Records over bytes, which are not copied."""
        if len(data) % self.dtype.itemsize:
            raise ValueError(f"expected events of {self.dtype.itemsize} bytes each, found {len(data)} bytes in all")
        return np.frombuffer(data, self.dtype)

    def columns(self, records: Records) -> dict[str, Integers]:
        """Columns of int64, one of each name, side by side in memory."""
        head = {name: records[name].astype(np.int64) for name in _HEAD}
        return head | {field.name: _unpacked(field, records[field.name]) for field in self.fields}


_HEAD = ("id", "occurred", "known")


def _kind(field: EventField) -> tuple[str] | tuple[str, tuple[int]]:
    if isinstance(field, IntegerField):
        return ("<i8",)
    return ("u1", (field.bits // 8,)) if isinstance(field, HashField) else ("u1",)


def _packed(field: EventField, values: Integers) -> npt.NDArray[np.generic]:
    if isinstance(field, IntegerField):
        return values
    highest = 2**field.bits - 1 if isinstance(field, HashField) else len(field.values)
    if len(values) and (values.min() < 0 or values.max() > highest):
        raise ValueError(f"{field.name}: expected 0 to {highest}, found {values.min()} to {values.max()}")
    if isinstance(field, CodeField):
        return values.astype(np.uint8)
    return values.astype("<i8").view(np.uint8).reshape(-1, 8)[:, : field.bits // 8]


def _unpacked(field: EventField, values: npt.NDArray[np.generic]) -> Integers:
    if not isinstance(field, HashField):
        return values.astype(np.int64)
    whole = np.zeros((len(values), 8), np.uint8)
    whole[:, : field.bits // 8] = values
    return whole.view("<i8").reshape(-1).astype(np.int64, copy=False)


def _encode(texts: pa.Array | pa.ChunkedArray, code_of: Callable[[str | None], int]) -> Integers:
    whole = texts.combine_chunks() if isinstance(texts, pa.ChunkedArray) else texts
    encoded = whole.dictionary_encode(null_encoding="encode")
    codes = np.array([code_of(text) for text in encoded.dictionary.to_pylist()], np.int64)
    numbers: Integers = encoded.indices.to_numpy().astype(np.int64)
    return codes[numbers]
