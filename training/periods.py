"""Spans of time as people write them: days and weeks are as long as they are, months and years end on their day."""

from __future__ import annotations

import calendar
import re
from dataclasses import dataclass
from datetime import datetime, timedelta

_WRITTEN = re.compile(r"([1-9][0-9]*)([dwMy])")


class PeriodError(ValueError):
    """A text that is no period."""


@dataclass(frozen=True)
class Period:
    """So many months, or so many days."""

    months: int = 0
    days: int = 0

    def after(self, moment: datetime) -> datetime:
        """The moment so much later; the 31st of a shorter month is its last day.

        >>> Period(months=1).after(datetime(2024, 1, 31))
        datetime.datetime(2024, 2, 29, 0, 0)
        """
        year, month = divmod(moment.year * 12 + moment.month - 1 + self.months, 12)
        day = min(moment.day, calendar.monthrange(year, month + 1)[1])
        return moment.replace(year=year, month=month + 1, day=day) + timedelta(days=self.days)

    def before(self, moment: datetime) -> datetime:
        """The moment so much earlier."""
        return Period(-self.months, -self.days).after(moment)

    def start_at_or_after(self, moment: datetime) -> datetime:
        """The first moment at which such a period may well begin: a month's first day, or a midnight."""
        midnight = moment.replace(hour=0, minute=0, second=0, microsecond=0)
        midnight = midnight if midnight == moment else midnight + timedelta(days=1)
        if not self.months or midnight.day == 1:
            return midnight
        return Period(months=1).after(midnight.replace(day=1))

    def __str__(self) -> str:
        return f"{self.months}M" if self.months else f"{self.days}d"


def period(text: str) -> Period:
    """A period such as 3M, 1y, 6w or 90d.

    >>> period("3M"), period("2y"), period("6w")
    (Period(months=3, days=0), Period(months=24, days=0), Period(months=0, days=42))
    """
    written = _WRITTEN.fullmatch(text)
    if not written:
        raise PeriodError(f"expected a period such as 3M (months), 1y, 6w or 90d, found {text!r}")
    number, unit = int(written[1]), written[2]
    return (
        Period(days=number * {"d": 1, "w": 7}[unit])
        if unit in "dw"
        else Period(months=number * (12 if unit == "y" else 1))
    )
