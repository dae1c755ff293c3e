"""The greatest value of a window, and the last event of it that something holds of."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from feature_repo.stores.events.record import NO_INTEGER, Integers

NO_PLACE = -1


def greatest(values: Integers, start: Integers, stop: Integers) -> Integers:
    """The greatest value of each window [start, stop); the lowest int64 where it is empty."""
    found = np.full(len(start), NO_INTEGER, np.int64)
    if len(start) == 1:
        window = values[start[0] : stop[0]]
        return window.max(keepdims=True) if len(window) else found
    length = stop - start
    # Any window is covered by two of the greatest power of two that fits into it.
    table, width = values, 1
    levels = np.frexp(length)[1] - 1
    for level in range(int(levels.max(initial=-1)) + 1):
        rows = np.flatnonzero(levels == level)
        found[rows] = np.maximum(table[start[rows]], table[stop[rows] - width])
        table, width = np.maximum(table[:-width], table[width:]), 2 * width
    return found


def last_where(flags: npt.NDArray[np.bool_], start: Integers, stop: Integers) -> Integers:
    """The last place of each window at which a flag is set, or -1."""
    if len(start) == 1:
        places = flags[start[0] : stop[0]].nonzero()[0]
        return (places[-1:] + start) if len(places) else np.array([NO_PLACE])
    last = np.full(len(flags) + 1, NO_PLACE, np.int64)
    last[1:] = np.maximum.accumulate(np.where(flags, np.arange(len(flags)), NO_PLACE))
    place = last[stop]
    return np.where(place >= start, place, NO_PLACE)
