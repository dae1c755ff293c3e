"""A model is loaded in a process of its own first: what that does to the process, it does to nobody else.

The parsers of XGBoost and LightGBM take some files for what they are not, and end the process by a signal: no
exception tells of it. A scorer that loaded such a model would take all others down with it, and again at each start.
"""

from __future__ import annotations

import json
import os
import select
import signal
import subprocess
import sys
from pathlib import Path
from typing import Any

from training import artifact
from training.artifact import ArtifactError, UnreadableArtifactError
from training.deployed import MOST_FILE_BYTES

SECONDS = 60
"""How long a model may take to load, on a machine that is busy."""
_CRASHES = {signal.SIGSEGV, signal.SIGABRT, signal.SIGBUS, signal.SIGILL, signal.SIGFPE}
_READY = "ready"
_sound: set[str] = set()
"""Artifacts that this process has tried before, by the hash that pins all their bytes."""


class TrialError(RuntimeError):
    """The trial did not come to an end; that says nothing of the model."""


class Trial:
    """A child that loads one artifact after the other; started when it is needed, and anew after one has ended it."""

    def __init__(self) -> None:
        self._process: subprocess.Popen[str] | None = None

    def __enter__(self) -> Trial:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def require_sound(self, folder: Path, sha256: str, most_file_bytes: int = MOST_FILE_BYTES) -> None:
        """Raise unless the artifact can be loaded and explains an answer."""
        if sha256 in _sound:
            return
        process = self._process = self._process or _started()
        try:
            if process.stdin is None:
                raise TrialError("the process that models are tried in has no standard input")
            process.stdin.write(json.dumps([str(folder), sha256, most_file_bytes]) + "\n")
            process.stdin.flush()
            # What comes next needs these as well, and they take as long to load here as there.
            import training.native  # noqa: F401, PLC0415

            answer = _line(process)
        except BrokenPipeError:
            answer = ""
        if not answer:
            self._process = None
            raise _ended(process, folder)
        problem, is_unreadable = json.loads(answer)
        if problem:
            raise UnreadableArtifactError(problem) if is_unreadable else ArtifactError(problem)
        _sound.add(sha256)

    def close(self) -> None:
        """End the child, if there is one."""
        process, self._process = self._process, None
        if process:
            process.kill()
            process.communicate()


def _started() -> subprocess.Popen[str]:
    command = [sys.executable, "-W", "ignore", "-c", "from training.trial import main; main()"]
    process = subprocess.Popen(  # noqa: S603  our own words
        command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True
    )
    if _line(process) != _READY:
        process.kill()
        process.communicate()
        raise TrialError(f"the process that models are tried in did not start: it ended with {process.returncode}")
    return process


def _line(process: subprocess.Popen[str]) -> str:
    """The next line that the child says; empty if it has ended."""
    if process.stdout is None or not select.select([process.stdout], [], [], SECONDS)[0]:
        process.kill()
        process.communicate()
        raise TrialError(f"the process that models are tried in said nothing for {SECONDS} s")
    return process.stdout.readline().strip()


def _ended(process: subprocess.Popen[str], folder: Path) -> Exception:
    process.communicate()
    number = -process.returncode
    if number in _CRASHES:
        return ArtifactError(f"{folder}: whoever loads it is ended by {signal.Signals(number).name}")
    return TrialError(f"{folder}: the process that it was tried in ended with {process.returncode}")


def main() -> None:
    """The child. A line in: folder, hash, largest file. Out: what is wrong, or null, and whether it was unreadable."""
    import training.native  # noqa: F401, PLC0415  before it says that it is ready

    answers = os.fdopen(os.dup(1), "w")
    os.dup2(2, 1)  # the libraries say things of their own
    _say(answers, _READY)
    for line in sys.stdin:
        folder, sha256, most_file_bytes = json.loads(line)
        _say(answers, json.dumps(_problem(Path(folder), sha256, most_file_bytes)))


def _problem(folder: Path, sha256: str, most_file_bytes: int) -> tuple[str | None, bool]:
    try:
        artifact.load(folder, sha256, most_file_bytes).require_contributions()
    except ArtifactError as problem:
        return str(problem), isinstance(problem, UnreadableArtifactError)
    return None, False


def _say(answers: Any, line: str) -> None:
    answers.write(line + "\n")
    answers.flush()
