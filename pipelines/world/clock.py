"""The world counts time in microseconds since 1970 UTC, and days since 1970; this file is where both are spelt out."""

from __future__ import annotations

from datetime import date, timedelta
from typing import Any

import numpy as np
from numpy.typing import NDArray

Ints = NDArray[np.integer[Any]]
Floats = NDArray[np.floating[Any]]
Bools = NDArray[np.bool_]

MINUTE = 60_000_000
HOUR = 60 * MINUTE
DAY = 24 * HOUR
YEAR_DAYS = 365.25

START = date(2024, 1, 1)
"""When a world begins of which nothing else is said."""


def month_starts(first: date, months: int) -> Ints:
    """Epoch day of the first of each of `months` months, from the month of `first` on."""
    start = np.datetime64(first, "M")
    return np.arange(start, start + np.timedelta64(months, "M")).astype("datetime64[D]").astype(np.int64)


def weekday_of(days: Ints) -> Ints:
    """The weekday, Monday 0, of each epoch day."""
    return (days + 3) % 7  # 1970-01-01 was a Thursday


def year_of(days: Ints) -> Ints:
    """The calendar year of each epoch day."""
    return days.astype("datetime64[D]").astype("datetime64[Y]").astype(np.int64) + 1970


def month_of(days: Ints) -> Ints:
    """The calendar month, January 0, of each epoch day."""
    return days.astype("datetime64[D]").astype("datetime64[M]").astype(np.int64) % 12


def start_of(days: int, wanted: date | None, today: date) -> date:
    """The first day of a world that ends before today, as every loaded row must.

    It begins on `START` if it can, so that the same seed makes the same bytes on any day; a longer one ends yesterday.
    """
    latest = today - timedelta(days=days)
    if wanted is None:
        return min(START, latest)
    if wanted > latest:
        raise ValueError(
            f"{days:,} days from {wanted} would end on {wanted + timedelta(days=days - 1)}, and rows that became known "
            f"after yesterday are refused as in the future: choose fewer days, or a first day up to {latest}"
        )
    return wanted
