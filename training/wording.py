"""Numbers and names in sentences: what messages and pages say in one way wherever they say it."""

from __future__ import annotations

from collections.abc import Iterable
from difflib import get_close_matches


def counted(number: int, noun: str) -> str:
    """So many of something.

    >>> counted(1, "row"), counted(1200, "row")
    ('1 row', '1,200 rows')
    """
    return f"{number:,} {noun}" if number == 1 else f"{number:,} {noun}s"


def suggested(name: str, known: Iterable[str]) -> str:
    """The known name that somebody may have meant, as the end of a sentence; empty if none is like it.

    >>> suggested("latitud", ["latitude", "longitude"]), suggested("shoe_size", ["latitude"])
    (' (did you mean latitude?)', '')
    """
    close = get_close_matches(name, list(known), n=1)
    return f" (did you mean {close[0]}?)" if close else ""


def were(number: int) -> str:
    """The verb that goes with a number.

    >>> were(1), were(0)
    ('was', 'were')
    """
    return "was" if number == 1 else "were"
