"""Days as whole numbers: how many since 1970-01-01."""

from __future__ import annotations

from datetime import date

EPOCH = date(1970, 1, 1)


def epoch_day(day: date) -> int:
    """The number of a day.

    >>> epoch_day(date(1970, 1, 2))
    1
    """
    return (day - EPOCH).days
