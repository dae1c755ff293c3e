"""Medians, ranks and counts below a value, over any window of a column of integers.

For many windows: a wavelet matrix. Values become ranks; bit by bit, the highest first, those with a 0 move before
those with a 1, in order. A window remains a window on the way, so that each bit costs two look-ups a window, however
many values it holds. For a single window: sort it. Both answer with integers, so that they cannot differ by a bit.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Protocol

import numpy as np

from feature_repo.stores.events.record import Integers


class WindowOrder(Protocol):
    """What can be asked of windows [start, stop) of a column."""

    def smallest(self, start: Integers, stop: Integers, place: Integers) -> Integers:
        """The value at a place (from 0) of each window's sorted values; anything where there is no such place."""

    def below(self, start: Integers, stop: Integers, value: Integers) -> tuple[Integers, Integers]:
        """How many values of each window are less than a value of its own, and how many are equal to it."""


def order_of(values: Integers, windows: int) -> WindowOrder:
    """What answers best for so many windows."""
    return OneWindowOrder(values) if windows == 1 else WaveletMatrix(values)


def middle_sum(order: WindowOrder, start: Integers, stop: Integers) -> Integers:
    """Twice the median of each window: the sum of the two values in its middle; anything where it is empty.

    Values lie within 2**61 either way, so that two of them fit.
    """
    count = stop - start
    upper = order.smallest(start, stop, count // 2)
    is_even = np.flatnonzero((count % 2 == 0) & (count > 0))
    lower = upper.copy()
    if len(is_even):
        lower[is_even] = order.smallest(start[is_even], stop[is_even], count[is_even] // 2 - 1)
    return lower + upper


@dataclass(frozen=True)
class OneWindowOrder:
    """Windows one by one."""

    values: Integers

    def smallest(self, start: Integers, stop: Integers, place: Integers) -> Integers:
        """See `WindowOrder`."""
        found = np.zeros(len(start), np.int64)
        for row, (first, last, at) in enumerate(zip(start.tolist(), stop.tolist(), place.tolist(), strict=True)):
            if at < last - first:
                found[row] = np.partition(self.values[first:last], at)[at]
        return found

    def below(self, start: Integers, stop: Integers, value: Integers) -> tuple[Integers, Integers]:
        """See `WindowOrder`."""
        less, equal = np.zeros(len(start), np.int64), np.zeros(len(start), np.int64)
        for row, (first, last, limit) in enumerate(zip(start.tolist(), stop.tolist(), value.tolist(), strict=True)):
            window = self.values[first:last]
            less[row], equal[row] = np.count_nonzero(window < limit), np.count_nonzero(window == limit)
        return less, equal


class WaveletMatrix:
    """Many windows at once."""

    def __init__(self, values: Integers) -> None:
        self._distinct, ranks = np.unique(values, return_inverse=True)
        # One value more than there are, so that a value above all of them has a rank too.
        self._bits = range(len(self._distinct).bit_length() - 1, -1, -1)
        self._zeros: list[Integers] = []
        for bit in self._bits:
            is_one = (ranks >> bit) & 1
            zeros = np.zeros(len(ranks) + 1, np.int64)
            np.cumsum(1 - is_one, out=zeros[1:])
            self._zeros.append(zeros)
            goes_right = is_one.astype(np.bool_)
            ranks = np.concatenate((ranks[~goes_right], ranks[goes_right]))

    def smallest(self, start: Integers, stop: Integers, place: Integers) -> Integers:
        """See `WindowOrder`."""
        rank = np.zeros(len(start), np.int64)
        for bit, zeros in zip(self._bits, self._zeros, strict=True):
            zeros_before, zeros_until = zeros[start], zeros[stop]
            zeros_within = zeros_until - zeros_before
            goes_left = place < zeros_within
            start = np.where(goes_left, zeros_before, start - zeros_before + zeros[-1])
            stop = np.where(goes_left, zeros_until, stop - zeros_until + zeros[-1])
            place = np.where(goes_left, place, place - zeros_within)
            rank |= np.where(goes_left, 0, 1 << bit)
        if not len(self._distinct):
            return rank
        return self._distinct[np.minimum(rank, len(self._distinct) - 1)]

    def below(self, start: Integers, stop: Integers, value: Integers) -> tuple[Integers, Integers]:
        """See `WindowOrder`."""
        rank = np.searchsorted(self._distinct, value)
        less = np.zeros(len(start), np.int64)
        for bit, zeros in zip(self._bits, self._zeros, strict=True):
            zeros_before, zeros_until = zeros[start], zeros[stop]
            goes_right = ((rank >> bit) & 1).astype(np.bool_)
            less += np.where(goes_right, zeros_until - zeros_before, 0)
            start = np.where(goes_right, start - zeros_before + zeros[-1], zeros_before)
            stop = np.where(goes_right, stop - zeros_until + zeros[-1], zeros_until)
        is_there = np.zeros(len(rank), np.bool_)
        if len(self._distinct):
            is_there = self._distinct[np.minimum(rank, len(self._distinct) - 1)] == value
        return less, np.where(is_there, stop - start, 0)
