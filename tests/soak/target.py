"""The scorer under attack: a process of its own over a copy of a home, its Redis and its memory."""

from __future__ import annotations

import http.client
import json
import os
import re
import shutil
import socket
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import psutil

TIDEMARK = str(Path(sys.executable).with_name("tidemark"))
START_SECONDS = 240.0


@dataclass(frozen=True)
class Target:
    """A running scorer."""

    process: psutil.Process
    port: int
    home: Path
    log: Path

    def connect(self, timeout: float = 30.0) -> http.client.HTTPConnection:
        return http.client.HTTPConnection("127.0.0.1", self.port, timeout=timeout)

    def request(self, method: str, path: str, body: object = None, timeout: float = 30.0) -> tuple[int, bytes]:
        """One request on a connection of its own: status and body."""
        connection = self.connect(timeout)
        try:
            content = None if body is None else json.dumps(body)
            connection.request(method, path, content, {"Content-Type": "application/json"})
            answer = connection.getresponse()
            return answer.status, answer.read()
        finally:
            connection.close()

    def ready(self) -> dict[str, Any]:
        """What /health/ready says; nothing while nobody listens."""
        with suppress(OSError, http.client.HTTPException, ValueError):
            status, content = self.request("GET", "/health/ready")
            return {**json.loads(content), "code": status}
        return {}

    def models(self) -> tuple[str, ...]:
        """The models that answer, as their paths name them."""
        models: dict[str, str] = self.ready().get("models", {})
        return tuple(name.replace("_", "-") for name in models)

    def resident_bytes(self) -> int:
        return int(self.process.memory_info().rss)

    def redis(self) -> psutil.Process | None:
        """The private Redis of the copied home, if it lives: the process that its own file names."""
        folder = self.home / "redis"
        with suppress(OSError, ValueError, psutil.NoSuchProcess):
            process = psutil.Process(int((folder / "redis.pid").read_text()))
            if "redis" in process.name() and Path(process.cwd()) == folder.resolve():
                return process
        return None


@contextmanager
def running(home: Path, log: Path) -> Iterator[Target]:
    """A scorer over the home, ready; stopped at the end, its Redis with it."""
    port = _free_port()
    environment = {name: value for name, value in os.environ.items() if not name.startswith("TIDEMARK_")}
    now = os.environ.get("TIDEMARK_NOW") or "2026-11-01T09:00:00Z"
    environment |= {"TIDEMARK_NOW": now, "TIDEMARK_LOG_LEVEL": "warning", "PYTHONWARNINGS": "ignore"}
    command = [TIDEMARK, "serve", "--home", str(home), "--port", str(port)]
    with log.open("ab") as stream:
        process = subprocess.Popen(command, env=environment, stdout=stream, stderr=stream)
    target = Target(psutil.Process(process.pid), port, home, log)
    try:
        if not until(lambda: process.poll() is not None or target.ready(), START_SECONDS) or process.poll() is not None:
            sys.exit(f"the scorer did not start within {START_SECONDS:g} s; its log, {log}, says why")
        yield target
    finally:
        with suppress(psutil.NoSuchProcess):
            target.process.resume()
        process.terminate()
        try:
            process.wait(30)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()


def copied(home: Path, folder: Path) -> Path:
    """The part of a home that a scorer reads: nothing here is ever done to the home itself."""
    if not (home / "mlflow.db").exists():
        sys.exit(f"the soak needs a demo's home, and {home} has no models: run `make demo EXIT=1` first")
    copy = folder / "home"
    unread = shutil.ignore_patterns(
        "world", "raw", "dagster", "data_docs", "quarantine", "predictions", "training_sets"
    )
    shutil.copytree(home, copy, symlinks=True, ignore=unread)
    return copy


def until(condition: Callable[[], object], seconds: float, every: float = 0.05) -> object:
    """The first true value of the condition, or its last value when the time is over."""
    deadline = time.monotonic() + seconds
    while not (value := condition()) and time.monotonic() < deadline:
        time.sleep(every)
    return value


def exceptions(log: Path) -> dict[str, int]:
    """The kinds of exceptions in the scorer's log that nobody foresaw, and how often each came."""
    counts: dict[str, int] = {}
    for kind in re.findall(r"(?:\\n|\n)([A-Za-z_.]*(?:Error|Exception)): ", log.read_text(errors="replace")):
        counts[kind] = counts.get(kind, 0) + 1
    return counts


def _free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])
