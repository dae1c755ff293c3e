"""Of the rows of one entity the newest: the others need not travel."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.compute as pc


def newest(
    keys: Sequence[pa.Array], events: npt.NDArray[np.int64], created: npt.NDArray[np.int64]
) -> npt.NDArray[np.int64]:
    """The positions to keep, in order: for each key the latest event time, then created time, then position.

    >>> newest([pa.array([1, 2, 1])], np.array([5, 5, 5]), np.array([0, 0, 0])).tolist()
    [1, 2]
    """
    entity = np.zeros(len(events), np.int64)
    for key in keys:
        codes = pc.dictionary_encode(key)
        entity = entity * max(1, len(codes.dictionary)) + pc.fill_null(codes.indices, 0).to_numpy(zero_copy_only=False)
        _, entity = np.unique(entity, return_inverse=True)
    if len(entity) == 0 or entity.max() + 1 == len(entity):
        return np.arange(len(events))
    order = np.lexsort((created, events, entity))
    last = np.append(np.diff(entity[order]) != 0, True)
    return np.sort(order[last])
