"""The events before each request as places in one sorted array: nothing is copied, whatever the windows overlap.

A slice holds the events with instant - span <= occurred < instant, at most `cap` of them, the newest; events of the
request's own instant are not in it. All windows of a request begin within its slice and end where it ends.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from feature_repo.stores.events.record import Integers
from feature_repo.stores.events.table import EventTable


@dataclass(frozen=True)
class EventWindow:
    """How far a slice reaches back (microseconds), and how many events it holds at most."""

    span: int
    cap: int


@dataclass(frozen=True)
class EventRequests:
    """Whose events before which instant are wanted, as they were known by another (microseconds)."""

    entity: Integers
    instant: Integers
    known: Integers

    def __len__(self) -> int:
        return len(self.entity)

    def take(self, rows: Integers | slice) -> EventRequests:
        """Some of them, by number."""
        return EventRequests(self.entity[rows], self.instant[rows], self.known[rows])


@dataclass(frozen=True)
class Slices:
    """For each request the places [start, stop) of its events; `reach` is where `start` would be without a cap."""

    events: EventTable
    instant: Integers
    reach: Integers
    start: Integers
    stop: Integers
    # One number line on which the entities lie one after the other, and where events and requests stand on it.
    event_points: Integers
    request_points: Integers

    def __len__(self) -> int:
        return len(self.instant)

    @property
    def count(self) -> Integers:
        """How many events each slice holds."""
        return self.stop - self.start

    @property
    def capped(self) -> npt.NDArray[np.bool_]:
        """Where older events were left out because the slice was full."""
        return self.start > self.reach

    def since(self, span: int) -> Integers:
        """Where the last `span` microseconds of each slice begin."""
        place = self.event_points.searchsorted(self.request_points - span)
        return np.maximum(place, self.start)


def slice_before(events: EventTable, instant: int, window: EventWindow) -> Slices:
    """The slice of one request over the sorted events of its entity alone."""
    point = np.array([instant], np.int64)
    return _cut(events, point, events.occurred, point, window)


def slices_before(events: EventTable, requests: EventRequests, window: EventWindow) -> Slices:
    """The slices of many requests over sorted events of many entities."""
    starts = np.flatnonzero(np.append(True, events.entity[1:] != events.entity[:-1])) if len(events) else _NOTHING
    entities = events.entity[starts]
    lengths = np.diff(np.append(starts, len(events)))
    number = np.searchsorted(entities, requests.entity)
    if len(entities):
        # Who has no events comes behind all who have: the slice is empty there.
        is_there = entities[np.minimum(number, len(entities) - 1)] == requests.entity
        number = np.where(is_there, number, len(entities))
    first, width = _extent(events.occurred, requests.instant, window.span)
    if (len(entities) + 1) * width >= 2**63:
        raise ValueError(
            f"{len(entities)} entities over {width / 86_400e6:.0f} days do not fit onto one number line of int64; "
            "take them in smaller blocks"
        )
    event_points = np.repeat(np.arange(len(entities)) * width, lengths) + (events.occurred - first)
    return _cut(events, requests.instant, event_points, number * width + (requests.instant - first), window)


def most_entities(occurred: Integers, instant: Integers, span: int) -> int:
    """How many entities may share a block with events and requests of these times."""
    return int((2**63 - 1) // _extent(occurred, instant, span)[1]) - 1


def _extent(occurred: Integers, instant: Integers, span: int) -> tuple[int, int]:
    times = [int(end) for column in (occurred, instant) if len(column) for end in (column.min(), column.max())]
    first, last = (min(times) - span, max(times)) if times else (0, 0)
    return first, last - first + 1


def _cut(
    events: EventTable, instant: Integers, event_points: Integers, request_points: Integers, window: EventWindow
) -> Slices:
    stop = event_points.searchsorted(request_points)
    reach = np.minimum(event_points.searchsorted(request_points - window.span), stop)
    start = np.maximum(reach, stop - window.cap)
    return Slices(events, instant, reach, start, stop, event_points, request_points)


_NOTHING = np.zeros(0, np.int64)
