"""One training of a model at a time: of two at once, one would replace what the other has just evaluated."""

from __future__ import annotations

import fcntl
import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path


class TrainingInProgressError(ValueError):
    """The model is being trained by another process."""


@contextmanager
def training_lock(home: Path, model: str) -> Iterator[None]:
    """Hold the model's lock in this home, or raise at once if somebody else does."""
    folder = home / "models"
    folder.mkdir(parents=True, exist_ok=True)
    with (folder / f".{model}.lock").open("a+") as lock:
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            lock.seek(0)
            raise TrainingInProgressError(
                f"{model} is being trained already in {home}, by process {lock.read().strip() or 'unknown'}: wait "
                "until it has ended, or stop it."
            ) from None
        lock.truncate(0)
        lock.write(str(os.getpid()))
        lock.flush()
        yield
