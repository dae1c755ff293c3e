"""What recurs on an account: a salary, a rent, a subscription, found from the events alone.

An item is a series of events of one entity with the same merchant, or pattern of description, on the same side (money
in or out). It recurs after an event if, of this one and up to five before it within 200 days, there are at least three;
the median of the gaps between them is 6 to 35 days; no gap is off it by more than a fifth, or two days if that is more;
and no amount is off their median by more than a quarter. It lasts until the next event of the series, which decides
anew, or until the next one is overdue by a third of the median gap.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from feature_repo.stores.events.record import NO_HASH, Integers
from feature_repo.stores.events.slices import Slices
from feature_repo.stores.events.sums import WindowSums
from feature_repo.stores.events.table import EventTable

DAY = 86_400_000_000
BEFORE, WITHIN = 5, 200 * DAY
SHORTEST, LONGEST = 6 * DAY, 35 * DAY
_UNUSED = np.iinfo(np.int64).max


@dataclass(frozen=True)
class RecurringItems:
    """Of each event with which an item recurs: its place, the median gap and amount, and until when it lasts."""

    place: Integers
    gap: Integers
    amount: Integers
    """Signed, as the events' amounts."""
    until: Integers

    @property
    def month(self) -> Integers:
        """The amount of 30 days, rounded down to a whole number."""
        return np.abs(self.amount) * (30 * DAY // 1000) // (self.gap // 1000)


def recurring_items(events: EventTable, item: str = "item", amount: str = "amount") -> RecurringItems:
    """The items of a sorted table of events; `item` holds the hash of the series, `amount` whole numbers."""
    series, amounts = events[item], events[amount]
    order = np.lexsort((np.arange(len(events)), amounts > 0, series, events.entity))
    order = order[(series[order] != NO_HASH) & (amounts[order] != 0)]
    occurred, sizes = events.occurred[order], np.abs(amounts[order])
    starts_series = _is_first(events.entity[order], series[order], amounts[order] > 0)
    position = np.arange(len(order))
    first = np.maximum.accumulate(np.where(starts_series, position, 0))
    gaps = np.diff(occurred, prepend=occurred[:1])
    ends_series = np.append(starts_series[1:], True) if len(order) else starts_series
    following = np.where(ends_series, _UNUSED, np.append(occurred[1:], 0)) if len(order) else occurred

    back = np.arange(BEFORE)
    at = position[:, None] - back
    # The gap before an event is the series' own, and begins no longer ago than is looked back.
    is_gap = (at > first[:, None]) & (occurred[:, None] - occurred[np.maximum(at - 1, 0)] <= WITHIN)
    gap_count = is_gap.sum(axis=1)
    gap_table = np.where(is_gap, gaps[np.maximum(at, 0)], _UNUSED)
    is_amount = np.column_stack((np.ones(len(order), np.bool_), is_gap))
    size_table = np.where(is_amount, sizes[np.maximum(position[:, None] - np.arange(BEFORE + 1), 0)], _UNUSED)

    gap, size = _median(gap_table, gap_count), _median(size_table, gap_count + 1)
    tolerance = np.maximum(gap // 5, 2 * DAY)
    even_gaps = (~is_gap | (np.abs(np.where(is_gap, gap_table, 0) - gap[:, None]) <= tolerance[:, None])).all(axis=1)
    even_sizes = (~is_amount | (4 * np.abs(np.where(is_amount, size_table, 0) - size[:, None]) <= size[:, None])).all(
        axis=1
    )
    recurs = np.flatnonzero((gap_count >= 2) & (gap >= SHORTEST) & (gap <= LONGEST) & even_gaps & even_sizes)
    return RecurringItems(
        place=order[recurs],
        gap=gap[recurs],
        amount=size[recurs] * np.where(amounts[order][recurs] > 0, 1, -1),
        until=np.minimum(following[recurs], occurred[recurs] + gap[recurs] * 4 // 3),
    )


def monthly_sum(slices: Slices, items: RecurringItems, chosen: npt.NDArray[np.bool_]) -> Integers:
    """What some of the items come to in a month, of those that last at each slice's instant.

    An event of that very instant is not in the slice, so that what lasts until then does still.
    """
    begin = slices.event_points[items.place[chosen]]
    end = begin + (items.until[chosen] - slices.events.occurred[items.place[chosen]])
    month = items.month[chosen]
    by_begin, by_end = np.argsort(begin, kind="stable"), np.argsort(end, kind="stable")
    begun = np.searchsorted(begin[by_begin], slices.request_points, side="left")
    ended = np.searchsorted(end[by_end], slices.request_points, side="left")
    zero = np.zeros(len(slices), np.int64)
    total: Integers = WindowSums(month[by_begin]).between(zero, begun) - WindowSums(month[by_end]).between(zero, ended)
    return total


def _is_first(*columns: npt.NDArray[np.generic]) -> npt.NDArray[np.bool_]:
    is_first = np.zeros(len(columns[0]), np.bool_)
    is_first[:1] = True
    for column in columns:
        is_first[1:] |= column[1:] != column[:-1]
    return is_first


def _median(table: Integers, count: Integers) -> Integers:
    """The median of the first `count` values of each row when sorted, rounded down; unused values sort behind."""
    if not len(table):
        return np.zeros(0, np.int64)
    ordered, row = np.sort(table, axis=1), np.arange(len(table))
    low = np.minimum(np.maximum(count - 1, 0) // 2, table.shape[1] - 1)
    high = np.minimum(count // 2, table.shape[1] - 1)
    lower, upper = ordered[row, low], ordered[row, high]
    median: Integers = np.where(count > 0, lower + (np.where(upper == _UNUSED, lower, upper) - lower) // 2, 0)
    return median
