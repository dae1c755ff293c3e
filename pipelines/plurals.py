"""Counts with their nouns, so that no message speaks of 1 rows."""

from __future__ import annotations


def counted(count: int, noun: str, plural: str = "") -> str:
    """A count and its noun.

    >>> counted(1, "row"), counted(2_000, "row"), counted(0, "entity", "entities")
    ('1 row', '2,000 rows', '0 entities')
    """
    return f"{count:,} {noun if count == 1 else plural or f'{noun}s'}"


def were(count: int) -> str:
    """The verb that goes with a count: was or were."""
    return "was" if count == 1 else "were"
