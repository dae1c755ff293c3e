"""Time a command from outside, with the peak memory of all its processes together."""

from __future__ import annotations

import subprocess
import sys
import time
from dataclasses import dataclass
from pathlib import Path

import psutil

TIDEMARK = str(Path(sys.executable).with_name("tidemark"))


@dataclass(frozen=True)
class Run:
    """What a command took."""

    seconds: float
    peak_bytes: int


def run(*command: str, every: float = 0.1) -> Run:
    """Run a command to its end; a failure ends the bench with what the command said."""
    began, peak = time.perf_counter(), 0
    process = subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True)
    watched = psutil.Process(process.pid)
    while process.poll() is None:
        peak = max(peak, _resident(watched))
        time.sleep(every)
    seconds = time.perf_counter() - began
    if process.returncode:
        sys.exit(
            f"{' '.join(command)} ended with {process.returncode}:\n{process.stdout.read() if process.stdout else ''}"
        )
    return Run(seconds, peak)


def _resident(process: psutil.Process) -> int:
    total = 0
    try:
        family = [process, *process.children(recursive=True)]
    except psutil.NoSuchProcess:
        return 0
    for one in family:
        try:
            # Shared pages are counted once a process, so this errs on the high side.
            total += one.memory_info().rss
        except psutil.NoSuchProcess:
            continue
    return total
