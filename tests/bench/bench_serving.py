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
from pathlib import Path

import psutil
from watch import TIDEMARK

SECONDS, ROUNDS = 1.5, 5
QUESTION = b'{"entity_id": "1"}'

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
wire, compiled = model.plan._async_wire, model.plan._version.compiled
import numpy as np
rows = np.zeros((1, len(model.artifact.card.inputs.columns)), np.float32)
app = FastAPI()
@app.post("/bare")
async def bare(request: Request) -> Response:
    asked = json.loads(await request.body())
    await wire.ask(compiled.asked({"customer_id": [int(asked["entity_id"])]}).batch)
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
    with subprocess.Popen([TIDEMARK, "serve", "--port", str(ours)], env=env, stderr=subprocess.DEVNULL) as server:
        try:
            _wait(ours, "/health/ready")
            ready = time.perf_counter() - began
            with subprocess.Popen([sys.executable, "-c", BARE, str(bare)], env=env, stdout=subprocess.DEVNULL) as other:
                try:
                    _wait(bare, "/docs")
                    rows = _rates(ours, bare)
                finally:
                    other.terminate()
            several = _batch(ours)
            memory = psutil.Process(server.pid).memory_info().rss
        finally:
            server.terminate()
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


def _rates(ours: int, bare: int) -> list[dict[str, str]]:
    rows = []
    for connections in (1, 8):
        rounds = [
            (
                _load(ours, "/v1/predict/move-probability", QUESTION, connections),
                _load(bare, "/bare", QUESTION, connections),
            )
            for _ in range(ROUNDS)
        ]
        (rate, p50), (bare_rate, bare_p50) = (
            [statistics.median(one[which][figure] for one in rounds) for figure in (0, 1)] for which in (0, 1)
        )
        share = statistics.median(mine[0] / theirs[0] for mine, theirs in rounds)
        slower = statistics.median(mine[1] / theirs[1] for mine, theirs in rounds)
        rows.append(
            {
                "what": f"predict, {connections} connections: requests/s, p50",
                "figure": f"{rate:,.0f}/s, {p50:.2f} ms; bare {bare_rate:,.0f}/s, {bare_p50:.2f} ms: "
                f"{share:.0%} of its rate, {slower:.1f} times its p50",
                "goal": "60 %, 2 times",
            }
        )
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
