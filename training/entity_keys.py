"""The keys that say of whom a row is, as numbers: to thin rows, and to keep those of an entity together."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import numpy.typing as npt
import pandas as pd
import pyarrow as pa

_MULTIPLIER = np.uint64(0x9E3779B97F4A7C15)


def entity_numbers(rows: pa.Table, keys: Sequence[str]) -> npt.NDArray[np.int64]:
    """A number for each row, the same for rows of one entity: its key if that is a number, else a code."""
    if len(keys) == 1 and pa.types.is_integer(rows[keys[0]].type):
        return np.asarray(rows[keys[0]].to_numpy())
    _, codes = np.unique(key_hashes(rows, keys), return_inverse=True)
    return codes.astype(np.int64)


def key_hashes(rows: pa.Table, keys: Sequence[str]) -> npt.NDArray[np.uint64]:
    """A hash of each row's keys, the same in every process."""
    mixed = np.zeros(len(rows), np.uint64)
    for key in keys:
        mixed = (mixed ^ _as_numbers(rows[key])) * _MULTIPLIER
    return mixed


def _as_numbers(column: pa.ChunkedArray) -> npt.NDArray[np.uint64]:
    if pa.types.is_integer(column.type):
        return np.asarray(column.to_numpy().astype(np.uint64))
    return np.asarray(pd.util.hash_array(np.asarray(column.to_pylist(), object)), np.uint64)
