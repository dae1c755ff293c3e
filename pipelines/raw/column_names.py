"""Which names of a source's columns a message may show.

A file that was taken for data by mistake (passwords, a key, a configuration) has no line of column names at its top:
what stands there is a secret perhaps, and goes into no message, log or user interface.
"""

from __future__ import annotations

from collections.abc import Iterable

_LONGEST = 60
# What names of columns hardly ever hold, and lines of other files nearly always.
_UNUSUAL = (":", "=", "@", "-----")


def plain_names(columns: Iterable[str]) -> list[str]:
    """The names that are plainly names; none if at least half are not, or if there is but one column."""
    names = list(columns)
    plain = [name for name in names if _is_plain(name)]
    return plain if len(names) > 1 and 2 * len(plain) > len(names) else []


def described(columns: Iterable[str]) -> str:
    """The names of columns as a message shows them."""
    names = list(columns)
    plain = plain_names(names)
    if not plain:
        return f"{len(names)} that do not look like names of columns" if len(names) > 1 else "a single column"
    rest = len(names) - len(plain)
    return ", ".join(plain) + (f" and {rest} that {'is' if rest == 1 else 'are'} no plain name" if rest else "")


def _is_plain(name: str) -> bool:
    return len(name) <= _LONGEST and name.isprintable() and not any(sign in name for sign in _UNUSUAL)
