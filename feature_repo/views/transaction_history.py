"""What several groups of a transaction's features read of the account's history, each computed at most once."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property

import numpy as np
import numpy.typing as npt

from feature_repo.stores.events.code_counts import CodeCounts
from feature_repo.stores.events.extremes import last_where
from feature_repo.stores.events.occurrences import KeyOrder
from feature_repo.stores.events.record import NO_INTEGER, Integers
from feature_repo.stores.events.slices import Slices
from feature_repo.stores.events.split import EventSplit
from feature_repo.stores.events.sums import Floats, WindowSpread, WindowSums, gaps_of, ratio
from feature_repo.views.transaction_events import DAY, METHOD, Transactions

_HOUR = DAY // 24
_SPANS = {"1h": _HOUR, "24h": DAY, "7d": 7 * DAY, "30d": 30 * DAY}
_DAYS_TO_1970 = 3  # from a Monday to 1970-01-01, a Thursday


@dataclass(frozen=True)
class TransactionHistory:
    """Transactions and the slices of events before them."""

    slices: Slices
    transactions: Transactions

    @cached_property
    def size(self) -> Integers:
        """The transactions' amounts without their sign."""
        return np.abs(self.transactions.amount)

    @cached_property
    def sizes(self) -> Integers:
        """The events' amounts without their sign."""
        return np.abs(self.slices.events["amount"])

    @cached_property
    def is_income(self) -> npt.NDArray[np.bool_]:
        """Which transactions bring money in."""
        return self.transactions.amount > 0

    @cached_property
    def was_income(self) -> npt.NDArray[np.bool_]:
        """Which events did."""
        return self.slices.events["amount"] > 0

    @cached_property
    def sides(self) -> EventSplit:
        """The events, money in apart from all others."""
        return EventSplit(self.was_income)

    @cached_property
    def starts(self) -> dict[str, Integers]:
        """Where the last hour, day, 7 and 30 days of each slice begin."""
        return {name: self.slices.since(span) for name, span in _SPANS.items()}

    @cached_property
    def count_30d(self) -> Integers:
        """How many events there are in the last 30 days."""
        return self.slices.stop - self.starts["30d"]

    @cached_property
    def methods(self) -> CodeCounts:
        """How often each payment method was used."""
        return CodeCounts(self.slices.events["method"], len(METHOD.values) + 1)

    @cached_property
    def merchants(self) -> KeyOrder:
        """The events by merchant."""
        return KeyOrder(self.slices.events["merchant"])

    @cached_property
    def hour(self) -> Integers:
        """The hour of each transaction."""
        return _hour_of(self.slices.instant)

    @cached_property
    def weekday(self) -> Integers:
        """The weekday of each transaction, Monday is 0."""
        return _weekday_of(self.slices.instant)

    @cached_property
    def balance_before(self) -> Floats:
        """The newest known balance of each slice and what has been booked since; NaN where none is known."""
        return balance_of(self.slices, self._flow)

    def flow_sum(self, start: Integers) -> Integers:
        """The sum of amounts from a place on."""
        return self._flow.between(start, self.slices.stop)

    def income_sum(self, start: Integers) -> Integers:
        """The sum of money in from a place on."""
        return self._income.between(start, self.slices.stop)

    def days_since(self, place: Integers) -> Floats:
        """From the events at these places to the transactions; NaN for no place (-1)."""
        return days_since(self.slices, place)

    def near_hours(self, start: Integers, stop: Integers) -> Integers:
        """How many events of windows fall into the transaction's hour, the one before or the one after."""
        return CodeCounts(self._hours, 24).of([(self.hour + step) % 24 for step in (23, 0, 1)], start, stop)

    def same_weekdays(self, start: Integers, stop: Integers) -> Integers:
        """How many events of windows fall on the transaction's weekday."""
        weekdays = _weekday_of(self.slices.events.occurred)
        return CodeCounts(weekdays, 7).of([self.weekday], start, stop)

    def nights(self, start: Integers, stop: Integers) -> Integers:
        """How many events of windows fall between 22:00 and 06:00."""
        return WindowSums((self._hours >= 22) | (self._hours < 6)).between(start, stop)

    def income_regularity(self) -> Floats:
        """1 / (1 + deviation / mean of the times between incomes of a slice); NaN for fewer than three."""
        is_income = np.ones(len(self.slices), np.bool_)
        first, last = (self.sides.place(bound, is_income) for bound in (self.slices.start, self.slices.stop))
        spread = WindowSpread(gaps_of(self.slices.events.occurred[self.sides.order])).between(
            np.minimum(first + 1, last), last
        )
        variation = ratio(spread.count * spread.deviation, spread.total)
        return np.where(spread.count < 2, np.nan, 1 / (1 + variation))

    @cached_property
    def _flow(self) -> WindowSums:
        return WindowSums(self.slices.events["amount"])

    @cached_property
    def _income(self) -> WindowSums:
        return WindowSums(np.where(self.was_income, self.slices.events["amount"], 0))

    @cached_property
    def _hours(self) -> Integers:
        return _hour_of(self.slices.events.occurred)


def _hour_of(instants: Integers) -> Integers:
    # Multiplying is faster than dividing for the rest.
    return (instants - instants // DAY * DAY) // _HOUR


def _weekday_of(instants: Integers) -> Integers:
    days = instants // DAY + _DAYS_TO_1970
    return days - days // 7 * 7


def balance_of(slices: Slices, flow: WindowSums) -> Floats:
    """The newest known balance of each slice and what has been booked since; NaN where none is known."""
    balances = slices.events["balance_after"]
    place = last_where(balances != NO_INTEGER, slices.start, slices.stop)
    if not len(balances):
        return np.full(len(place), np.nan)
    return np.where(place < 0, np.nan, (balances[place] + flow.between(place + 1, slices.stop)) / 100)


def days_since(slices: Slices, place: Integers) -> Floats:
    """From the events at these places to each slice's instant; NaN for no place (-1)."""
    occurred = slices.events.occurred
    if not len(occurred):
        return np.full(len(place), np.nan)
    return np.where(place < 0, np.nan, (slices.instant - occurred[place]) / DAY)
