"""Which days a person names."""

from __future__ import annotations

from datetime import date

import pytest

from pipelines.computation.days import Days
from pipelines.day_selection import DaySelectionError, day_range, selected_days

D = date.fromisoformat


@pytest.mark.parametrize(
    ("every", "days"),
    [
        (None, ["2014-05-30", "2014-05-31", "2014-06-01", "2014-06-02"]),
        ("day", ["2014-05-30", "2014-05-31", "2014-06-01", "2014-06-02"]),
        ("week", ["2014-06-02"]),
        ("month", ["2014-06-01"]),
        ("2d", ["2014-05-30", "2014-06-01"]),
    ],
)
def test_a_rule_picks_days_of_a_range(every, days):
    assert selected_days([], D("2014-05-30"), D("2014-06-02"), every) == [D(day) for day in days]


def test_quarters_and_years_begin_with_their_first_day():
    assert selected_days([], D("2014-02-01"), D("2014-12-31"), "quarter") == [
        D("2014-04-01"), D("2014-07-01"), D("2014-10-01"),
    ]  # fmt: skip
    assert selected_days([], D("2013-12-31"), D("2015-01-01"), "year") == [D("2014-01-01"), D("2015-01-01")]


def test_named_days_come_in_order_once_and_beside_a_range():
    named = [D("2014-07-01"), D("2014-06-01"), D("2014-07-01")]
    assert selected_days(named, None, None, None) == [D("2014-06-01"), D("2014-07-01")]
    assert selected_days(named, D("2014-06-01"), D("2014-06-02"), None) == [
        D("2014-06-01"), D("2014-06-02"), D("2014-07-01"),
    ]  # fmt: skip


@pytest.mark.parametrize(
    ("first", "last", "every", "expected"),
    [
        (None, None, None, "expected days: --from and --to"),
        (None, None, "month", "name it with --from and --to"),
        ("2014-06-01", None, None, "a range needs both its ends"),
        ("2014-06-02", "2014-06-01", None, "--to 2014-06-01 is before --from 2014-06-02"),
        ("2014-06-02", "2014-06-03", "month", "--every month picks no day from 2014-06-02 to 2014-06-03"),
        ("2014-06-02", "2014-06-03", "fortnight", "--every fortnight: expected day, week, month, quarter, year"),
        ("2014-06-02", "2014-06-03", "0d", "--every 0d: expected"),
    ],
)
def test_what_picks_no_days_is_an_error_that_says_what_to_write(first, last, every, expected):
    with pytest.raises(DaySelectionError) as refusal:
        selected_days([], first and D(first), last and D(last), every)
    assert expected in str(refusal.value)


def test_a_range_is_written_with_a_colon_and_a_single_day_without():
    assert day_range("2014-06-01:2014-06-03") == Days(D("2014-06-01"), D("2014-06-03"))
    assert day_range("2014-06-01") == Days(D("2014-06-01"), D("2014-06-01"))


@pytest.mark.parametrize("text", ["2014-06-03:2014-06-01", "June", "2014-06-01:2014-06-02:2014-06-03", ""])
def test_a_range_that_is_none_is_an_error(text):
    with pytest.raises(DaySelectionError):
        day_range(text)
