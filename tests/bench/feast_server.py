"""Feast's own feature server over a home: same registry, same Redis, to be measured beside the scorer.

It looks features up and computes those on demand; it predicts nothing. `stock` gives it Feast's own Redis store, as
whoever has not heard of ours would run it; else it has ours, and what differs from the scorer is Feast's way to it.
"""

from __future__ import annotations

import http.client
import json
import os
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from tempfile import TemporaryDirectory

import yaml

from feature_repo.stores.private_redis import address

REPO = Path(__file__).parents[2] / "feature_repo"
FEAST = str(Path(sys.executable).with_name("feast"))
_SECONDS_TO_START = 90


@dataclass(frozen=True)
class Question:
    """What to ask of which server: a POST of JSON."""

    port: int
    path: str
    body: bytes


@contextmanager
def feast_server(
    home: Path, service: str, entities: dict[str, list[object]], *, stock: bool = False
) -> Iterator[Question]:
    """A server with one worker, as soon as it answers the question; the home's Redis must be running."""
    settings = yaml.safe_load((REPO / "feature_store.yaml").read_text())
    if stock:
        settings["online_store"] = {
            "type": "redis",
            "connection_string": os.environ.get("TIDEMARK_REDIS") or address(home),
        }
        settings["batch_engine"] = {"type": "local"}
    body: dict[str, object] = {"feature_service": service, "entities": entities}
    with served(settings, body, repo=REPO, TIDEMARK_HOME=str(home)) as question:
        yield question


@contextmanager
def served(
    settings: dict[str, object],
    body: dict[str, object],
    repo: Path | None = None,
    artifacts: str = "",
    **environment: str,
) -> Iterator[Question]:
    """`feast serve` with one worker, of a project with these settings, as soon as it answers the question.

    `artifacts` is the text of `static_artifacts.py`, which Feast's server loads from the project's folder.
    """
    with TemporaryDirectory() as folder, socket.create_server(("127.0.0.1", 0)) as free:
        port = free.getsockname()[1]
        free.close()
        file = Path(folder) / "feature_store.yaml"
        file.write_text(yaml.safe_dump(settings))
        if artifacts:
            (Path(folder) / "static_artifacts.py").write_text(artifacts)
        process = subprocess.Popen(
            [FEAST, "-c", repo or folder, "-f", file, "serve", "--port", str(port), "--no-access-log",
             "--max-requests", "0"],
            env={**os.environ, **environment, "PYTHONWARNINGS": "ignore"},
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
        )  # fmt: skip
        question = Question(port, "/get-online-features", json.dumps(body).encode())
        try:
            _wait(process, question)
            yield question
        finally:
            process.terminate()  # gunicorn ends its worker with itself
            process.wait()


def _wait(process: subprocess.Popen[bytes], question: Question) -> None:
    ends, told = time.monotonic() + _SECONDS_TO_START, "nothing"
    while time.monotonic() < ends:
        if process.poll() is not None:
            sys.exit(
                f"Feast's feature server ended with {process.returncode}; run `{' '.join(map(str, process.args))}`"
            )
        try:
            connection = http.client.HTTPConnection("127.0.0.1", question.port, timeout=10)
            connection.request("POST", question.path, question.body, {"Content-Type": "application/json"})
            answer = connection.getresponse()
            told = f"{answer.status}: {answer.read().decode()[:500]}"
            if answer.status == 200:
                return
        except OSError:
            pass
        time.sleep(0.1)
    sys.exit(f"Feast's feature server did not answer {question.body.decode()} within {_SECONDS_TO_START} s, but {told}")
