"""Which days a person names: single days, a range, or those of a range that a rule picks."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Mapping
from datetime import date

from pipelines.computation.days import Days

_RULES: Mapping[str, Callable[[date], bool]] = {
    "day": lambda _: True,
    "week": lambda day: day.weekday() == 0,
    "month": lambda day: day.day == 1,
    "quarter": lambda day: day.day == 1 and day.month % 3 == 1,
    "year": lambda day: day.day == day.month == 1,
}


class DaySelectionError(ValueError):
    """No days, or contradictory ones, were named."""


def selected_days(on: Iterable[date], first: date | None, last: date | None, every: str | None) -> list[date]:
    """The named days and those of the range, in order, each once."""
    named = set(on)
    if first is None and last is None:
        if every:
            raise DaySelectionError(f"--every {every} picks days of a range: name it with --from and --to.")
        if not named:
            raise DaySelectionError("expected days: --from and --to (with --every month, say), --on, or --stale.")
        return sorted(named)
    if first is None or last is None:
        raise DaySelectionError("a range needs both its ends: --from and --to. A single day: --on.")
    if last < first:
        raise DaySelectionError(f"--to {last} is before --from {first}.")
    picks = _rule(every or "day", first)
    picked = {day for day in Days(first, last) if picks(day)}
    if not picked:
        raise DaySelectionError(f"--every {every} picks no day from {first} to {last}.")
    return sorted(named | picked)


def day_range(text: str) -> Days:
    """The days from one to another, as in 2024-05-01:2024-05-31, or a single one."""
    first, _, last = text.partition(":")
    try:
        days = [date.fromisoformat(end) for end in (first, last or first)]
    except ValueError:
        raise DaySelectionError(f"expected FIRST:LAST such as 2024-05-01:2024-05-31, found {text!r}") from None
    if days[1] < days[0]:
        raise DaySelectionError(f"{days[1]} is before {days[0]}: expected the first day before the colon.")
    return Days(*days)


def _rule(every: str, first: date) -> Callable[[date], bool]:
    if every in _RULES:
        return _RULES[every]
    if (match := re.fullmatch(r"(\d{1,4})d", every)) and (length := int(match[1])):
        return lambda day: (day - first).days % length == 0
    raise DaySelectionError(
        f"--every {every}: expected {', '.join(_RULES)} (their first days; a week begins on Monday), or a number of "
        "days counted from --from, as in 7d."
    )
