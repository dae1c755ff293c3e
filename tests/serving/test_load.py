"""Heavy work and slow clients leave the others alone."""

from __future__ import annotations

import asyncio
import http.client
import json
import socket
import threading
import time
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack, contextmanager, suppress
from dataclasses import replace

import httpx2
import pytest
import uvicorn

from serving.app import create_app
from serving.protocol import LimitedHttpProtocol
from serving.worker_threads import WorkerThread

PATH = "/v1/predict/move-probability"


class Impatient(LimitedHttpProtocol):
    header_seconds = 0.5


@contextmanager
def listening(settings):
    """A scorer behind the protocol that `tidemark serve` uses, with less patience."""
    server = uvicorn.Server(uvicorn.Config(create_app(settings), port=0, http=Impatient, log_level="critical"))
    thread = threading.Thread(target=server.run)
    thread.start()
    while not server.started:
        time.sleep(0.01)
    try:
        yield server.servers[0].sockets[0].getsockname()
    finally:
        server.should_exit = True
        thread.join()


@pytest.fixture
def scorer(settings):
    with listening(replace(settings, body_seconds=0.5, most_at_once=4, log_level="error")) as where:
        yield where


def answer_to(where, request: bytes) -> tuple[int, str, dict]:
    """Status, media type and document of what comes back until the connection ends."""
    with socket.create_connection(where, timeout=20) as connection:
        with suppress(BrokenPipeError, ConnectionResetError):
            connection.sendall(request)
        return parsed(connection)


def parsed(connection):
    content = b""
    with suppress(BrokenPipeError, ConnectionResetError):
        while part := connection.recv(1 << 16):
            content += part
    head, _, body = content.partition(b"\r\n\r\n")
    media = next(line for line in head.split(b"\r\n") if line.lower().startswith(b"content-type"))
    return int(head.split()[1]), media.split(b": ")[1].decode(), json.loads(body)


def unfinished(where):
    connection = socket.create_connection(where, timeout=20)
    connection.sendall(
        f"POST {PATH} HTTP/1.1\r\nHost: x\r\nContent-Type: application/json\r\nContent-Length: 20\r\n\r\n{{".encode()
    )
    return connection


def test_unfinished_bodies_take_nobodys_place_and_end(scorer, ids):
    with ExitStack() as stack:
        slow = [stack.enter_context(unfinished(scorer)) for _ in range(40)]
        base = f"http://{scorer[0]}:{scorer[1]}"
        assert httpx2.get(f"{base}/health/live").status_code == 200
        assert httpx2.post(base + PATH, json={"entity_id": str(ids["move_probability"][0])}).status_code == 200
        for connection in slow:
            status, media, problem = parsed(connection)
            assert (status, media, problem["status"]) == (408, "application/problem+json", 408)


@pytest.mark.parametrize("sent", [b"", b"GET /health/live HTTP/1.1\r\nHost: x\r\nX-Slow: "])
def test_unfinished_headers_end(scorer, sent):
    status, media, problem = answer_to(scorer, sent)
    assert (status, media, problem["title"]) == (408, "application/problem+json", "Request timeout")


def test_headers_that_trickle_in_after_an_answer_end_too(scorer):
    with socket.create_connection(scorer, timeout=20) as connection:
        connection.sendall(b"GET /health/live HTTP/1.1\r\nHost: x\r\n\r\n")
        assert connection.recv(1 << 16).startswith(b"HTTP/1.1 200")
        connection.sendall(b"\r\n")
        assert parsed(connection)[0] == 408


@pytest.mark.parametrize("complete", [b"", b"\r\n\r\n"])
@pytest.mark.parametrize("size", [100_000, 10_000_000])
def test_large_headers_are_refused(scorer, size, complete):
    status, media, _ = answer_to(scorer, b"GET / HTTP/1.1\r\nHost: x\r\nX-Large: " + b"a" * size + complete)
    assert (status, media) == (431, "application/problem+json")


def test_what_is_no_http_is_a_problem_document(scorer):
    status, media, problem = answer_to(scorer, b"\x16\x03\x01\x02\x00\x01\x00\r\n\r\n")
    assert (status, media, problem["title"]) == (400, "application/problem+json", "Bad request")


def test_many_requests_on_one_connection_are_answered(scorer, ids):
    body = json.dumps({"entity_id": str(ids["move_probability"][0]), "features": None}).encode()
    head = f"POST {PATH} HTTP/1.1\r\nHost: x\r\nContent-Type: application/json\r\nContent-Length: {len(body)}\r\n\r\n"
    with socket.create_connection(scorer, timeout=20) as connection:
        answers = http.client.HTTPResponse(connection, method="POST")
        for _ in range(1500):  # in all more than the headers of one request may take
            connection.sendall(head.encode() + body)
            answers.begin()
            assert answers.status == 200
            answers.read()
            answers = http.client.HTTPResponse(connection, method="POST")


def test_too_many_at_once_are_refused_but_never_who_watches(settings):
    with listening(replace(settings, most_at_once=0, log_level="error")) as (host, port):
        refused = httpx2.post(f"http://{host}:{port}{PATH}", json={"entity_id": "1"})
        assert (refused.status_code, refused.headers["retry-after"]) == (429, "1")
        for path in ("/health/live", "/health/ready", "/metrics"):
            assert httpx2.get(f"http://{host}:{port}{path}").status_code == 200


def test_a_worker_leaves_the_loop_to_others():
    may_end = threading.Event()

    async def ask():
        worker = WorkerThread("test")
        heavy = asyncio.create_task(worker.run(lambda: may_end.wait(10)))
        await asyncio.sleep(0)
        may_end.set()  # the loop runs, though the worker waits
        assert await heavy
        worker.close()

    asyncio.run(ask())


def test_heavy_batches_give_the_answers_that_single_questions_get(address, ids):
    asked = [
        {"model": model.replace("_", "-"), "entity_id": str(one), "explain": 50}
        for model in ("contact_timing", "move_probability", "property_value")
        for one in ids[model][:60]
    ]
    began = threading.Barrier(5)

    def batch(_):
        began.wait()
        return httpx2.post(f"{address}/v1/predict/batch", json={"requests": asked}, timeout=120).json()["results"]

    def single(_):
        began.wait()
        return [
            httpx2.post(f"{address}{PATH}", json={"entity_id": str(one)}).status_code
            for one in ids["move_probability"][:60]
        ]

    with ThreadPoolExecutor(5) as threads:
        batches = [threads.submit(batch, None) for _ in range(4)]
        assert set(threads.submit(single, None).result()) == {200}
        first, *others = [one.result() for one in batches]
    for other in others:
        assert [one["predicted_value"] for one in other] == [one["predicted_value"] for one in first]
    for question, result in list(zip(asked, first, strict=True))[::25]:
        body = {name: value for name, value in question.items() if name != "model"}
        alone = httpx2.post(f"{address}/v1/predict/{question['model']}", json=body).json()
        assert alone["predicted_value"] == pytest.approx(result["predicted_value"], rel=1e-6)
        assert [one["name"] for one in alone["top_features"]] == [one["name"] for one in result["top_features"]]


def test_more_batches_at_once_than_there_are_places_for_are_refused(settings, ids):
    batch = {"requests": [{"model": "move-probability", "entity_id": str(ids["move_probability"][0])}]}
    with listening(replace(settings, most_batches=0, log_level="error")) as (host, port):
        answer = httpx2.post(f"http://{host}:{port}/v1/predict/batch", json=batch)
    assert (answer.status_code, answer.headers["content-type"]) == (429, "application/problem+json")


def test_many_who_ask_about_the_past_are_read_for_together(settings, ids, monkeypatch):
    from serving import past_lookup

    reads, read_past = [], past_lookup.read_past

    def counted(store, group):
        reads.append(len(group.requests))
        return read_past(store, group)

    monkeypatch.setattr(past_lookup, "read_past", counted)
    entity = str(ids["move_probability"][0])
    with listening(replace(settings, log_level="error")) as (host, port):

        def ask(day):
            body = {"entity_id": entity, "as_of": f"2026-06-{day:02d}T09:00:00Z"}
            answer = httpx2.post(f"http://{host}:{port}{PATH}", json=body, timeout=60)
            return answer.status_code, answer.json().get("predicted_value")

        with ThreadPoolExecutor(20) as threads:
            together = list(threads.map(ask, range(1, 21)))
        assert sum(reads) == 20
        assert len(reads) < 10
        assert together[::6] == [ask(day) for day in range(1, 21, 6)]


def test_more_of_the_past_than_is_set_aside_for_it_is_refused(settings, ids):
    entity = str(ids["move_probability"][0])
    body = {"entity_id": entity, "as_of": "2026-06-01T09:00:00Z"}
    for change, status in (({"most_past_rows": 0}, 429), ({"past_seconds": 0.0}, 503)):
        with listening(replace(settings, log_level="error", **change)) as (host, port):
            answer = httpx2.post(f"http://{host}:{port}{PATH}", json=body)
            assert (answer.status_code, answer.headers["content-type"]) == (status, "application/problem+json")
            assert answer.headers["retry-after"]
            assert httpx2.post(f"http://{host}:{port}{PATH}", json={"entity_id": entity}).status_code == 200


HEAD = "POST {path} HTTP/1.1\r\nHost: x\r\nContent-Type: application/json\r\nContent-Length: {size}\r\n{more}\r\n"


def question(ids) -> bytes:
    return b'{"entity_id":"%d"}' % ids["move_probability"][0]


def head(path: str, size: int, more: str = "") -> bytes:
    return HEAD.format(path=path, size=size, more=more).encode()


def status_of(connection) -> int:
    content = b""
    while b"\r\n\r\n" not in content:
        part = connection.recv(1 << 16)
        assert part, "the connection ended without an answer"
        content += part
    before, _, body = content.partition(b"\r\n\r\n")
    size = next(
        int(line.split(b":")[1]) for line in before.lower().split(b"\r\n") if line.startswith(b"content-length")
    )
    while len(body) < size:
        body += connection.recv(1 << 16)
    return int(before.split()[1])


def test_a_large_body_is_not_counted_among_the_headers_of_the_next_request(scorer, ids):
    body = b" " * 100_000 + question(ids)
    with socket.create_connection(scorer, timeout=20) as connection:
        connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        connection.sendall(head(PATH, len(body)))
        time.sleep(0.1)
        connection.sendall(body)
        assert status_of(connection) == 200
        then = head(PATH, len(question(ids)))
        connection.sendall(then[:40])
        time.sleep(0.1)
        connection.sendall(then[40:] + question(ids))
        assert status_of(connection) == 200


@pytest.mark.parametrize("wanted", ["h2c", "websocket", "TLS/1.0"])
def test_an_offer_to_upgrade_is_passed_over(scorer, ids, wanted):
    """RFC 9110, 7.8: a server may ignore it. Java's HttpClient and `curl --http2` send h2c with every first question."""
    with socket.create_connection(scorer, timeout=20) as connection:
        connection.sendall(
            head(PATH, len(question(ids)), f"Connection: Upgrade\r\nUpgrade: {wanted}\r\n") + question(ids)
        )
        assert status_of(connection) == 200
