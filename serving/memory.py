"""Memory that a large read has freed goes back to the machine: the C library would keep it for the process.

glibc gives each of many threads an arena of its own, up to eight a core. A read of the past opens its files in dozens
of threads; what little lives on in each arena keeps the rest of it from going back, read after read.
"""

from __future__ import annotations

import ctypes
from functools import cache
from typing import Any

import pyarrow as pa

_ARENA_MAX = -8  # as glibc's malloc.h has it
_MOST_ARENAS = 2


def share_arenas() -> None:
    """Let threads that come from now on allocate from few arenas. Elsewhere than in glibc there are none."""
    if (mallopt := _c_function("mallopt")) is not None:
        mallopt(_ARENA_MAX, _MOST_ARENAS)


def release_freed() -> None:
    """Give back what is free. Where the C library has no such call, only what Arrow holds."""
    pa.default_memory_pool().release_unused()
    if (trim := _c_function("malloc_trim")) is not None:
        trim(0)


@cache
def _c_function(name: str) -> Any:
    try:
        return getattr(ctypes.CDLL(None), name)  # musl and macOS have neither of them
    except (AttributeError, OSError):
        return None
