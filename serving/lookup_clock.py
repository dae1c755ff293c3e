"""How much of a request's wait was the online store's: only that counts against the time for its lookup."""

from __future__ import annotations

import time


class LookupClock:
    """Runs while a lookup runs, for lookups that follow each other. Waiting behind our own computing is not in it."""

    def __init__(self) -> None:
        self._total = 0.0
        self._since: float | None = None

    def reading(self) -> float:
        """Seconds of lookups so far, the present one included."""
        return self._total + (time.perf_counter() - self._since if self._since is not None else 0.0)

    def __enter__(self) -> float:
        """Start, and give the reading."""
        self._since = time.perf_counter()
        return self._total

    def __exit__(self, *_: object) -> None:
        self._total, self._since = self.reading(), None
