"""Sums over windows by prefix sums of int64: the prefixes may wrap, their differences are exact as long as they fit.

Floats would not do: their prefix sums depend on all that stands before a window, so that the same events would give
other bits in another array.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from feature_repo.stores.events.record import Integers

Floats = npt.NDArray[np.float64]

# Values whose spread is wanted lie within 0 and this, windows within so many values: then all below fits into int64.
SPREAD_BITS = 50
SPREAD_COUNT = 1_024
_HALF = 24
_EXACT_BELOW = 2.0**62


class WindowSums:
    """The sum of a column over any window of it."""

    def __init__(self, values: npt.NDArray[np.generic]) -> None:
        self._prefix = np.empty(len(values) + 1, np.int64)
        self._prefix[0] = 0
        # Flags would be added far more slowly than the numbers that they are turned into first.
        np.add.accumulate(values.astype(np.int64, copy=False), out=self._prefix[1:])

    def until(self, stop: Integers) -> Integers:
        """The sums of all before `stop`."""
        return self._prefix[stop]

    def between(self, start: Integers, stop: Integers) -> Integers:
        """The sums over [start, stop)."""
        return self._prefix[stop] - self._prefix[start]


class WindowSpread:
    """Count, mean and sample deviation of a column of integers of 0 to 2**50 over any window of it.

    Squares are too large for int64. Each value is split into a high and a low half, whose squares are not; the squares
    of distances from the window's mean are put together from sums of those.
    """

    def __init__(self, values: Integers) -> None:
        high, low = values >> _HALF, values & (2**_HALF - 1)
        # Low halves need no sums of their own: they are what the high ones leave.
        parts = np.array((values, high, high * high, high * low, low * low))
        self._prefixes = np.zeros((5, len(values) + 1), np.int64)
        np.add.accumulate(parts, axis=1, out=self._prefixes[:, 1:])

    def total(self, start: Integers, stop: Integers) -> Integers:
        """The sums over [start, stop)."""
        sums: Integers = self._prefixes[0][stop] - self._prefixes[0][start]
        return sums

    def between(self, start: Integers, stop: Integers) -> Spread:
        """Over [start, stop), which may be empty and holds at most 1,024 values."""
        count = stop - start
        total, high, high_high, high_low, low_low = self._prefixes.take(stop, 1) - self._prefixes.take(start, 1)
        low = total - (high << _HALF)
        some = np.maximum(count, 1)
        centre = total // some
        centre_high, centre_low = centre >> _HALF, centre & (2**_HALF - 1)
        # Sums of (h - H)(h - H), (h - H)(l - L) and (l - L)(l - L): what wraps underway cancels out.
        upper = high_high - centre_high * (2 * high - count * centre_high)
        mixed = high_low - centre_high * low - centre_low * high + count * centre_high * centre_low
        lower = low_low - centre_low * (2 * low - count * centre_low)
        rough = upper * 2.0 ** (2 * _HALF) + mixed * 2.0 ** (_HALF + 1) + lower
        exact = (upper << 2 * _HALF) + (mixed << _HALF + 1) + lower
        # Small sums cancel in floats, and are exact in int64; large ones do not fit there, and do not cancel.
        squares = np.where(rough < _EXACT_BELOW, exact.astype(np.float64), rough)
        rest = total - centre * count
        squares = squares - rest * (rest / some)
        return Spread(count, total, np.sqrt(squares / np.maximum(count - 1, 1)))


@dataclass(frozen=True)
class Spread:
    """Of windows: how many values, their sum, and their sample deviation, which is 0 where there are fewer than two."""

    count: Integers
    total: Integers
    deviation: Floats


def gaps_of(instants: Integers) -> Integers:
    """From each instant's predecessor to it; 0 for the first, and wherever it would be negative.

    Where windows of several entities stand one after the other, the first gap of each is of no window.

    >>> gaps_of(np.array([3, 5, 9, 1])).tolist()
    [0, 2, 4, 0]
    """
    gaps = np.zeros(len(instants), np.int64)
    np.subtract(instants[1:], instants[:-1], out=gaps[1:])
    return np.maximum(gaps, 0)


def ratio(numerator: Integers | Floats, denominator: Integers | Floats) -> Floats:
    """Their quotient, NaN where the denominator is 0 or NaN.

    >>> ratio(np.array([1.0, 2.0]), np.array([4, 0])).tolist()
    [0.25, nan]
    """
    quotient: Floats = numerator / or_nan(denominator)
    return quotient


def or_nan(denominator: Integers | Floats) -> Floats:
    """The same, NaN where it is 0: what is divided by that is NaN too."""
    floats = denominator.astype(np.float64)
    floats[floats == 0] = np.nan
    return floats
