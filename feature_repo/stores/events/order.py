"""Medians, maxima, ranks and counts of equals of any window of a column of integers: all from one sort of it."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from feature_repo.stores.events.padded import Matrix, padded_windows
from feature_repo.stores.events.record import Integers


@dataclass(frozen=True)
class WindowOrder:
    """Of each window, beside a value of its own."""

    # Twice the median, and the greatest value; 0 where the window is empty.
    twice_median: Integers
    greatest: Integers
    # How many values are less than its own, and how many are equal to it.
    less: Integers
    equal: Integers


def order_of(values: Integers, start: Integers, stop: Integers, beside: Integers) -> WindowOrder:
    """The order of each window [start, stop) of values within 2**61 either way, so that twice a median fits."""
    if len(start) == 1:
        return _order_of_one(values[start[0] : stop[0]], beside)
    column, fill = _narrowed(values)
    length = stop - start
    found = WindowOrder(*(np.zeros(len(start), np.int64) for _ in range(4)))
    # What is above all values is above them however far, and fits.
    limits = np.minimum(beside, fill)
    for rows, matrix in padded_windows(column, start, stop, fill):
        matrix.sort(axis=1)
        count, limit = length[rows], limits[rows]
        if matrix.shape[1]:
            _describe(found, rows, matrix, count)
        less = _place_in(matrix, limit, count, or_equal=False)
        found.less[rows] = less
        found.equal[rows] = np.where(limit < fill, _place_in(matrix, limit, count, or_equal=True) - less, 0)
    return found


def _order_of_one(window: Integers, beside: Integers) -> WindowOrder:
    ordered = np.sort(window)
    less = ordered.searchsorted(beside)
    equal = ordered.searchsorted(beside, side="right") - less
    if not len(ordered):
        return WindowOrder(less, less, less, equal)
    half = len(ordered) // 2
    middle = ordered[half : half + 1] + ordered[half - 1 + len(ordered) % 2]
    return WindowOrder(middle, ordered[-1:], less, equal)


def twice_median(values: Integers, start: Integers, stop: Integers) -> Integers:
    """Twice the median of each window, 0 where it is empty."""
    return order_of(values, start, stop, np.zeros(len(start), np.int64)).twice_median


def _describe(found: WindowOrder, rows: Integers, matrix: Matrix, count: Integers) -> None:
    flat = matrix.ravel()
    begin = np.arange(len(matrix)) * matrix.shape[1]
    is_there = count > 0
    lower, upper = (
        flat[begin + np.maximum(count - 1, 0) // 2],
        flat[begin + np.minimum(count // 2, matrix.shape[1] - 1)],
    )
    found.twice_median[rows] = np.where(is_there, lower.astype(np.int64) + upper, 0)
    found.greatest[rows] = np.where(is_there, flat[begin + np.maximum(count - 1, 0)], 0)


def _place_in(matrix: Matrix, limit: Integers, count: Integers, *, or_equal: bool) -> Integers:
    """How many of the first `count` sorted values of each row are less than its limit, or equal to it."""
    flat, begin = matrix.ravel(), np.arange(len(matrix)) * matrix.shape[1]
    low, high = np.zeros(len(matrix), np.int64), count
    for _ in range(matrix.shape[1].bit_length()):
        middle = (low + high) >> 1
        value = flat[np.minimum(begin + middle, len(flat) - 1)]
        goes_right = (low < high) & ((value <= limit) if or_equal else (value < limit))
        low, high = np.where(goes_right, middle + 1, low), np.where(goes_right, high, middle)
    return low


def _narrowed(values: Integers) -> tuple[Matrix, int]:
    """Values in half the bits if they fit, which sort in a third of the time, and a number above all of them."""
    limit = np.iinfo(np.int32)
    if len(values) and limit.min <= values.min() and values.max() < limit.max:
        return values.astype(np.int32), int(limit.max)
    return values, int(np.iinfo(np.int64).max)
