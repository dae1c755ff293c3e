"""How often each of a few codes, such as weekdays, occurs in a window: a prefix sum for each code."""

from __future__ import annotations

import numpy as np

from feature_repo.stores.events.record import Integers


class CodeCounts:
    """Counts of the codes 0 to `size` - 1 over windows [start, stop) of a column, for so many windows."""

    def __init__(self, codes: Integers, size: int, windows: int) -> None:
        self._codes, self._size, self._is_one = codes, size, windows == 1
        if self._is_one:
            return
        narrow = codes.astype(np.uint8)
        self._prefix = np.zeros((size, len(codes) + 1), np.int32)
        for code in range(size):
            np.cumsum(narrow == code, out=self._prefix[code, 1:])

    def of(self, code: Integers, start: Integers, stop: Integers) -> Integers:
        """How often a code of its own occurs in each window."""
        if self._is_one:
            return np.array([np.count_nonzero(self._codes[start[0] : stop[0]] == code)])
        return (self._prefix[code, stop] - self._prefix[code, start]).astype(np.int64)

    def distinct(self, start: Integers, stop: Integers) -> Integers:
        """How many codes other than 0 each window holds."""
        if self._is_one:
            counts = np.bincount(self._codes[start[0] : stop[0]], minlength=1)
            return np.array([np.count_nonzero(counts[1:])])
        kinds = np.zeros(len(start), np.int64)
        for prefix in self._prefix[1:]:
            kinds += prefix[stop] > prefix[start]
        return kinds
