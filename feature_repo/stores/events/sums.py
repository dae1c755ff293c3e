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
        np.cumsum(values, out=self._prefix[1:])

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
        self._sum, self._high = WindowSums(values), WindowSums(high)
        self._high_high, self._high_low, self._low_low = (
            WindowSums(high * high),
            WindowSums(high * low),
            WindowSums(low * low),
        )

    def total(self, start: Integers, stop: Integers) -> Integers:
        """The sums over [start, stop)."""
        return self._sum.between(start, stop)

    def between(self, start: Integers, stop: Integers) -> Spread:
        """Over [start, stop), which may be empty and holds at most 1,024 values."""
        count, total, high = stop - start, self._sum.between(start, stop), self._high.between(start, stop)
        low = total - (high << _HALF)
        centre = total // np.maximum(count, 1)
        centre_high, centre_low = centre >> _HALF, centre & (2**_HALF - 1)
        # Sums of (h - H)(h - H), (h - H)(l - L) and (l - L)(l - L): what wraps underway cancels out.
        upper = self._high_high.between(start, stop) - centre_high * (2 * high - count * centre_high)
        mixed = (
            self._high_low.between(start, stop)
            - centre_high * low
            - centre_low * high
            + count * centre_high * centre_low
        )
        lower = self._low_low.between(start, stop) - centre_low * (2 * low - count * centre_low)
        rough = upper * 2.0 ** (2 * _HALF) + mixed * 2.0 ** (_HALF + 1) + lower
        exact = (upper << 2 * _HALF) + (mixed << _HALF + 1) + lower
        # Small sums cancel in floats, and are exact in int64; large ones do not fit there, and do not cancel.
        squares = np.where(rough < _EXACT_BELOW, exact.astype(np.float64), rough)
        rest = total - centre * count
        squares = squares - rest * (rest / np.maximum(count, 1))
        return Spread(count, total, np.sqrt(squares / np.maximum(count - 1, 1)))


@dataclass(frozen=True)
class Spread:
    """Of windows: how many values, their sum, and their sample deviation, which is 0 where there are fewer than two."""

    count: Integers
    total: Integers
    deviation: Floats


def ratio(numerator: npt.NDArray[np.generic], denominator: npt.NDArray[np.generic]) -> Floats:
    """Their quotient, NaN where the denominator is 0 or NaN.

    >>> ratio(np.array([1.0, 2.0]), np.array([4, 0])).tolist()
    [0.25, nan]
    """
    quotient: Floats = numerator / np.where(denominator == 0, np.nan, denominator)
    return quotient
