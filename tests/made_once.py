"""What is costly to make is made once a run, whichever worker needs it first; the others wait for it, and copy."""

from __future__ import annotations

import fcntl
import os
import shutil
from collections.abc import Callable
from pathlib import Path

import pytest


def made_once(name: str, factory: pytest.TempPathFactory, make: Callable[[Path], None]) -> Path:
    """A folder that `make` has filled, for reading alone: every worker has the same."""
    base = factory.getbasetemp()
    shared = base.parent if "PYTEST_XDIST_WORKER" in os.environ else base
    folder, mark = shared / f"{name}-made", shared / f"{name}-is-made"
    with (shared / f"{name}.lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        if not mark.exists():
            shutil.rmtree(folder, ignore_errors=True)
            make(folder)
            mark.touch()
    return folder


def copied(folder: Path, factory: pytest.TempPathFactory, name: str) -> Path:
    """A copy of one's own, to be written to."""
    copy = factory.mktemp(name) / "home"
    shutil.copytree(folder, copy, symlinks=True)
    return copy
