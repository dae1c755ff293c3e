"""What window features are made of, against one loop each."""

from __future__ import annotations

import doctest
import math
import statistics
from fractions import Fraction

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from feature_repo.stores.events import occurrences, sums
from feature_repo.stores.events.code_counts import CodeCounts
from feature_repo.stores.events.extremes import greatest, last_where
from feature_repo.stores.events.occurrences import Occurrences, distinct
from feature_repo.stores.events.order import OneWindowOrder, WaveletMatrix, middle_sum, order_of
from feature_repo.stores.events.record import NO_INTEGER
from feature_repo.stores.events.slices import Slices
from feature_repo.stores.events.split import EventSplit
from feature_repo.stores.events.sums import WindowSpread, WindowSums
from feature_repo.stores.events.table import EventTable

few = st.lists(st.integers(0, 7), max_size=40)
lists = few | st.lists(st.integers(-(2**61), 2**61), max_size=40)


def windows_of(values: list[int]) -> tuple[np.ndarray, np.ndarray]:
    """All windows of a list."""
    bounds = [(start, stop) for start in range(len(values) + 1) for stop in range(start, len(values) + 1)]
    start, stop = np.array(bounds, np.int64).T
    return start, stop


def cut(values: list[int], start: np.ndarray, stop: np.ndarray) -> list[list[int]]:
    return [values[first:last] for first, last in zip(start.tolist(), stop.tolist(), strict=True)]


def slices_at(start: np.ndarray, stop: np.ndarray) -> Slices:
    nothing = np.zeros(0, np.int64)
    events = EventTable(nothing, nothing, nothing, nothing, {})
    return Slices(events, stop, start, start, stop, nothing, stop)


@given(lists)
def test_sums(values: list[int]) -> None:
    start, stop = windows_of(values)
    found = WindowSums(np.array(values, np.int64)).between(start, stop)
    # Sums that do not fit wrap around, as all of int64.
    assert found.tolist() == [(sum(window) + 2**63) % 2**64 - 2**63 for window in cut(values, start, stop)]


def test_prefixes_that_wrap_leave_sums_exact() -> None:
    values = np.full(64, 2**60, np.int64)
    assert WindowSums(values).between(np.array([57]), np.array([64])).tolist() == [7 * 2**60]


@given(st.lists(st.integers(0, 2**50 - 1) | st.integers(2**40, 2**40 + 3) | st.just(2**50 - 1), max_size=30))
def test_spread(values: list[int]) -> None:
    start, stop = windows_of(values)
    found = WindowSpread(np.array(values, np.int64)).between(start, stop)
    parts = cut(values, start, stop)
    assert found.count.tolist() == list(map(len, parts))
    assert found.total.tolist() == list(map(sum, parts))
    exact = [float(statistics.variance(map(Fraction, part))) if len(part) > 1 else 0 for part in parts]
    np.testing.assert_allclose(found.deviation**2, exact, rtol=1e-12)


@pytest.mark.parametrize("value", [0, 2**24 - 1, 2**24, 2**50 - 1])
def test_equal_values_have_no_deviation_at_all(value: int) -> None:
    values = np.full(1_024, value)
    values[0] = 2**50 - 1
    spread = WindowSpread(values).between(np.array([1, 0]), np.array([1_024, 1_024]))
    assert spread.deviation[0] == 0
    assert math.isclose(spread.deviation[1], (2**50 - 1 - value) / 32, rel_tol=1e-12)


@pytest.mark.parametrize("kind", [WaveletMatrix, OneWindowOrder])
@given(values=lists, more=st.integers(-(2**61), 2**61))
def test_order_of_windows(kind: type, values: list[int], more: int) -> None:
    start, stop = windows_of(values)
    order, parts = kind(np.array(values, np.int64)), cut(values, start, stop)
    for limit in {more, *values[:3], 3}:
        less, equal = order.below(start, stop, np.full(len(start), limit))
        assert less.tolist() == [sum(value < limit for value in part) for part in parts]
        assert equal.tolist() == [part.count(limit) for part in parts]
    for place in (0, len(values) // 3):
        found = order.smallest(start, stop, np.full(len(start), place)).tolist()
        assert [at for at, part in zip(found, parts, strict=True) if place < len(part)] == [
            sorted(part)[place] for part in parts if place < len(part)
        ]
    middles = middle_sum(order, start, stop).tolist()
    assert [twice for twice, part in zip(middles, parts, strict=True) if part] == [
        int(2 * statistics.median(map(Fraction, part))) for part in parts if part
    ]


def test_one_window_is_sorted_and_many_are_not() -> None:
    assert isinstance(order_of(np.zeros(3, np.int64), 1), OneWindowOrder)
    assert isinstance(order_of(np.zeros(3, np.int64), 2), WaveletMatrix)


@given(lists)
def test_greatest(values: list[int]) -> None:
    start, stop = windows_of(values)
    column, wanted = np.array(values, np.int64), [max(part, default=NO_INTEGER) for part in cut(values, start, stop)]
    assert greatest(column, start, stop).tolist() == wanted
    assert [greatest(column, start[[at]], stop[[at]]).item() for at in range(len(start))] == wanted


@given(few)
def test_last_where(values: list[int]) -> None:
    start, stop = windows_of(values)
    flags = np.array([value > 5 for value in values], np.bool_)
    wanted = [
        max((at for at in range(first, last) if values[at] > 5), default=-1)
        for first, last in zip(start, stop, strict=True)
    ]
    assert last_where(flags, start, stop).tolist() == wanted
    assert [last_where(flags, start[[at]], stop[[at]]).item() for at in range(len(start))] == wanted


@given(few, st.integers(0, 7))
def test_occurrences(values: list[int], key: int) -> None:
    start, stop = windows_of(values)
    column = np.array(values, np.int64)
    for start_one, stop_one in [(start, stop), *((start[[at]], stop[[at]]) for at in range(0, len(start), 5))]:
        found = Occurrences(column, slices_at(start_one, stop_one), np.full(len(start_one), key))
        wanted = [
            [at for at in range(first, last) if values[at] == key]
            for first, last in zip(start_one, stop_one, strict=True)
        ]
        places = [
            found.places[first:last].tolist()
            for first, last in zip(found.first.tolist(), found.last.tolist(), strict=True)
        ]
        assert places == wanted
        assert found.count.tolist() == list(map(len, wanted))
        assert found.newest(found.first, found.last).tolist() == [part[-1] if part else -1 for part in wanted]
        middle = (start_one + stop_one) // 2
        assert (found.last - found.since(middle)).tolist() == [
            sum(at >= half for at in part)
            for at, (part, half) in enumerate(zip(wanted, middle, strict=True))
            if at >= 0
        ]


@given(few)
def test_distinct(values: list[int]) -> None:
    start, stop = windows_of(values)
    column, wanted = np.array(values, np.int64), [len({*part} - {0}) for part in cut(values, start, stop)]
    assert distinct(column, start, stop).tolist() == wanted
    assert [distinct(column, start[[at]], stop[[at]]).item() for at in range(len(start))] == wanted
    assert CodeCounts(column, 8, 2).distinct(start, stop).tolist() == wanted
    assert [CodeCounts(column, 8, 1).distinct(start[[at]], stop[[at]]).item() for at in range(len(start))] == wanted


@given(few, st.integers(0, 7))
def test_code_counts(values: list[int], code: int) -> None:
    start, stop = windows_of(values)
    column, codes = np.array(values, np.int64), np.full(len(start), code)
    wanted = [part.count(code) for part in cut(values, start, stop)]
    assert CodeCounts(column, 8, 2).of(codes, start, stop).tolist() == wanted
    one = CodeCounts(column, 8, 1)
    assert [one.of(codes[[at]], start[[at]], stop[[at]]).item() for at in range(len(start))] == wanted


@given(few)
def test_split(values: list[int]) -> None:
    start, stop = windows_of(values)
    split = EventSplit(np.array([value > 4 for value in values], np.bool_))
    for flag in (False, True):
        flags = np.full(len(start), flag)
        first, last = split.place(start, flags), split.place(stop, flags)
        assert [split.order[a:b].tolist() for a, b in zip(first, last, strict=True)] == [
            [at for at in range(a, b) if (values[at] > 4) == flag] for a, b in zip(start, stop, strict=True)
        ]


@pytest.mark.parametrize("key", [-1, 2**40])
def test_keys_that_leave_no_room_for_places_are_refused(key: int) -> None:
    bounds = np.array([0, 1])
    with pytest.raises(ValueError, match=r"expected keys of 0 to 2\*\*40 - 1"):
        distinct(np.array([1, key]), bounds, bounds)


def test_the_largest_key_keeps_its_places() -> None:
    key = 2**40 - 1
    slices = slices_at(np.array([0, 1]), np.array([3, 3]))
    found = Occurrences(np.array([key, key - 1, key]), slices, np.array([key, key]))
    assert found.count.tolist() == [2, 1]


def test_more_events_than_there_is_room_for_are_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(occurrences, "MOST_EVENTS", 2)
    with pytest.raises(ValueError, match="at most 2 events a block, found 3: take smaller blocks"):
        distinct(np.array([1, 2, 3]), np.array([0, 0]), np.array([3, 3]))


def test_the_examples_hold() -> None:
    assert doctest.testmod(sums).failed == 0
