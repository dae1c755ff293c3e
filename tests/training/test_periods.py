from __future__ import annotations

from datetime import UTC, datetime

import pytest

from training.periods import Period, PeriodError, period


@pytest.mark.parametrize(
    ("text", "start", "expected"),
    [
        ("3M", datetime(2024, 1, 1, tzinfo=UTC), datetime(2024, 4, 1, tzinfo=UTC)),
        ("1M", datetime(2024, 1, 31, tzinfo=UTC), datetime(2024, 2, 29, tzinfo=UTC)),
        ("2y", datetime(2024, 2, 29, tzinfo=UTC), datetime(2026, 2, 28, tzinfo=UTC)),
        ("6w", datetime(2024, 1, 1, tzinfo=UTC), datetime(2024, 2, 12, tzinfo=UTC)),
        ("90d", datetime(2024, 1, 1, 9, tzinfo=UTC), datetime(2024, 3, 31, 9, tzinfo=UTC)),
    ],
)
def test_a_period_ends_where_a_calendar_says(text, start, expected):
    assert period(text).after(start) == expected


def test_the_time_before_a_moment_crosses_a_year():
    assert Period(months=3).before(datetime(2024, 2, 1, tzinfo=UTC)) == datetime(2023, 11, 1, tzinfo=UTC)


@pytest.mark.parametrize("text", ["3", "3m", "M", "0M", "-1d", "3 M", ""])
def test_what_is_no_period_is_refused(text):
    with pytest.raises(PeriodError, match="expected a period such as 3M"):
        period(text)
