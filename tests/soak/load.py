"""Known-good requests that run beside every attack: whose answer is wrong, late or missing tells what the attack did.

The right answers are recorded before the first attack. The clock of the scorer stands still, so they stay right.
"""

from __future__ import annotations

import http.client
import itertools
import json
import threading
import time
from collections import Counter
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field

from target import Target

MOMENTS = ("2026-05-15T12:00:00Z", "2026-09-30T00:00:00Z")
ENTITIES, PAST_ENTITIES, PROBED = 25, 3, 200
CHECKED = ("entity_id", "model", "model_version", "predicted_value", "predicted_class", "confidence", "degraded")
WORKERS = 4
_PAUSE_SECONDS = 0.02
_PAST_SHARE = 40  # one request about the past after so many about the present


@dataclass(frozen=True)
class KnownRequest:
    """A request and the answer that is right."""

    path: str
    body: str
    answer: dict[str, object]
    past: bool = False


@dataclass
class Tally:
    """What became of the good requests of one phase, and how long each took."""

    right: int = 0
    refused: Counter[int] = field(default_factory=Counter)
    wrong: list[str] = field(default_factory=list)
    innocent: list[str] = field(default_factory=list)
    seconds: list[float] = field(default_factory=list)
    live_seconds: list[float] = field(default_factory=list)
    peak_bytes: int = 0

    def percentile(self, share: float, of: Sequence[float] | None = None) -> float:
        """In milliseconds; of requests about the present unless others are given."""
        values = sorted(self.seconds if of is None else of)
        return values[min(len(values) - 1, int(len(values) * share))] * 1000 if values else float("nan")


def recorded(target: Target) -> list[KnownRequest]:
    """Requests about entities that are known, with the answers of a scorer that nobody has attacked yet."""
    requests: list[KnownRequest] = []
    for model in target.models():
        path, known = f"/v1/predict/{model}", []
        for entity in range(1, PROBED):
            status, content = target.request("POST", path, {"entity_id": str(entity)})
            if status == 200:
                known.append((str(entity), content))
            if len(known) == ENTITIES:
                break
        if len(known) < PAST_ENTITIES:
            raise SystemExit(f"expected {model} to answer about some of {PROBED} entities, found {len(known)}")
        requests += [KnownRequest(path, _body(entity), _checked(content)) for entity, content in known]
        for (entity, _), moment in itertools.product(known[:PAST_ENTITIES], MOMENTS):
            status, content = target.request("POST", path, {"entity_id": entity, "as_of": moment})
            if status == 200:
                requests.append(KnownRequest(path, _body(entity, moment), _checked(content), past=True))
    return requests


class Load:
    """Threads that ask one known-good request after the other, and look at /health/live meanwhile."""

    def __init__(self, target: Target, requests: Sequence[KnownRequest]) -> None:
        self._target, self._requests = target, requests
        self._lock = threading.Lock()
        self._tally, self._refusals = Tally(), frozenset[int]()
        self._past_refusals = frozenset[int]()

    @contextmanager
    def phase(self, refusals: Sequence[int] = (), past_refusals: Sequence[int] = ()) -> Iterator[Tally]:
        """Run while the phase does. Only the statuses given may take the place of a right answer meanwhile."""
        tally, stop = Tally(), threading.Event()
        self._tally, self._refusals, self._past_refusals = tally, frozenset(refusals), frozenset(past_refusals)
        threads = [threading.Thread(target=self._ask, args=(worker, stop), daemon=True) for worker in range(WORKERS)]
        threads.append(threading.Thread(target=self._look, args=(stop,), daemon=True))
        for thread in threads:
            thread.start()
        try:
            yield tally
        finally:
            stop.set()
            for thread in threads:
                thread.join(60)

    def _ask(self, worker: int, stop: threading.Event) -> None:
        present = [request for request in self._requests if not request.past]
        past = [request for request in self._requests if request.past] or present
        connection = self._target.connect()
        for number in itertools.count(worker * 7):
            if stop.wait(_PAUSE_SECONDS):
                break
            about_past = worker == 0 and number % _PAST_SHARE == 0
            request = past[number // _PAST_SHARE % len(past)] if about_past else present[number * 31 % len(present)]
            self._ask_one(connection, request)
        connection.close()

    def _ask_one(self, connection: http.client.HTTPConnection, request: KnownRequest) -> None:
        began = time.perf_counter()
        try:
            connection.request("POST", request.path, request.body, {"Content-Type": "application/json"})
            answer = connection.getresponse()
            status, content = answer.status, answer.read()
        except (OSError, http.client.HTTPException) as fault:
            connection.close()
            with self._lock:
                self._tally.innocent.append(f"{request.path} {type(fault).__name__}: {fault}")
            return
        self._judge(request, status, content, time.perf_counter() - began)

    def _judge(self, request: KnownRequest, status: int, content: bytes, seconds: float) -> None:
        allowed = self._refusals | self._past_refusals if request.past else self._refusals
        with self._lock:
            if not request.past:
                self._tally.seconds.append(seconds)
            if status == 200:
                if (found := _checked(content)) == request.answer:
                    self._tally.right += 1
                else:
                    self._tally.wrong.append(f"{request.path} {request.body}: expected {request.answer}, found {found}")
            elif status in allowed:
                self._tally.refused[status] += 1
            else:
                self._tally.innocent.append(f"{request.path} {request.body}: {status} {content[:300]!r}")

    def _look(self, stop: threading.Event) -> None:
        while not stop.wait(0.1):
            began = time.perf_counter()
            try:
                status, _ = self._target.request("GET", "/health/live", timeout=10)
                fault = "" if status == 200 else f"/health/live {status}"
            except (OSError, http.client.HTTPException) as problem:
                fault = f"/health/live {problem!r}"
            with self._lock:
                self._tally.live_seconds.append(time.perf_counter() - began)
                self._tally.peak_bytes = max(self._tally.peak_bytes, self._target.resident_bytes())
                if fault:
                    self._tally.innocent.append(fault)


def _body(entity: str, moment: str | None = None) -> str:
    return json.dumps({"entity_id": entity} | ({"as_of": moment} if moment else {}))


def _checked(content: bytes) -> dict[str, object]:
    """What must be the same each time; a float is compared to six digits, since rows are computed together."""
    answer = json.loads(content)
    picked = {name: answer.get(name) for name in CHECKED}
    return {name: float(f"{value:.6g}") if isinstance(value, float) else value for name, value in picked.items()}
