"""Whatever a server does, an answer comes in time, or an error does that names the time."""

from __future__ import annotations

import socket
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress

import pytest

from training.bounded_http import HttpAnswer, OversizedAnswerError, get

MOST = 1000


@contextmanager
def server(behave: Callable[[socket.socket], object]) -> Iterator[str]:
    """Reads each request's headers, and then behaves."""
    with socket.create_server(("127.0.0.1", 0)) as listening:

        def serve() -> None:
            with suppress(OSError):
                while True:
                    client, _ = listening.accept()
                    threading.Thread(target=answer, args=(client,), daemon=True).start()

        def answer(client: socket.socket) -> None:
            with client, suppress(OSError):
                while b"\r\n\r\n" not in client.recv(65_536):
                    pass
                behave(client)

        thread = threading.Thread(target=serve, daemon=True)
        thread.start()
        yield f"http://127.0.0.1:{listening.getsockname()[1]}/"
        listening.shutdown(socket.SHUT_RDWR)
        thread.join()


def whole(content: bytes, status: str = "200 OK") -> bytes:
    return b"HTTP/1.1 %b\r\nContent-Length: %d\r\n\r\n%b" % (status.encode(), len(content), content)


def dripping(content: bytes) -> Callable[[socket.socket], None]:
    """A byte each fiftieth of a second: none of them is late."""

    def drip(client: socket.socket) -> None:
        for byte in content:
            client.sendall(bytes([byte]))
            time.sleep(0.02)

    return drip


def test_an_answer_is_its_status_and_its_body():
    with server(lambda client: client.sendall(whole(b"yes"))) as url:
        assert get(url, {}, 5, MOST) == HttpAnswer(200, "", b"yes")


def test_a_refusal_is_an_answer_too():
    with server(lambda client: client.sendall(whole(b"no", "404 Not Found"))) as url:
        assert get(url, {}, 5, MOST) == HttpAnswer(404, "Not Found", b"no")


@pytest.mark.parametrize(
    "content",
    [
        whole(b"x" * 900),
        b"HTTP/1.1 200 OK\r\n" + b"X-Header: yes\r\n" * 100,
        b"HTTP/1.1 200 OK\r\n\r\n" + b"x" * 900,  # complete when the connection ends, by its own account
        whole(b"x" * 900, "500 Internal Server Error"),
    ],
    ids=["a body", "headers", "a body without a length", "a refusal"],
)
def test_a_server_that_drips_is_left_when_the_whole_time_is_over(content):
    with server(dripping(content)) as url:
        began = time.monotonic()
        with pytest.raises(TimeoutError, match=r"expected the whole answer within 0\.5 s"):
            get(url, {}, 0.5, MOST)
        assert time.monotonic() - began < 3  # to the end it would take 16


def test_a_server_that_redirects_for_ever_has_no_more_time_than_another():
    def redirect(client: socket.socket) -> None:
        time.sleep(0.2)
        client.sendall(b"HTTP/1.1 302 Found\r\nLocation: /%d\r\nContent-Length: 0\r\n\r\n" % time.monotonic_ns())

    with server(redirect) as url, pytest.raises(TimeoutError, match="whole answer"):
        get(url, {}, 0.7, MOST)


@pytest.mark.parametrize(
    "answer",
    [whole(b"x" * (MOST + 1)), b"HTTP/1.1 200 OK\r\n\r\n" + b"x" * (MOST + 1)],
    ids=["that it states", "that it does not state"],
)
def test_a_body_beyond_the_bound_is_refused(answer):
    with server(lambda client: client.sendall(answer)) as url:
        with pytest.raises(OversizedAnswerError, match="expected at most 1,000 bytes, found"):
            get(url, {}, 5, MOST)
        assert len(get(url, {}, 5, MOST + 1).body) == MOST + 1


def test_a_server_that_is_not_there_is_no_matter_of_time():
    with socket.create_server(("127.0.0.1", 0)) as listening:
        port = listening.getsockname()[1]
    with pytest.raises(OSError, match="refused"):
        get(f"http://127.0.0.1:{port}/", {}, 5, MOST)


def test_files_of_this_machine_are_not_opened(tmp_path):
    (tmp_path / "secret").write_text("secret")
    with pytest.raises(OSError, match="unknown url type: file"):
        get((tmp_path / "secret").as_uri(), {}, 5, MOST)
