"""A frame is rows on their way into a raw table: one NumPy array a column, every value a number.

Strings are codes into the contract's allowed words, and the code after the last stands for a word that nobody
allowed. Null is -1 in a column of integers and NaN in one of floats: no true value of this world is either.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

from pipelines.raw.contracts import RawTable

Frame = Mapping[str, NDArray[Any]]

UNHEARD_OF = "carrier pigeon"
"""The word of a broken row: no contract allows it."""


def code(raw: RawTable, column: str, word: str) -> int:
    """The number that stands for `word` in that column."""
    return raw[column].allowed.index(word)


def take(frame: Frame, rows: Any) -> Frame:
    """Those rows of the frame: a slice, a mask or indices."""
    return {name: values[rows] for name, values in frame.items()}


def stack(frames: list[Frame]) -> Frame:
    """The rows of all frames, one after the other."""
    return {name: np.concatenate([frame[name] for frame in frames]) for name in frames[0]}


def rows_of(frame: Frame) -> int:
    """How many rows the frame has."""
    return len(next(iter(frame.values())))


def schema_of(raw: RawTable, blanked: frozenset[str]) -> pa.Schema:
    """The contract's schema, nullable also where broken rows lack a value."""
    return pa.schema([field.with_nullable(field.nullable or field.name in blanked) for field in raw.schema])


def arrow_of(raw: RawTable, frame: Frame, blanked: frozenset[str]) -> pa.Table:
    """The frame as an Arrow table. Strings stay dictionary-coded: Parquet stores them so anyway."""
    schema = schema_of(raw, blanked)
    arrays = []
    for column, field in zip(raw.columns, schema, strict=True):
        values = frame[column.name]
        mask = (np.isnan(values) if values.dtype.kind == "f" else values < 0) if field.nullable else None
        if column.type == "string":
            words = pa.array([*column.allowed, UNHEARD_OF])
            arrays.append(pa.DictionaryArray.from_arrays(pa.array(values, pa.int8(), mask=mask), words))
        else:
            stored = {"date": pa.int32(), "timestamp": pa.int64()}.get(column.type, field.type)
            values = values.astype(stored.to_pandas_dtype(), copy=False)
            arrays.append(pa.array(values, stored, mask=mask).cast(field.type))
    fields = [pa.field(f.name, a.type, f.nullable) for f, a in zip(schema, arrays, strict=True)]
    return pa.Table.from_arrays(arrays, schema=pa.schema(fields))
