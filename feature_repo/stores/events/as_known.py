"""Any function of slices, over events as each request could know them.

Nearly all requests knew all events of their slice in their final version. So the function runs over final events first;
then once more, for the requests that knew less or other, over copies of their events as they were known. Neighbouring
requests that differ from the final events in the same ones share a copy.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from feature_repo.stores.events.extremes import greatest
from feature_repo.stores.events.record import Integers
from feature_repo.stores.events.slices import EventRequests, EventWindow, Slices, slices_before
from feature_repo.stores.events.table import EventTable
from feature_repo.stores.events.versions import EventVersions

Columns = dict[str, npt.NDArray[np.generic]]
# Features of slices; the second argument says which of the requests they are of.
SliceFunction = Callable[[Slices, Integers], Columns]

# So many events are copied at a time, and so many looked at for what was not known.
_COPIED = 500_000
_LOOKED_AT = 4_000_000


@dataclass(frozen=True)
class SliceFeatures:
    """Of each request its features, and whether its slice was full so that older events were left out."""

    columns: Columns
    capped: npt.NDArray[np.bool_]


@dataclass(frozen=True)
class _Differences:
    """By request, in order: final events that it did not know, and corrected ones (from `finals` on) that it did."""

    request: Integers
    version: Integers
    finals: int


@dataclass(frozen=True)
class _Runs:
    """Requests with differences, in runs that share them: [first, last) places in `requests`."""

    requests: Integers
    first: Integers
    last: Integers
    # Where the differences of each request begin and end.
    begin: Integers
    end: Integers


def compute_as_known(
    versions: EventVersions, requests: EventRequests, window: EventWindow, compute: SliceFunction
) -> SliceFeatures:
    """What the function makes of each request's slice as known by then; requests in order of entity and instant."""
    slices = slices_before(versions.final, requests, window)
    columns, capped = compute(slices, np.arange(len(requests))), slices.capped
    differences = _differences(versions, slices, requests, window)
    for rows, copy, copied_requests in _copies(versions, slices, requests, differences):
        again = slices_before(copy, copied_requests, window)
        capped[rows] = again.capped
        for name, column in compute(again, rows).items():
            columns[name][rows] = column
    return SliceFeatures(columns, capped)


def _differences(versions: EventVersions, slices: Slices, requests: EventRequests, window: EventWindow) -> _Differences:
    finals = versions.final
    behind = np.flatnonzero(greatest(finals.known, slices.reach, slices.stop) > requests.known)
    parts = [
        (row, place)
        for row, place in _spread_in_parts(behind, slices.reach[behind], slices.stop[behind])
        for row, place in [_where(finals.known[place] > requests.known[row], row, place)]
    ]
    if len(versions.superseded):
        old = slices_before(versions.superseded, requests, window)
        touched = np.flatnonzero(old.stop > old.reach)
        for row, place in _spread_in_parts(touched, old.reach[touched], old.stop[touched]):
            known = requests.known[row]
            was_current = (versions.superseded.known[place] <= known) & (known < versions.until[place])
            parts.append(_where(was_current, row, place + len(finals)))
    row = np.concatenate([part[0] for part in parts]) if parts else np.zeros(0, np.int64)
    version = np.concatenate([part[1] for part in parts]) if parts else np.zeros(0, np.int64)
    order = np.lexsort((version, row))
    return _Differences(row[order], version[order], len(finals))


def _copies(
    versions: EventVersions, slices: Slices, requests: EventRequests, differences: _Differences
) -> Iterator[tuple[Integers, EventTable, EventRequests]]:
    """Requests, a table of their events as known to them, and themselves asked of it: each run an entity there."""
    if not len(differences.request):
        return
    runs = _runs_of(differences)
    begin, end = slices.reach[runs.requests[runs.first]], slices.stop[runs.requests[runs.last - 1]]
    for chosen in _in_parts(end - begin, _COPIED):
        run, place = _spread(np.arange(len(begin))[chosen], begin[chosen], end[chosen])
        offset = np.cumsum(end[chosen] - begin[chosen]) - (end[chosen] - begin[chosen]) - begin[chosen]
        first_of_run = runs.first[chosen]
        number, at = _spread(np.arange(len(first_of_run)), runs.begin[first_of_run], runs.end[first_of_run])
        version = differences.version[at]
        hidden = version < differences.finals
        is_known = np.ones(len(place), np.bool_)
        is_known[offset[number[hidden]] + version[hidden]] = False
        copy = versions.final.take(place[is_known]).of_entities(run[is_known])
        if not hidden.all():
            old = versions.superseded.take(version[~hidden] - differences.finals)
            of_run = np.arange(len(begin))[chosen][number[~hidden]]
            copy = EventTable.joined([copy, old.of_entities(of_run)]).sorted()
        run_of_row, member = _spread(np.arange(len(begin))[chosen], first_of_run, runs.last[chosen])
        rows = runs.requests[member]
        yield rows, copy, EventRequests(run_of_row, requests.instant[rows], requests.known[rows])


def _runs_of(differences: _Differences) -> _Runs:
    request, begin, count = np.unique(differences.request, return_index=True, return_counts=True)
    version = differences.version
    # Each difference beside the one at its place in the request before; that counts where both have as many.
    before = np.arange(len(version)) - np.repeat(count, count)
    is_other = version != version[np.maximum(before, 0)]
    starts_anew = np.logical_or.reduceat(is_other, begin)
    starts_anew[0] = True
    starts_anew[1:] |= count[1:] != count[:-1]
    first = np.flatnonzero(starts_anew)
    return _Runs(request, first, np.append(first[1:], len(request)), begin, begin + count)


def _where(holds: npt.NDArray[np.bool_], row: Integers, place: Integers) -> tuple[Integers, Integers]:
    return row[holds], place[holds]


def _spread(owner: Integers, start: Integers, stop: Integers) -> tuple[Integers, Integers]:
    """Every place of every window [start, stop), each with the owner of its window."""
    length = stop - start
    offset = np.cumsum(length) - length
    place = np.repeat(start - offset, length) + np.arange(int(length.sum()))
    return np.repeat(owner, length), place


def _spread_in_parts(owner: Integers, start: Integers, stop: Integers) -> Iterator[tuple[Integers, Integers]]:
    for part in _in_parts(stop - start, _LOOKED_AT):
        yield _spread(owner[part], start[part], stop[part])


def _in_parts(sizes: Integers, most: int) -> Iterator[slice]:
    """Runs of neighbours whose sizes add up to no more, or one alone that is larger."""
    total, first = np.cumsum(sizes), 0
    while first < len(sizes):
        before = int(total[first - 1]) if first else 0
        last = max(first + 1, int(np.searchsorted(total, before + most, side="right")))
        yield slice(first, last)
        first = last
