"""Events of one key within a window, such as visits to one merchant: found by a second sort, by key and place.

Key and place share one int64. All events of a key stand together there, in the order of their places, so that those of
a window lie between two searches.
"""

from __future__ import annotations

import numpy as np

from feature_repo.stores.events.extremes import NO_PLACE
from feature_repo.stores.events.order import order_of
from feature_repo.stores.events.record import Integers
from feature_repo.stores.events.slices import Slices

_PLACE_BITS = 22
MOST_EVENTS = 2**_PLACE_BITS
MOST_KEY = 2**40


class Occurrences:
    """For each slice its events with the key of its request, as [first, last) in `places`."""

    def __init__(self, keys: Integers, slices: Slices, wanted: Integers) -> None:
        _require_room(keys)
        self._wanted = wanted << _PLACE_BITS
        if len(slices) == 1:
            start, stop = int(slices.start[0]), int(slices.stop[0])
            self.places = np.flatnonzero(keys[start:stop] == wanted) + start
            self._sorted = self.places | self._wanted
        else:
            self._sorted = _by_key(keys)
            self.places = self._sorted & (MOST_EVENTS - 1)
        self.first = self.since(slices.start)
        self.last = np.searchsorted(self._sorted, self._wanted | slices.stop)

    @property
    def count(self) -> Integers:
        """How many there are in each slice."""
        return self.last - self.first

    def newest(self, first: Integers, last: Integers) -> Integers:
        """The place of the last event of each [first, last), -1 where there is none."""
        if not len(self.places):
            return np.full(len(first), NO_PLACE)
        return np.where(last > first, self.places[last - 1], NO_PLACE)

    def since(self, start: Integers) -> Integers:
        """Where in `places` those from a place on begin."""
        return np.searchsorted(self._sorted, self._wanted | start)


def distinct(keys: Integers, start: Integers, stop: Integers) -> Integers:
    """How many keys other than 0 each window [start, stop) holds."""
    if len(start) == 1:
        window = np.sort(keys[start[0] : stop[0]])
        is_new = np.append(True, window[1:] != window[:-1]) if len(window) else np.zeros(0, np.bool_)
        return np.array([np.count_nonzero(is_new & (window != 0))])
    _require_room(keys)
    ordered = _by_key(keys)
    places = ordered & (MOST_EVENTS - 1)
    # An event is the first of its key in a window if the one before it lies before the window.
    previous = np.zeros(len(keys), np.int64)
    same = (ordered[1:] >> _PLACE_BITS) == (ordered[:-1] >> _PLACE_BITS)
    previous[places[1:]] = np.where(same, places[:-1] + 1, 0)
    # What has no key is never the first of one.
    previous[keys == 0] = len(keys) + 1
    return order_of(previous, len(start)).below(start, stop, start + 1)[0]


def _by_key(keys: Integers) -> Integers:
    return np.sort((keys << _PLACE_BITS) | np.arange(len(keys)))


def _require_room(keys: Integers) -> None:
    if len(keys) > MOST_EVENTS:
        raise ValueError(f"expected at most {MOST_EVENTS:,} events a block, found {len(keys):,}: take smaller blocks")
    if len(keys) and not (keys.min() >= 0 and keys.max() < MOST_KEY):
        raise ValueError(f"expected keys of 0 to 2**40 - 1, found {keys.min()} to {keys.max()}")
