"""Memory that a large read has freed goes back to the machine: the C library would keep it for the process."""

from __future__ import annotations

import ctypes
from functools import cache
from typing import Any

import pyarrow as pa


def release_freed() -> None:
    """Give back what is free. Where the C library has no such call, only what Arrow holds."""
    pa.default_memory_pool().release_unused()
    if (trim := _trim()) is not None:
        trim(0)


@cache
def _trim() -> Any:
    try:
        return ctypes.CDLL(None).malloc_trim  # glibc's; musl and macOS have none
    except (AttributeError, OSError):
        return None
