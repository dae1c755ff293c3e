"""The scorer as a process of its own, as `tidemark serve` runs it: started, waited for, stopped."""

from __future__ import annotations

import http.client
import socket
import subprocess
import sys
import time
import urllib.error
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

SECONDS = 60


class ScorerError(RuntimeError):
    """The scorer cannot be started."""


@contextmanager
def answering(home: Path, port: int) -> Iterator[str]:
    """The scorer's address, once every model that was trained answers; it is stopped at the end."""
    with socket.socket() as probe:
        if probe.connect_ex(("127.0.0.1", port)) == 0:
            raise ScorerError(f"port {port} is taken, and the scorer wants it: choose another with --scorer-port.")
    log = home / "scorer.log"
    command = [sys.executable, "-W", "ignore", "-c", "import tidemark; tidemark.main()", "serve", "--port", str(port)]
    with log.open("wb") as sink:
        process = subprocess.Popen([*command, "--home", str(home)], stdout=sink, stderr=subprocess.STDOUT)  # noqa: S603
        try:
            _wait(process, f"http://127.0.0.1:{port}", log)
            yield f"http://127.0.0.1:{port}"
        finally:
            process.terminate()
            process.wait()


def _wait(process: subprocess.Popen[bytes], address: str, log: Path) -> None:
    deadline, said = time.monotonic() + SECONDS, "nothing yet"
    while time.monotonic() < deadline:
        if process.poll() is not None:
            raise ScorerError(
                f"the scorer ended with {process.returncode}; it said, in {log}:\n{log.read_text()[-2000:]}"
            )
        try:
            with urllib.request.urlopen(f"{address}/health/ready", timeout=2):  # noqa: S310  our own scorer
                return
        except urllib.error.HTTPError as refusal:
            with refusal:
                said = refusal.read().decode(errors="replace")
        except (OSError, http.client.HTTPException) as problem:
            said = str(problem)
        time.sleep(0.2)
    raise ScorerError(f"the scorer was not ready within {SECONDS} s; /health/ready said {said}; see {log}")
