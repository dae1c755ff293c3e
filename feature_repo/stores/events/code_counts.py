"""How often some of a few codes, such as weekdays, occur in a window: by prefix sums, or by looking at each event."""

from __future__ import annotations

from collections.abc import Sequence
from functools import cached_property

import numpy as np
import numpy.typing as npt

from feature_repo.stores.events.padded import padded_windows
from feature_repo.stores.events.record import Integers


class CodeCounts:
    """Counts of the codes 0 to `size` - 1, at most 31, in windows [start, stop) of a column."""

    def __init__(self, codes: Integers, size: int) -> None:
        self._codes, self._size = codes, size

    def of(self, codes: Sequence[Integers], start: Integers, stop: Integers) -> Integers:
        """How many events of each window have one of the window's codes, which differ from each other."""
        if len(start) == 1:
            window = self._codes[start[0] : stop[0]]
            return np.array([sum(np.count_nonzero(window == code) for code in codes)])
        count = np.zeros(len(start), np.int64)
        if self._is_short(start, stop):
            wanted = np.zeros(len(start), np.int32)
            for code in codes:
                wanted |= _bits(code)
            for rows, matrix in padded_windows(_bits(self._codes), start, stop, 0):
                count[rows] = np.count_nonzero(matrix & wanted[rows, None], axis=1)
            return count
        for code in codes:
            count += self._prefixes[code, stop] - self._prefixes[code, start]
        return count

    def distinct(self, start: Integers, stop: Integers) -> Integers:
        """How many codes other than 0 each window holds."""
        if len(start) == 1:
            return np.array([np.count_nonzero(np.bincount(self._codes[start[0] : stop[0]])[1:])])
        kinds = np.zeros(len(start), np.int64)
        if self._is_short(start, stop):
            for rows, matrix in padded_windows(_bits(self._codes), start, stop, 0):
                kinds[rows] = np.bitwise_count(np.bitwise_or.reduce(matrix, axis=1) >> 1)
            return kinds
        for prefix in self._prefixes[1:]:
            kinds += prefix[stop] > prefix[start]
        return kinds

    def _is_short(self, start: Integers, stop: Integers) -> bool:
        """Whether windows hold fewer events than prefix sums would go through."""
        return 2 * int((stop - start).sum()) < self._size * len(self._codes)

    @cached_property
    def _prefixes(self) -> npt.NDArray[np.int32]:
        narrow = self._codes.astype(np.uint8)
        prefixes = np.zeros((self._size, len(narrow) + 1), np.int32)
        for code in range(self._size):
            np.cumsum(narrow == code, out=prefixes[code, 1:])
        return prefixes


def _bits(codes: Integers) -> npt.NDArray[np.int32]:
    return np.left_shift(np.int32(1), codes.astype(np.int32))
