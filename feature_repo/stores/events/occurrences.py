"""Events of one key within a window, such as visits to one merchant: found by a second sort, by key and place.

Key and place share one int64. All events of a key stand together there, in the order of their places, so that those of
a window lie between two searches.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property

import numpy as np

from feature_repo.stores.events.extremes import NO_PLACE
from feature_repo.stores.events.padded import padded_windows
from feature_repo.stores.events.record import Integers

_PLACE_BITS = 22
MOST_EVENTS = 2**_PLACE_BITS
MOST_KEY = 2**40


class KeyOrder:
    """The places of a column of keys of 0 to 2**40, by key and then in order; 0 is no key."""

    def __init__(self, keys: Integers) -> None:
        if len(keys) > MOST_EVENTS:
            raise ValueError(
                f"expected at most {MOST_EVENTS:,} events a block, found {len(keys):,}: take smaller blocks"
            )
        if len(keys) and not (keys.min() >= 0 and keys.max() < MOST_KEY):
            raise ValueError(f"expected keys of 0 to 2**40 - 1, found {keys.min()} to {keys.max()}")
        self._keys = keys
        self._sorted = np.sort((keys << _PLACE_BITS) | np.arange(len(keys)))
        self.places = self._sorted & (MOST_EVENTS - 1)

    def search(self, key: Integers, place: Integers) -> Integers:
        """Where in `places` those of a key begin that are no earlier than a place."""
        return self._sorted.searchsorted((key << _PLACE_BITS) | place)

    def distinct(self, start: Integers, stop: Integers) -> Integers:
        """How many keys each window [start, stop) holds."""
        if len(start) == 1:
            window = np.sort(self._keys[start[0] : stop[0]])
            kinds = np.count_nonzero(window[1:] != window[:-1]) + (len(window) > 0)
            return np.array([kinds - int(len(window) > 0 and window[0] == 0)])
        # An event is the first of its key in a window if the one before it lies before the window.
        previous = np.zeros(len(self._keys), np.int64)
        same = (self._sorted[1:] >> _PLACE_BITS) == (self._sorted[:-1] >> _PLACE_BITS)
        previous[self.places[1:]] = np.where(same, self.places[:-1] + 1, 0)
        never = len(self._keys) + 1
        previous[self._keys == 0] = never
        count = np.zeros(len(start), np.int64)
        limits = start.astype(np.int32)
        for rows, matrix in padded_windows(previous.astype(np.int32), start, stop, never):
            count[rows] = np.count_nonzero(matrix <= limits[rows, None], axis=1)
        return count


@dataclass(frozen=True)
class Occurrences:
    """Of each window [start, stop) the events with a key of its own: [first, last) in `order.places`."""

    order: KeyOrder
    key: Integers
    start: Integers
    stop: Integers

    @cached_property
    def first(self) -> Integers:
        """Where they begin."""
        return self.since(self.start)

    @cached_property
    def last(self) -> Integers:
        """Where they end."""
        return self.order.search(self.key, self.stop)

    @property
    def count(self) -> Integers:
        """How many there are."""
        return self.last - self.first

    @cached_property
    def newest(self) -> Integers:
        """The place of the last of them, -1 where there is none."""
        places = self.order.places
        if not len(places):
            return np.full(len(self.key), NO_PLACE)
        return np.where(self.last > self.first, places[self.last - 1], NO_PLACE)

    def since(self, place: Integers) -> Integers:
        """Where those from a place on begin."""
        return self.order.search(self.key, place)
