"""What is no request, or never becomes one, ends with a problem document; an application need not know of it."""

from __future__ import annotations

import asyncio
import json
import logging
import socket
import struct
import threading
import time
from contextlib import contextmanager, suppress

import pytest
import uvicorn

from serving.protocol import LimitedHttpProtocol

POST = b"POST /%b HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\n"
LIMIT = LimitedHttpProtocol.header_bytes


class Application:
    """Reads each body and answers with its length; to /slow a while after that, to /late it begins late to read."""

    def __init__(self):
        self.headers, self.disconnected = [], threading.Event()
        self.reached = threading.Event()

    async def __call__(self, scope, receive, send):
        assert scope["type"] == "http"
        self.reached.set()
        if scope["path"] == "/late":
            await asyncio.sleep(0.3)
        size, more = 0, True
        while more:
            message = await receive()
            if message["type"] == "http.disconnect":
                self.disconnected.set()
                return
            size, more = size + len(message["body"]), message["more_body"]
        self.headers.append(list(scope["headers"]))
        if scope["path"] == "/slow":
            await asyncio.sleep(0.5)
        body = b"%d" % size
        await send({"type": "http.response.start", "status": 200, "headers": [(b"content-length", b"%d" % len(body))]})
        await send({"type": "http.response.body", "body": body})


@pytest.fixture
def application():
    return Application()


@pytest.fixture
def where(application):
    config = uvicorn.Config(application, port=0, http=LimitedHttpProtocol, log_config=None, lifespan="off", ws="none")
    server = uvicorn.Server(config)
    thread = threading.Thread(target=server.run)
    thread.start()
    while not server.started:
        time.sleep(0.01)
    yield server.servers[0].sockets[0].getsockname()
    server.should_exit = True
    thread.join()


@contextmanager
def connected(where):
    with socket.create_connection(where, timeout=20) as connection:
        yield connection


def sent(where, *parts: bytes) -> bytes:
    """All that comes back for some parts, sent one after the other, until the server ends the connection."""
    with connected(where) as connection:
        content = b""
        with suppress(BrokenPipeError, ConnectionResetError):
            for part in parts:
                connection.sendall(part)
        with suppress(ConnectionResetError):
            while received := connection.recv(1 << 16):
                content += received
        return content


def problem(content: bytes) -> tuple[int, dict]:
    """Status and document of the one answer that came."""
    head, _, body = content.partition(b"\r\n\r\n")
    assert b"content-type: application/problem+json" in head
    assert b"connection: close" in head
    return int(head.split()[1]), json.loads(body)


@pytest.mark.parametrize("size", [b"zz", b"-1", b"fffffffffffffffff", b""], ids=["letters", "below 0", "17 f", "none"])
def test_a_bad_chunk_size_is_a_problem_document_before_the_end(where, application, size):
    status, document = problem(sent(where, POST % b"x", b"5\r\nhello\r\n", size + b"\r\n\r\n"))
    assert (status, document["title"]) == (400, "Bad request")
    assert "expected HTTP/1.1, found: " in document["detail"]
    assert "chunk" in document["detail"].lower()
    assert application.disconnected.wait(5)


def test_an_answer_that_has_begun_is_not_broken_into(where):
    content = sent(where, POST % b"slow" + b"1\r\na\r\n0\r\n\r\n", b"not HTTP at all\r\n\r\n")
    assert b"problem" not in content


def test_extensions_of_chunks_count_as_headers(where):
    extension = b"1;" + b"e" * 10_000 + b"\r\na\r\n"
    status, document = problem(sent(where, POST % b"x", *[extension] * 20))
    assert (status, document["title"]) == (431, "Headers too large")


def test_an_extension_without_an_end_counts_as_it_comes(where):
    status, _ = problem(sent(where, POST % b"x", b"1;", *[b"e" * 10_000] * 20))
    assert status == 431


def test_trailers_count_as_headers(where):
    status, _ = problem(sent(where, POST % b"x", b"0\r\n", *[b"X-Trailer: " + b"t" * 10_000 + b"\r\n"] * 20))
    assert status == 431


def test_small_chunks_of_a_large_body_are_no_headers(where):
    body = b"1\r\na\r\n" * 50_000
    content = sent(where, (POST % b"x").replace(b"Host", b"Connection: close\r\nHost"), body + b"0\r\n\r\n")
    assert content.endswith(b"\r\n\r\n50000")
    assert len(body) > 4 * LIMIT


def test_a_trailer_does_not_look_like_a_header(where, application):
    content = sent(
        where,
        (POST % b"x").replace(b"Host", b"Connection: close\r\nHost"),
        b"1\r\na\r\n0\r\nX-Request-Id: of another\r\n\r\n",
    )
    assert content.endswith(b"\r\n\r\n1")
    assert [name for name, _ in application.headers[0]] == [b"connection", b"host", b"transfer-encoding"]


def test_a_client_that_hangs_up_while_its_requests_wait_leaves_no_trace(where, application, caplog):
    requests = (POST % b"late" + b"1\r\na\r\n0\r\n\r\n") * 3
    with caplog.at_level(logging.WARNING):
        for pause in (0.0, 0.1, 0.25, 0.32, 0.4):
            with connected(where) as connection:
                connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))  # no farewell
                connection.sendall(requests)
                time.sleep(0.02)
                connection.sendall(requests)
                time.sleep(pause)
        with connected(where) as connection:  # it goes on
            connection.sendall(requests)
            assert connection.recv(1 << 16).endswith(b"1")
        time.sleep(0.5)
    assert caplog.text == ""
