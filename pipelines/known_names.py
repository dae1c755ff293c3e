"""Names that a user has given to a command, held against those that there are."""

from __future__ import annotations

from collections.abc import Iterable

from pipelines.raw.expressions import nearest


class UnknownNameError(ValueError):
    """There is nothing of that name."""


def require_known(kind: str, names: Iterable[str], valid: Iterable[str]) -> None:
    """Raise with the nearest valid name if one of the names is of nothing."""
    known = list(valid)
    for name in names:
        if name not in known:
            raise UnknownNameError(f"there is no {kind} {name!r}; {nearest(name, known)}")
