"""Features of any number of requests, block by block: each block's arrays fit into the processor's cache."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np

from feature_repo.stores.events.as_known import SliceFeatures, SliceFunction, compute_as_known
from feature_repo.stores.events.record import Integers
from feature_repo.stores.events.slices import EventRequests, EventWindow, most_entities
from feature_repo.stores.events.table import EventTable
from feature_repo.stores.events.versions import EventVersions

REQUESTS_PER_BLOCK = 25_000
_MOST_EVENTS = 1_000_000


@dataclass(frozen=True)
class FeatureBlock:
    """Which of the requests a block is of, and their features."""

    rows: Integers
    features: SliceFeatures


def feature_blocks(
    versions: EventVersions,
    requests: EventRequests,
    window: EventWindow,
    compute: SliceFunction,
    *,
    requests_per_block: int = REQUESTS_PER_BLOCK,
) -> Iterator[FeatureBlock]:
    """Every request once, in order of entity and instant; `compute` gets slices and which requests they are of."""
    order = np.lexsort((requests.known, requests.instant, requests.entity))
    first = 0
    while first < len(order):
        count = requests_per_block
        while True:
            rows = order[first : first + count]
            chosen = requests.take(rows)
            final = _around(versions.final, chosen, window)
            if len(rows) == 1 or _fits(final, chosen, window):
                break
            count = len(rows) // 2
        old = _place_around(versions.superseded, chosen, window)
        block = EventVersions(final, versions.superseded.take(old), versions.until[old])
        yield FeatureBlock(rows, compute_as_known(block, chosen, window, lambda slices, at: compute(slices, rows[at])))  # noqa: B023
        first += len(rows)


def _around(events: EventTable, requests: EventRequests, window: EventWindow) -> EventTable:
    return events.take(_place_around(events, requests, window))


def _place_around(events: EventTable, requests: EventRequests, window: EventWindow) -> slice:
    """Where all events lie that sorted requests look at: from the first one's oldest to the last one's newest."""
    first = _place(events, int(requests.entity[0]), int(requests.instant[0]) - window.span)
    return slice(first, max(first, _place(events, int(requests.entity[-1]), int(requests.instant[-1]))))


def _place(events: EventTable, entity: int, instant: int) -> int:
    begin, end = np.searchsorted(events.entity, [entity, entity + 1])
    return int(begin + np.searchsorted(events.occurred[begin:end], instant))


def _fits(events: EventTable, requests: EventRequests, window: EventWindow) -> bool:
    entities = 1 + int(np.count_nonzero(events.entity[1:] != events.entity[:-1]))
    return len(events) <= _MOST_EVENTS and entities <= most_entities(events.occurred, requests.instant, window.span)
