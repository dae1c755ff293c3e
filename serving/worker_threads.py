"""Heavy computing beside the event loop: each worker is one thread, so that what it may take of the machine is bounded.

Trees, graphs and joins release the interpreter while they compute; what does not is cut into small pieces by the
caller.
"""

from __future__ import annotations

import asyncio
import os
import sys
import threading
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from typing import TypeVar

T = TypeVar("T")


class WorkerThread:
    """One thread, whose tasks run in the order in which they came; `niceness` lets all else go first."""

    def __init__(self, name: str, niceness: int = 0) -> None:
        self._pool = ThreadPoolExecutor(1, f"worker-{name}", initializer=_set_niceness, initargs=(niceness,))

    async def run(self, compute: Callable[[], T]) -> T:
        """What the function returns or raises."""
        return await asyncio.get_running_loop().run_in_executor(self._pool, compute)

    def close(self) -> None:
        """Drop what has not begun, and wait for what has."""
        self._pool.shutdown(cancel_futures=True)


def _set_niceness(niceness: int) -> None:
    # Only Linux counts niceness by thread; elsewhere this would slow the whole process.
    if niceness and sys.platform == "linux":
        with suppress(PermissionError):
            os.setpriority(os.PRIO_PROCESS, threading.get_native_id(), niceness)
