"""Requests that nobody should send, to every route that the OpenAPI document names, and whether each was answered."""

from __future__ import annotations

import json
import random
import socket
import threading
import time
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from raw_http import Answer, exchange
from target import Target

PROTOCOL = frozenset({400, 404, 405, 408, 413, 415, 422, 429, 431, 503})
CONNECTIONS = 24
SEED = 20_261
_PROBLEM = "application/problem+json"

# JSON texts, as Python's own encoder would write few of them.
NASTY = (
    "null", "true", "[]", "{}", '""', '"1"', "1", "-1", "0", "1.5", "-0.0", "1e39", "-1e400", "1e-400", "NaN", "Infinity", "-Infinity",
    '"NaN"', '"Infinity"', '"null"', "9" * 400, "9" * 5000, f'"{"9" * 5000}"', "[" * 500 + "]" * 500, '{"a":' * 300 + "1" + "}" * 300,
    '"\\u0000"', '"\\ud800"', '"\U0001f30a"', '"1; DROP TABLE"', '"../../etc/passwd"', '"\u0661"', '" 1"', '"-0"', '"9223372036854775808"',
    "9223372036854775807", "0x10", "01", '"' + "a" * 70_000 + '"',
)  # fmt: skip
MOMENTS = (
    '"9999-12-31T23:59:59-23:59"', '"0001-01-01T00:00:00+23:59"', '"9999-12-31T23:59:59Z"', '"0001-01-01T00:00:00Z"', '"1970-01-01"',
    '"2026-02-30T00:00:00Z"', '"2026-06-30T23:59:60Z"', '"now"', "0", "-1", "1e18", "253402300800", "-62135596801", '"2026-11-01T09:00:01Z"',
)  # fmt: skip
PAST = ('"2026-03-01T00:00:00Z"', '"2024-02-29T12:00:00+05:30"', '"1999-01-01T00:00:00Z"', '"2026-10-31"')
MEDIA_TYPES = (
    "text/plain", "application/x-www-form-urlencoded", "multipart/form-data; boundary=x", "application/xml", "", "application/json; charset=utf-16",
    "application/json; charset=utf-8", "APPLICATION/JSON", "\xff\xfe",
)  # fmt: skip
METHODS = ("GET", "POST", "PUT", "DELETE", "PATCH", "HEAD", "OPTIONS", "TRACE", "BREW", "get")
BYTES = (
    b"", b"\xff\xfe\x00", b"{", b'{"entity_id": "1"', b'{"entity_id": "\xc3\x28"}', b"\xef\xbb\xbf{}", b"\x00" * 1000, b"[" * 100_000,
    b'{"entity_id":"1","entity_id":"2"}', b'{"entity_id":"1"}{}', b"%" * 1_000_001, b"{}" * 600_000,
)  # fmt: skip


@dataclass
class FuzzResult:
    """How many requests had which status, and which answers nothing describes."""

    sent: int = 0
    statuses: Counter[int] = field(default_factory=Counter)
    undeclared: list[str] = field(default_factory=list)
    unforeseen: list[str] = field(default_factory=list)
    malformed: list[str] = field(default_factory=list)
    unanswered: list[str] = field(default_factory=list)
    cut_short: int = 0


@dataclass(frozen=True)
class FuzzRequest:
    """What is sent, and which statuses are declared for it."""

    method: str
    path: str
    headers: Mapping[str, str]
    body: bytes
    declared: frozenset[int]


class Generator:
    """Makes requests from the OpenAPI document. The same seed makes the same ones."""

    def __init__(self, document: Mapping[str, Any], models: Sequence[str], seed: int) -> None:
        self._models = models
        self._random = random.Random(seed)
        self._operations = [
            (method.upper(), path, operation)
            for path, methods in document["paths"].items()
            for method, operation in methods.items()
        ]

    def request(self) -> FuzzRequest:
        chance = self._random
        method, path, operation = chance.choice(self._operations)
        declared = frozenset(map(int, operation["responses"]))
        schema = (operation.get("requestBody") or {}).get("content", {}).get("application/json", {}).get("schema")
        headers = {"Content-Type": "application/json"} if schema else {}
        body = self._body(schema) if schema else b""
        if chance.random() < 0.05:
            method = chance.choice(METHODS)
        if chance.random() < 0.05:
            headers["Content-Type"] = chance.choice(MEDIA_TYPES)
        if chance.random() < 0.05:
            headers[chance.choice(["X-Request-Id", "Accept", "Expect", "X-Forwarded-For", "Cookie"])] = chance.choice(
                ["", "a" * 5000, "100-continue", "\xff", "../..", "*/*"]
            )
        return FuzzRequest(method, self._filled(path), headers, body, declared)

    def _filled(self, path: str) -> str:
        chance = self._random
        if chance.random() < 0.03:
            return chance.choice(
                [
                    "/",
                    "//",
                    "/v1",
                    "/v1/predict/",
                    "/v1/predict/nonsense",
                    "/%00",
                    "/v1/models/%ff",
                    "/docs/assets/../../x",
                    "/x?" + "a=1&" * 500,
                ]
            )
        names = (
            *self._models,
            "move_probability",
            "move_probability_v1",
            "property_value_v1",
            "nonsense",
            "%2e%2e",
            "%F0%9F%8C%8A",
            "a" * 3000,
            "'",
        )
        for parameter in ("{name}", "{service}"):
            path = path.replace(parameter, chance.choice(names))
        return path + (chance.choice(["", "?x=1", "?entity_id=%ff", "/"]) if chance.random() < 0.05 else "")

    def _body(self, schema: Mapping[str, Any]) -> bytes:
        chance = self._random
        if chance.random() < 0.06:
            return chance.choice(BYTES)
        if chance.random() < 0.04:
            return chance.choice(NASTY).encode("utf-8", "surrogatepass")
        return self._object(schema).encode("utf-8", "surrogatepass")

    def _object(self, schema: Mapping[str, Any]) -> str:
        chance, required = self._random, set(schema.get("required", ()))
        members = []
        for name, shape in schema.get("properties", {}).items():
            if (name in required and chance.random() < 0.97) or (name not in required and chance.random() < 0.4):
                members.append(f"{json.dumps(name)}: {self._value(name, shape)}")
        if chance.random() < 0.04:
            members.append(f'"{chance.choice(["x", "", "__proto__", "entity_id"])}": {chance.choice(NASTY)}')
        return "{" + ", ".join(members) + "}"

    def _value(self, name: str, shape: Mapping[str, Any]) -> str:
        chance = self._random
        if name == "as_of":
            return chance.choice(PAST if chance.random() < 0.05 else (*MOMENTS, "null"))
        if chance.random() < 0.12:
            return chance.choice(NASTY)
        if name == "requests":
            many = chance.choice([0, 1, 1, 2, 3, 5, 9, 30]) if chance.random() < 0.98 else chance.choice([1000, 1001])
            return "[" + ", ".join(self._object(shape["items"]) for _ in range(many)) + "]"
        if name == "entity_id":
            return json.dumps(
                chance.choice([str(chance.randrange(1, 300)), "-1", "0", "999999999999999999", "1" * 19, "abc"])
            )
        if name == "features":
            known = (
                "session_count_7d",
                "doc_access_trend",
                "bedrooms",
                "property_kind",
                "hour_sin",
                "months_ahead",
                "nonsense",
            )
            number = str(chance.uniform(-1e3, 1e3))
            picked = {chance.choice(known): chance.choice([*NASTY, number, number]) for _ in range(chance.randrange(3))}
            return "{" + ", ".join(f'"{key}": {value}' for key, value in picked.items()) + "}"
        if name == "model":
            return json.dumps(chance.choice([*self._models, *self._models, "move_probability", ""]))
        if "minimum" in shape or "maximum" in shape:
            low, high = shape.get("minimum", -5), shape.get("maximum", 50)
            return str(chance.choice([low, high, low - 1, high + 1, (low + high) / 2, int((low + high) / 2)]))
        return chance.choice(NASTY)


def fuzz(target: Target, count: int, seconds: float, seed: int = SEED) -> FuzzResult:
    """Send so many requests over many connections at once, or what can be sent in the time."""
    document = json.loads(target.request("GET", "/openapi.json")[1])
    models = target.models()
    result, lock, deadline = FuzzResult(), threading.Lock(), time.monotonic() + seconds
    share = -(-count // CONNECTIONS)

    def send(worker: int) -> None:
        generator = Generator(document, models, seed + worker)
        connection: socket.socket | None = None
        for _ in range(share):
            if time.monotonic() > deadline:
                break
            request = generator.request()
            connection, answer = exchange(
                target.port, connection, request.method, request.path, request.headers, request.body
            )
            with lock:
                _judge(request, answer, result)
        if connection:
            connection.close()

    threads = [threading.Thread(target=send, args=(worker,), daemon=True) for worker in range(CONNECTIONS)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(seconds + 60)
    return result


def _judge(request: FuzzRequest, answer: Answer | None, result: FuzzResult) -> None:
    result.sent += 1
    shown = f"{request.method} {request.path[:80]} {dict(request.headers)!r:.120} {request.body[:200]!r}"
    if answer is None:
        if len(request.body) > 1_000_000:  # it is refused before its end is sent, and the refusal may be lost
            result.cut_short += 1
        else:
            result.unanswered.append(shown)
        return
    result.statuses[answer.status] += 1
    if answer.status not in request.declared | PROTOCOL:
        result.undeclared.append(f"{answer.status} {shown}")
    elif answer.status == 500 or b'"status":500' in answer.body:
        result.unforeseen.append(f"500 {shown} {answer.body[:300]!r}")
    elif reason := _malformed(request, answer):
        result.malformed.append(f"{answer.status} {shown}: {reason}")


def _malformed(request: FuzzRequest, answer: Answer) -> str:
    """What is wrong with an answer whose status is right."""
    if request.method == "HEAD" or request.path.startswith(("/health/", "/metrics", "/docs")):
        return ""
    if answer.status >= 400:
        return "" if answer.media_type == _PROBLEM else f"expected {_PROBLEM}, found {answer.media_type}"
    try:
        parsed = json.loads(answer.body)
    except ValueError:
        return f"expected JSON, found {answer.body[:100]!r}"
    predictions: Sequence[Any] = parsed.get("results", [parsed]) if isinstance(parsed, dict) else []
    for one in predictions:
        if "predicted_value" in one and not isinstance(one["predicted_value"], int | float):
            return f"expected a number, found {one['predicted_value']!r}"
    return ""
