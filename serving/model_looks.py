"""A look at what one model depends on, in a thread of its own: what hangs keeps that model waiting alone.

Neither a mount that does not answer nor a library that waits can be interrupted. The thread that waits for a look
therefore stops waiting when the present stage of it is overdue, and takes its result at a later time, if it ends at
all.
"""

from __future__ import annotations

import time
from collections.abc import Callable
from concurrent.futures import FIRST_COMPLETED, Future, wait
from dataclasses import dataclass
from threading import Thread
from typing import Any, Generic, TypeVar

T = TypeVar("T")
_START_SECONDS = 10.0
# How soon a new stage is noticed whose deadline comes before that of the stage before.
_STAGE_SECONDS = 0.5


@dataclass(frozen=True)
class LookStage:
    """What a look does now, which kind of fault it is if that hangs, and how long it may take."""

    kind: str
    doing: str
    seconds: float
    began: float

    @property
    def seconds_left(self) -> float:
        """Below zero once it is overdue."""
        return self.began + self.seconds - time.monotonic()


class ModelLook(Generic[T]):
    """Runs a function, which is given this look in order to say at which stage it is."""

    def __init__(self, name: str, look: Callable[[ModelLook[T]], T]) -> None:
        self._result: Future[T] = Future()
        self.stage = LookStage("unexpected", "starting a thread", _START_SECONDS, time.monotonic())
        # A daemon: the process can end while it hangs.
        Thread(target=self._run, args=(look,), name=f"look-{name}", daemon=True).start()

    def begin(self, kind: str, doing: str, seconds: float) -> None:
        """From here on it does something else."""
        self.stage = LookStage(kind, doing, seconds, time.monotonic())

    def wait(self, closing: Future[None]) -> bool:
        """Whether it has ended; waits until it has, until its stage is overdue, or until nobody wants it any more."""
        while not self._result.done() and not closing.done() and (left := self.stage.seconds_left) > 0:
            ends: tuple[Future[Any], ...] = (self._result, closing)
            wait(ends, min(left, _STAGE_SECONDS), FIRST_COMPLETED)
        return self._result.done()

    def result(self) -> T:
        """What came of it, which may be an exception."""
        return self._result.result(timeout=0)

    def _run(self, look: Callable[[ModelLook[T]], T]) -> None:
        try:
            self._result.set_result(look(self))
        except BaseException as fault:  # raised where the result is wanted
            self._result.set_exception(fault)
