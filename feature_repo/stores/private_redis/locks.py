"""The kernel's locks in the folder of a private Redis: they end with whoever holds them, however that ends."""

from __future__ import annotations

import fcntl
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import IO


def is_alive(folder: Path) -> bool:
    """Whether a server, or a child of one, holds this folder's lock."""
    try:
        with (folder / "alive").open() as lock:
            fcntl.flock(lock, fcntl.LOCK_SH | fcntl.LOCK_NB)
    except BlockingIOError:
        return True
    except FileNotFoundError:
        pass
    return False


@contextmanager
def lock_of_server(folder: Path) -> Iterator[IO[str]]:
    """The lock that says that a server lives, to be inherited by it."""
    with (folder / "alive").open("a") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        yield lock


@contextmanager
def exclusive(folder: Path) -> Iterator[None]:
    """Wait until nobody else starts or stops the server of this folder."""
    with (folder / "starting").open("a") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        yield


class UserLock:
    """The lock of one user, which all users share."""

    def __init__(self, file: IO[str]) -> None:
        self._file = file

    def take(self) -> None:
        """Use the server."""
        fcntl.flock(self._file, fcntl.LOCK_SH)

    def release(self) -> bool:
        """Use it no longer; whether nobody else does either. Only within `exclusive`, or someone may come meanwhile."""
        fcntl.flock(self._file, fcntl.LOCK_UN)
        try:
            fcntl.flock(self._file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            return False
        return True
