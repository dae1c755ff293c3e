"""Requests that come while others are being answered wait, and go together: one lookup and one prediction for all."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Sequence
from typing import Generic, TypeVar

R = TypeVar("R")
A = TypeVar("A")


class MicroBatcher(Generic[R, A]):
    """Answers at once when idle. Under load a request waits for the batch before it, and no longer.

    Of one event loop. `answer` takes requests and gives as many answers, in their order; if it fails, it fails for
    the whole batch.
    """

    def __init__(self, answer: Callable[[Sequence[R]], Awaitable[Sequence[A]]], most: int = 256) -> None:
        self._answer = answer
        self._most = most
        self._is_busy = False
        self._waiting: list[tuple[R, asyncio.Future[A]]] = []
        self._tasks: set[asyncio.Task[None]] = set()

    async def submit(self, request: R) -> A:
        """The answer to one request."""
        if self._is_busy:
            future: asyncio.Future[A] = asyncio.get_running_loop().create_future()
            self._waiting.append((request, future))
            return await future
        self._is_busy = True
        try:
            (answer,) = await self._answer([request])
            return answer
        finally:
            self._begin_next()

    def _begin_next(self) -> None:
        batch, self._waiting = self._waiting[: self._most], self._waiting[self._most :]
        self._is_busy = bool(batch)
        if batch:
            task = asyncio.get_running_loop().create_task(self._answer_batch(batch))
            self._tasks.add(task)
            task.add_done_callback(self._tasks.discard)

    async def _answer_batch(self, batch: Sequence[tuple[R, asyncio.Future[A]]]) -> None:
        try:
            answers = await self._answer([request for request, _ in batch])
        except asyncio.CancelledError:
            for _, future in batch:
                future.cancel()
            raise
        except Exception as fault:
            for _, future in batch:
                if not future.done():
                    future.set_exception(fault)
        else:
            for (_, future), answer in zip(batch, answers, strict=True):
                if not future.done():  # the client may have gone
                    future.set_result(answer)
        finally:
            self._begin_next()
