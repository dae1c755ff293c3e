"""Coroutines side by side, whose first fault is raised as itself."""

from __future__ import annotations

import asyncio
from collections.abc import Coroutine, Iterable
from typing import Any, TypeVar

Result = TypeVar("Result")


async def gather_all(work: Iterable[Coroutine[Any, Any, Result]]) -> list[Result]:
    """The results in order. If one fails the others are cancelled, and have ended when its fault is raised."""
    try:
        async with asyncio.TaskGroup() as group:
            tasks = [group.create_task(coroutine) for coroutine in work]
    except BaseExceptionGroup as faults:
        # Who asked knows how to treat a timeout, not a group of one.
        raise faults.exceptions[0] from None
    return [task.result() for task in tasks]
