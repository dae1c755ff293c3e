"""Questions that come while others are being answered wait, and go together: one look-up and one prediction for all."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Sequence
from typing import Generic, TypeVar

Q = TypeVar("Q")
A = TypeVar("A")


class MicroBatcher(Generic[Q, A]):
    """Answers at once when idle. Under load a question waits for the group before it, and no longer.

    Of one event loop. `answer` takes questions and gives as many answers, in their order; if it fails, it fails for
    the whole group.
    """

    def __init__(self, answer: Callable[[Sequence[Q]], Awaitable[Sequence[A]]], most: int = 256) -> None:
        self._answer = answer
        self._most = most
        self._busy = False
        self._waiting: list[tuple[Q, asyncio.Future[A]]] = []
        self._tasks: set[asyncio.Task[None]] = set()

    async def ask(self, question: Q) -> A:
        """The answer to one question."""
        if self._busy:
            future: asyncio.Future[A] = asyncio.get_running_loop().create_future()
            self._waiting.append((question, future))
            return await future
        self._busy = True
        try:
            (answer,) = await self._answer([question])
            return answer
        finally:
            self._go_on()

    def _go_on(self) -> None:
        group, self._waiting = self._waiting[: self._most], self._waiting[self._most :]
        self._busy = bool(group)
        if group:
            task = asyncio.get_running_loop().create_task(self._together(group))
            self._tasks.add(task)
            task.add_done_callback(self._tasks.discard)

    async def _together(self, group: Sequence[tuple[Q, asyncio.Future[A]]]) -> None:
        try:
            answers = await self._answer([question for question, _ in group])
        except asyncio.CancelledError:
            for _, future in group:
                future.cancel()
            raise
        except Exception as fault:
            for _, future in group:
                if not future.done():
                    future.set_exception(fault)
        else:
            for (_, future), answer in zip(group, answers, strict=True):
                if not future.done():  # whoever asked may have gone
                    future.set_result(answer)
        finally:
            self._go_on()
