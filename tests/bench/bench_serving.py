"""The scorer's requests a second against a route that does the same look-up and ONNX call and nothing else."""

from __future__ import annotations

import http.client
import json
import os
import socket
import statistics
import subprocess
import sys
import threading
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path

import psutil
from feast_server import Question, feast_server
from watch import TIDEMARK

SECONDS, ROUNDS = 1.5, 5
QUESTION = b'{"entity_id": "1"}'
SERVICE, ENTITIES = "move_probability_v1", {"customer_id": [1], "request_timestamp": ["2026-11-01T09:00:00Z"]}

BARE = """
import asyncio, json, os, sys
import uvicorn
from fastapi import FastAPI, Request
from fastapi.responses import Response
from feature_repo.store import open_store
from serving.models import Models
from serving.settings import Settings
settings = Settings.from_environment()
models = Models(settings, open_store())
models.refresh()
model = models.of("move_probability")
wire, compiled = model.plan._async_wire, model.plan._version.stages[0].compiled
import numpy as np
rows = np.zeros((1, len(model.artifact.card.inputs.columns)), np.float32)
app = FastAPI()
@app.post("/bare")
async def bare(request: Request) -> Response:
    asked = json.loads(await request.body())
    await wire.ask(compiled.key_request({"customer_id": [int(asked["entity_id"])]}).batch)
    value = model.artifact.answers(rows)[0, 0]
    return Response(json.dumps({"value": float(value)}), media_type="application/json")
uvicorn.run(app, host="127.0.0.1", port=int(sys.argv[1]), log_level="warning", access_log=False)
"""


def measure(folder: Path) -> list[dict[str, str]]:
    """Needs the home of a demo (TIDEMARK_DEMO_HOME, else .tidemark): its models and its online store."""
    home = Path(os.environ.get("TIDEMARK_DEMO_HOME") or ".tidemark").absolute()
    if not (home / "mlflow.db").exists():
        sys.exit(f"the bench of the scorer needs a demo's home, and {home} has no models: run `make demo EXIT=1` first")
    env = {**os.environ, "TIDEMARK_HOME": str(home), "TIDEMARK_NOW": "2026-11-01T09:00:00Z", "PYTHONWARNINGS": "ignore"}
    ours, bare = _free(), _free()
    began = time.perf_counter()
    with _server([TIDEMARK, "serve", "--port", str(ours)], env) as scorer:
        _wait(ours, "/health/ready")
        ready = time.perf_counter() - began
        with (
            _server([sys.executable, "-c", BARE, str(bare)], env),
            feast_server(home, SERVICE, ENTITIES, stock=True) as feast,
        ):
            _wait(bare, "/docs")
            rows = _rates(ours, bare, feast)
        several = _batch(ours)
        memory = psutil.Process(scorer.pid).memory_info().rss
    return [
        *rows,
        {
            "what": "batch of 1,000 mixed predictions, median of 5",
            "figure": f"{several * 1000:.0f} ms",
            "goal": "150 ms",
        },
        {"what": "start to ready", "figure": f"{ready:.1f} s", "goal": "8 s"},
        {"what": "memory of the worker", "figure": f"{memory / 1e6:.0f} MB", "goal": "500 MB"},
    ]


@contextmanager
def _server(command: Sequence[str | Path], env: Mapping[str, str]) -> Iterator[subprocess.Popen[bytes]]:
    with subprocess.Popen(command, env=env, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL) as process:
        try:
            yield process
        finally:
            process.terminate()


def _rates(ours: int, bare: int, feast: Question) -> list[dict[str, str]]:
    rows = []
    asked = (
        (ours, "/v1/predict/move-probability", QUESTION),
        (bare, "/bare", QUESTION),
        (feast.port, feast.path, feast.body),
    )
    for connections in (1, 8):
        rounds = [[_load(*one, connections) for one in asked] for _ in range(ROUNDS)]
        (rate, p50), (bare_rate, bare_p50), (feast_rate, _) = (
            [statistics.median(one[which][figure] for one in rounds) for figure in (0, 1)] for which in range(3)
        )
        share = statistics.median(mine[0] / bares[0] for mine, bares, _ in rounds)
        slower = statistics.median(mine[1] / bares[1] for mine, bares, _ in rounds)
        beside = statistics.median(mine[0] / theirs[0] for mine, _, theirs in rounds)
        what = f"predict, {connections} connection{'s' if connections > 1 else ''}"
        rows += [
            {
                "what": f"{what}: requests/s, p50; beside a bare route",
                "figure": f"{rate:,.0f}/s, {p50:.2f} ms; {bare_rate:,.0f}/s, {bare_p50:.2f} ms: {share:.0%} of its rate, "
                f"{slower:.1f} times its p50",
                "goal": "60 %, 2 times",
            },
            {
                "what": f"{what}: beside Feast's feature server, which looks up and predicts nothing",
                "figure": f"{feast_rate:,.0f}/s: {beside:.0f} times",
                "goal": "10 times",
            },
        ]
    return rows


def _load(port: int, path: str, body: bytes, connections: int) -> tuple[float, float]:
    """Requests a second and the median time of one, in ms. Bare sockets: on few cores the asker must cost little."""
    times: list[float] = []
    end = time.perf_counter() + SECONDS
    head = f"POST {path} HTTP/1.1\r\nHost: x\r\nContent-Type: application/json\r\nContent-Length: {len(body)}\r\n\r\n"

    def ask() -> None:
        with socket.create_connection(("127.0.0.1", port)) as connection:
            while time.perf_counter() < end:
                began = time.perf_counter()
                connection.sendall(head.encode() + body)
                answer = _answer(connection)
                if not answer.startswith(b"HTTP/1.1 200"):
                    sys.exit(f"{path} answered {answer.decode()}")
                times.append(time.perf_counter() - began)

    threads = [threading.Thread(target=ask) for _ in range(connections)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    return len(times) / SECONDS, statistics.median(times) * 1000


def _answer(connection: socket.socket) -> bytes:
    told = connection.recv(1 << 16)
    while b"\r\n\r\n" not in told:
        told += connection.recv(1 << 16)
    head, rest = told.split(b"\r\n\r\n", 1)
    length = int(head.lower().split(b"content-length:")[1].split(b"\r\n")[0])
    while len(rest) < length:
        rest += connection.recv(1 << 16)
    return head + rest


def _batch(port: int) -> float:
    models = ("move-probability", "transaction-type", "property-value")
    asked = {"requests": [{"model": models[n % 3], "entity_id": str(1 + n)} for n in range(1000)]}
    body, taken = json.dumps(asked), []
    for _ in range(5):
        connection = http.client.HTTPConnection("127.0.0.1", port)
        began = time.perf_counter()
        connection.request("POST", "/v1/predict/batch", body, {"Content-Type": "application/json"})
        answer = connection.getresponse().read()
        taken.append(time.perf_counter() - began)
        refused = [one for one in json.loads(answer)["results"] if "status" in one]
        if len(refused) > 20:  # a few were refused when the world was loaded
            sys.exit(f"{len(refused)} of 1,000 predictions were refused, the first: {refused[0]}")
    return statistics.median(taken)


def _free() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


def _wait(port: int, path: str) -> None:
    for _ in range(600):
        try:
            connection = http.client.HTTPConnection("127.0.0.1", port, timeout=2)
            connection.request("GET", path)
            if connection.getresponse().status == 200:
                return
        except OSError:
            pass
        time.sleep(0.1)
    sys.exit(f"nothing answered at port {port} within a minute")
