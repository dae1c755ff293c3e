"""How a stale view is reported: with its age, and where the age says so, with the likely reason."""

from __future__ import annotations

DAY = 86_400
_ENDED_DAYS = 60
"""Values this old at the present moment are rarely late: the data has ended, and the clock has gone on."""


def stale(view: str, age_seconds: float, *, is_present: bool) -> str:
    """What is wrong with the view's values.

    >>> stale("behavioural", 9.5 * 86_400, is_present=True)
    'behavioural: stale, 9.5 days old'
    """
    days = age_seconds / DAY
    text = f"{view}: stale, {days:.1f} days old"
    if days < _ENDED_DAYS or not is_present:
        return text
    return f"{text} (if the data ended then, set the scorer's clock by TIDEMARK_NOW to a moment soon after its end)"
