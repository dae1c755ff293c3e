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
from feature_repo.stores.events.occurrences import KeyOrder, Occurrences
from feature_repo.stores.events.order import order_of, twice_median
from feature_repo.stores.events.padded import padded_windows
from feature_repo.stores.events.record import NO_INTEGER
from feature_repo.stores.events.split import EventSplit
from feature_repo.stores.events.sums import WindowSpread, WindowSums

few = st.lists(st.integers(0, 7), max_size=40)
lists = few | st.lists(st.integers(-(2**61), 2**61), max_size=40)


def windows_of(values: list[int]) -> tuple[np.ndarray, np.ndarray]:
    """All windows of a list."""
    bounds = [(start, stop) for start in range(len(values) + 1) for stop in range(start, len(values) + 1)]
    start, stop = np.array(bounds, np.int64).T
    return start, stop


def cut(values: list[int], start: np.ndarray, stop: np.ndarray) -> list[list[int]]:
    return [values[first:last] for first, last in zip(start.tolist(), stop.tolist(), strict=True)]


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


def test_neighbours_whose_halves_lie_far_apart_keep_their_small_deviation() -> None:
    values = np.array([2**40 - 1, 2**40] * 500)
    spread = WindowSpread(values).between(np.array([0]), np.array([1_000]))
    assert math.isclose(spread.deviation[0], (250 / 999) ** 0.5, rel_tol=1e-12)


@given(lists, st.integers(-(2**61), 2**61))
def test_order(values: list[int], more: int) -> None:
    start, stop = windows_of(values)
    column, parts = np.array(values, np.int64), cut(values, start, stop)
    for limit in {more, *values[:3], 3}:
        limits = np.full(len(start), limit)
        many = order_of(column, start, stop, limits)
        assert many.less.tolist() == [sum(value < limit for value in part) for part in parts]
        assert many.equal.tolist() == [part.count(limit) for part in parts]
        assert many.greatest.tolist() == [max(part, default=0) for part in parts]
        assert many.twice_median.tolist() == [
            int(2 * statistics.median(map(Fraction, part))) if part else 0 for part in parts
        ]
        each = [order_of(column, start[[at]], stop[[at]], limits[[at]]) for at in range(0, len(start), 7)]
        assert [one.less.item() for one in each] == many.less[::7].tolist()
        assert [one.equal.item() for one in each] == many.equal[::7].tolist()
        assert [one.greatest.item() for one in each] == many.greatest[::7].tolist()
        assert [one.twice_median.item() for one in each] == many.twice_median[::7].tolist()
    assert twice_median(column, start, stop).tolist() == many.twice_median.tolist()


@pytest.mark.parametrize("border", [2**31 - 2, 2**31 - 1, 2**31, -(2**31), -(2**31) - 1])
def test_order_where_values_stop_fitting_into_32_bits(border: int) -> None:
    found = order_of(
        np.array([border, 0, border, 1]), *(np.array(bound) for bound in ([0, 0], [2, 4], [border, border]))
    )
    assert found.equal.tolist() == [1, 2]
    assert found.less.tolist() == [int(border > 0), 2 * (border > 0)]
    assert found.twice_median.tolist() == [border, border + 1 if border > 0 else border]
    beyond = order_of(np.array([5, 6]), np.array([0, 1]), np.array([2, 1]), np.array([2**61, 2**31 - 1]))
    assert (beyond.less.tolist(), beyond.equal.tolist()) == ([2, 0], [0, 0])


def test_windows_of_any_length_come_once_in_matrices_of_bounded_size() -> None:
    chance = np.random.default_rng(2)
    values = np.arange(3_000, dtype=np.int32)
    length = np.concatenate((chance.integers(0, 40, 20_000), chance.integers(0, 3_000, 2_000)))
    start = chance.integers(0, 3_001 - length)
    rows_seen = []
    for rows, matrix in padded_windows(values, start, start + length, -7):
        assert matrix.size <= 256 * 1024
        rows_seen.extend(rows)
        behind = np.arange(matrix.shape[1]) >= length[rows, None]
        expected = np.where(behind, -7, start[rows, None] + np.arange(matrix.shape[1]))
        assert (matrix == expected).all()
    assert sorted(rows_seen) == list(range(22_000))


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
    found = Occurrences(KeyOrder(np.array(values, np.int64)), np.full(len(start), key), start, stop)
    bounds = list(zip(start.tolist(), stop.tolist(), strict=True))
    wanted = [[at for at in range(first, last) if values[at] == key] for first, last in bounds]
    places = [found.order.places[a:b].tolist() for a, b in zip(found.first, found.last, strict=True)]
    assert places == wanted
    assert found.count.tolist() == list(map(len, wanted))
    assert found.newest.tolist() == [part[-1] if part else -1 for part in wanted]
    middle = (start + stop) // 2
    assert (found.last - found.since(middle)).tolist() == [
        sum(at >= half for at in part) for part, half in zip(wanted, middle.tolist(), strict=True)
    ]


@given(few)
def test_distinct(values: list[int]) -> None:
    start, stop = windows_of(values)
    column, wanted = np.array(values, np.int64), [len({*part} - {0}) for part in cut(values, start, stop)]
    keys, codes = KeyOrder(column), CodeCounts(column, 8)
    assert keys.distinct(start, stop).tolist() == codes.distinct(start, stop).tolist() == wanted
    for at in range(0, len(start), 7):
        assert keys.distinct(start[[at]], stop[[at]]).item() == wanted[at]
        assert CodeCounts(column, 8).distinct(start[[at]], stop[[at]]).item() == wanted[at]


@given(few, st.integers(0, 7))
def test_code_counts(values: list[int], code: int) -> None:
    start, stop = windows_of(values)
    counts, codes = CodeCounts(np.array(values, np.int64), 8), [np.full(len(start), (code + add) % 8) for add in (0, 3)]
    wanted = [part.count(code) + part.count((code + 3) % 8) for part in cut(values, start, stop)]
    assert counts.of(codes, start, stop).tolist() == wanted
    for at in range(0, len(start), 7):
        assert counts.of([code[[at]] for code in codes], start[[at]], stop[[at]]).item() == wanted[at]


def test_codes_are_counted_by_prefix_sums_where_windows_are_long_and_one_by_one_where_they_are_short() -> None:
    counts = CodeCounts(np.arange(100) % 3, 3)
    short, long = np.array([40, 3]), np.array([0, 1])
    assert counts.of([np.array([0, 1])], short, short + 5).tolist() == [1, 2]
    assert "_prefixes" not in vars(counts)
    assert counts.of([np.array([0, 1])], long, np.array([100, 100])).tolist() == [34, 33]
    assert counts.of([np.array([0, 1])], short, short + 5).tolist() == [1, 2]
    assert "_prefixes" in vars(counts)


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
    with pytest.raises(ValueError, match=r"expected keys of 0 to 2\*\*40 - 1"):
        KeyOrder(np.array([1, key]))


def test_the_largest_key_keeps_its_places() -> None:
    key = 2**40 - 1
    found = Occurrences(
        KeyOrder(np.array([key, key - 1, key])), np.array([key, key]), np.array([0, 1]), np.array([3, 3])
    )
    assert found.count.tolist() == [2, 1]


def test_more_events_than_there_is_room_for_are_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(occurrences, "MOST_EVENTS", 2)
    with pytest.raises(ValueError, match="at most 2 events a block, found 3: take smaller blocks"):
        KeyOrder(np.array([1, 2, 3]))


def test_the_examples_hold() -> None:
    assert doctest.testmod(sums).failed == 0
