"""How long one question may take, its further tries included: whoever waits for the answer has a limit of their own."""

from __future__ import annotations

import time

# Less than this is not worth another try; and to a socket, no time at all would mean not to wait.
_LEAST = 0.01
# Whoever has waited already, in a queue of their own, still gets one try of this share of the time.
_LAST_SHARE = 0.1


class Deadline:
    """What is left of the time for one question, and how often it was tried."""

    def __init__(self, seconds: float, waited: float = 0.0) -> None:
        self._ends = time.monotonic() + max(seconds - waited, seconds * _LAST_SHARE)
        self.tries = 0

    def left(self) -> float:
        """So many seconds."""
        return max(self._ends - time.monotonic(), _LEAST)

    def least(self, seconds: float | None) -> float:
        """So many seconds, but no more than are left."""
        return self.left() if seconds is None else min(seconds, self.left())

    @property
    def is_over(self) -> bool:
        """Whether there is no time for another try."""
        return self._ends - time.monotonic() < _LEAST
