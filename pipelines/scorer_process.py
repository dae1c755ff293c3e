"""The scorer as a process of its own, as `tidemark serve` runs it: started, waited for, stopped."""

from __future__ import annotations

import http.client
import os
import socket
import subprocess
import sys
import time
import urllib.error
import urllib.request
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

SECONDS = 60


class ScorerError(RuntimeError):
    """The scorer cannot be started."""


@dataclass(frozen=True)
class ScorerProcess:
    """A scorer that was started, and may not answer yet."""

    address: str
    process: subprocess.Popen[bytes]
    log: Path

    def wait(self, path: str = "/health/ready", body: bytes | None = None) -> bytes:
        """What it answers, once it does: by default, once every model that was trained is ready."""
        url = f"{self.address}{path}"
        request = urllib.request.Request(url, body, {"Content-Type": "application/json"})  # noqa: S310  our own scorer
        deadline, said = time.monotonic() + SECONDS, "nothing yet"
        while time.monotonic() < deadline:
            if self.process.poll() is not None:
                raise ScorerError(
                    f"the scorer ended with {self.process.returncode}; it said, in {self.log}:\n"
                    f"{self.log.read_text()[-2000:]}"
                )
            try:
                with urllib.request.urlopen(request, timeout=2) as response:  # noqa: S310  our own scorer
                    answer: bytes = response.read()
                    return answer
            except urllib.error.HTTPError as refusal:
                with refusal:
                    said = refusal.read().decode(errors="replace")
            except (OSError, http.client.HTTPException) as problem:
                said = str(problem)
            time.sleep(0.2)
        raise ScorerError(f"the scorer did not answer {path} within {SECONDS} s; it said {said}; see {self.log}")


@contextmanager
def starting(home: Path, port: int, environment: Mapping[str, str] | None = None) -> Iterator[ScorerProcess]:
    """A scorer with `environment` beside ours, for whoever has something to do until it answers; stopped at the end."""
    with socket.socket() as probe:
        if probe.connect_ex(("127.0.0.1", port)) == 0:
            raise ScorerError(f"port {port} is taken, and the scorer wants it: choose another with --scorer-port.")
    log = home / "scorer.log"
    command = [sys.executable, "-W", "ignore", "-c", "import tidemark; tidemark.main()", "serve", "--port", str(port)]
    with log.open("wb") as sink:
        process = subprocess.Popen(  # noqa: S603  our own words
            [*command, "--home", str(home)],
            stdout=sink,
            stderr=subprocess.STDOUT,
            env={**os.environ, **(environment or {})},
        )
        try:
            yield ScorerProcess(f"http://127.0.0.1:{port}", process, log)
        finally:
            process.terminate()
            process.wait()
