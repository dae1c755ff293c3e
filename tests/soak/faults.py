"""What befalls a scorer from around it: heavy neighbours, clients that never finish, a Redis that dies or freezes."""

from __future__ import annotations

import http.client
import json
import signal
import socket
import threading
import time
from collections import Counter
from collections.abc import Callable, Sequence
from contextlib import suppress
from dataclasses import dataclass, field

import psutil
from load import KnownRequest
from raw_http import read_answer
from target import Target, until

RECOVERY_SECONDS = 60.0
UNFINISHED = 300


@dataclass
class Storm:
    """What became of the requests of an attack itself."""

    statuses: Counter[int] = field(default_factory=Counter)
    unforeseen: list[str] = field(default_factory=list)
    rounds: int = 0
    slowest: float = 0.0


def heavy_batches(target: Target, seconds: float, most_rounds: int = 200) -> Storm:
    """Four at a time: a thousand requests that each want fifty contributions, to all models in turn."""
    models = target.models()
    batches = [
        [{"model": model, "entity_id": str(1 + number % 150), "explain": 50} for number in range(1000)]
        for model in ("contact-timing", *models)
    ]

    def send(number: int) -> tuple[int, bytes]:
        return target.request("POST", "/v1/predict/batch", {"requests": batches[number % len(batches)]}, timeout=120)

    return _storm(send, 4, seconds, most_rounds)


def past_storm(target: Target, seconds: float, most_rounds: int = 400) -> Storm:
    """Forty at a time: small requests about moments all over the past."""
    models = target.models()

    def send(number: int) -> tuple[int, bytes]:
        moment = f"2026-{1 + number % 9:02d}-{1 + number % 28:02d}T{number % 24:02d}:00:00Z"
        body = {"entity_id": str(1 + number % 150), "as_of": moment}
        return target.request("POST", f"/v1/predict/{models[number % len(models)]}", body, timeout=60)

    return _storm(send, 40, seconds, most_rounds)


def _storm(send: Callable[[int], tuple[int, bytes]], width: int, seconds: float, most_rounds: int) -> Storm:
    storm, lock, deadline = Storm(), threading.Lock(), time.monotonic() + seconds

    def work(worker: int) -> None:
        for turn in range(most_rounds):
            if time.monotonic() > deadline:
                return
            began = time.perf_counter()
            try:
                status, content = send(worker + width * turn)
                fault = content[:300].decode() if status == 500 or b'"status":500' in content else ""
            except (OSError, http.client.HTTPException) as problem:
                status, fault = 0, repr(problem)
            with lock:
                storm.rounds = max(storm.rounds, turn + 1)
                storm.slowest = max(storm.slowest, time.perf_counter() - began)
                storm.statuses[status] += 1
                storm.unforeseen += [f"{status} {fault}"] if fault else []

    threads = [threading.Thread(target=work, args=(worker,), daemon=True) for worker in range(width)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(seconds + 150)
    return storm


def unfinished_requests(target: Target) -> Storm:
    """Hundreds of connections that stop in the middle: nothing at all, half a header, half a body."""
    beginnings = (
        b"",
        b"POST /v1/predict/move-probability HTTP/1.1\r\nHost: x\r\nX-Half: ",
        b"POST /v1/predict/move-probability HTTP/1.1\r\nHost: x\r\nContent-Type: application/json\r\nContent-Length: 900\r\n\r\n{",
    )
    storm, connections = Storm(rounds=1), []
    began = time.perf_counter()
    for number in range(UNFINISHED):
        connection = socket.create_connection(("127.0.0.1", target.port), 30)
        connection.sendall(beginnings[number % len(beginnings)])
        connections.append(connection)
    for connection in connections:
        answer = read_answer(connection)
        storm.statuses[answer.status if answer else 0] += 1
        connection.close()
    storm.slowest = time.perf_counter() - began
    storm.unforeseen = [
        f"{count} connections ended with {status}" for status, count in storm.statuses.items() if status != 408
    ]
    return storm


def endless_headers(target: Target, megabytes: int = 10) -> Storm:
    """Headers that go on and on; the server may end the connection before all of them are sent."""
    storm, began = Storm(rounds=1), time.perf_counter()
    with socket.create_connection(("127.0.0.1", target.port), 30) as connection:
        sent = 0
        with suppress(OSError):
            connection.sendall(b"GET /health/live HTTP/1.1\r\nHost: x\r\n")
            while sent < megabytes * 1_000_000:
                line = b"X-More-%d: " % sent + b"a" * 8000 + b"\r\n"
                connection.sendall(line)
                sent += len(line)
            connection.sendall(b"\r\n")
        answer = read_answer(connection)
    storm.statuses[answer.status if answer else 0] += 1
    storm.slowest = time.perf_counter() - began
    if answer and answer.status != 431:
        storm.unforeseen.append(f"expected 431, found {answer.status}")
    return storm


@dataclass
class Recoveries:
    """How long it took until every model answered rightly again, round by round."""

    seconds: list[float] = field(default_factory=list)
    failures: list[str] = field(default_factory=list)


def killed_redis(target: Target, known: Sequence[KnownRequest], kills: int, seconds: float) -> Recoveries:
    """kill -9 of the private Redis, again and again; each time until all answers are right."""
    result, deadline = Recoveries(), time.monotonic() + seconds
    for number in range(kills):
        if time.monotonic() > deadline:
            break
        victim = until(target.redis, RECOVERY_SECONDS)
        if not isinstance(victim, psutil.Process):
            result.failures.append(f"before kill {number + 1}: no private Redis lives")
            break
        victim.kill()
        began = time.monotonic()
        _await_recovery(target, known, began, result, f"kill {number + 1}")
        time.sleep(0.2 * (number % 5))  # the next kill comes at another point of the scorer's own rhythm
    return result


def frozen_redis(target: Target, known: Sequence[KnownRequest], rounds: int, seconds: float) -> Recoveries:
    """SIGSTOP for one to five seconds, then SIGCONT."""
    result, deadline = Recoveries(), time.monotonic() + seconds
    for number in range(rounds):
        redis = target.redis()
        if time.monotonic() > deadline or redis is None:
            result.failures += ["no private Redis lives"] if redis is None else []
            break
        redis.send_signal(signal.SIGSTOP)
        try:
            time.sleep(1 + number % 5)
        finally:
            redis.send_signal(signal.SIGCONT)
        _await_recovery(target, known, time.monotonic(), result, f"freeze {number + 1}")
    return result


def _await_recovery(target: Target, known: Sequence[KnownRequest], began: float, result: Recoveries, what: str) -> None:
    """Until one request to each model is answered, and /health/ready agrees."""
    firsts = {request.path: request for request in known if not request.past}

    def answers() -> bool:
        with suppress(OSError, http.client.HTTPException):
            for request in firsts.values():
                if target.request("POST", request.path, json.loads(request.body), timeout=10)[0] != 200:
                    return False
            return target.ready().get("code") == 200
        return False

    if until(answers, RECOVERY_SECONDS):
        result.seconds.append(time.monotonic() - began)
    else:
        result.failures.append(f"{what}: not every model answers {RECOVERY_SECONDS:g} s later")
