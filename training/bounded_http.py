"""GET with a bound on the whole time and on the size: the standard library bounds the wait for each byte alone.

A server that sends a byte a second would otherwise hold whoever asks for as long as it likes.
"""

from __future__ import annotations

import base64
import http.client
import socket
import ssl
import urllib.error
import urllib.parse
import urllib.request
from collections.abc import Mapping
from contextlib import suppress
from dataclasses import dataclass
from functools import cache, partial
from threading import Lock, Timer
from typing import Any

_MOST_REFUSAL_BYTES = 65_536


class OversizedAnswerError(ValueError):
    """The server has more to send than is wanted."""


@dataclass(frozen=True)
class HttpAnswer:
    """What the server answered, whether it refused or not."""

    status: int
    reason: str
    body: bytes


def get(url: str, headers: Mapping[str, str], seconds: float, most_bytes: int) -> HttpAnswer:
    """The answer, redirects followed; TimeoutError if it is not complete in time, whatever kept it.

    A user in the URL (`http://user:password@host`) is sent as HTTP's Basic authentication, to that host alone.
    """
    if seconds <= 0:
        raise _late(seconds)
    request = _request(url, headers)
    with _Deadline(seconds) as deadline:
        opener = urllib.request.OpenerDirector()
        for handler in (
            urllib.request.ProxyHandler(),
            urllib.request.HTTPRedirectHandler(),
            urllib.request.HTTPDefaultErrorHandler(),
            urllib.request.HTTPErrorProcessor(),
            urllib.request.UnknownHandler(),
            _HttpHandler(deadline),
            _HttpsHandler(deadline),
        ):
            opener.add_handler(handler)
        try:
            with opener.open(request, timeout=seconds) as answer:
                body = _bounded(answer, most_bytes)
                status = answer.status
        except urllib.error.HTTPError as refusal:
            with refusal:
                found = HttpAnswer(refusal.code, str(refusal.reason), refusal.read(_MOST_REFUSAL_BYTES))
        except (OSError, http.client.HTTPException) as fault:
            if deadline.has_passed:
                raise _late(seconds) from fault
            raise
        else:
            found = HttpAnswer(status, "", body)
        if deadline.has_passed:  # a body that ends with its connection looks complete
            raise _late(seconds)
    return found


def _request(url: str, headers: Mapping[str, str]) -> urllib.request.Request:
    parts = urllib.parse.urlsplit(url)
    user, _, host = parts.netloc.rpartition("@")
    place = urllib.parse.urlunsplit((parts.scheme, host, parts.path, parts.query, ""))
    request = urllib.request.Request(place, headers=dict(headers))  # noqa: S310  http and https alone are opened
    if user:
        credentials = base64.b64encode(urllib.parse.unquote(user).encode()).decode()
        request.add_unredirected_header("Authorization", f"Basic {credentials}")
    return request


def _bounded(answer: http.client.HTTPResponse, most_bytes: int) -> bytes:
    stated = answer.length
    if stated is not None and stated > most_bytes:
        raise OversizedAnswerError(f"expected at most {most_bytes:,} bytes, found {stated:,}")
    body = answer.read(most_bytes + 1)
    if len(body) > most_bytes:
        raise OversizedAnswerError(f"expected at most {most_bytes:,} bytes, found more")
    return body


def _late(seconds: float) -> TimeoutError:
    return TimeoutError(f"timed out: expected the whole answer within {max(seconds, 0):.3g} s")


class _Deadline:
    """Ends the connections of one request when its time is over, from a thread of its own."""

    def __init__(self, seconds: float) -> None:
        self.has_passed = False
        self._sockets: list[socket.socket] = []
        self._lock = Lock()
        self._timer = Timer(seconds, self._expire)
        self._timer.daemon = True

    def __enter__(self) -> _Deadline:
        self._timer.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._timer.cancel()
        with self._lock:
            for watched in self._sockets:
                watched.close()
            self._sockets = []

    def watch(self, connected: socket.socket) -> None:
        """End this connection, too. By a duplicate: TLS takes the socket itself over."""
        with self._lock:
            self._sockets.append(connected.dup())
        if self.has_passed:
            self._expire()

    def _expire(self) -> None:
        self.has_passed = True
        with self._lock:
            for watched in self._sockets:
                with suppress(OSError):
                    watched.shutdown(socket.SHUT_RDWR)


class _Connection(http.client.HTTPConnection):
    deadline: _Deadline | None = None

    def connect(self) -> None:
        super().connect()
        if self.deadline is not None:
            self.deadline.watch(self.sock)


class _TlsConnection(http.client.HTTPSConnection, _Connection):
    """Connects by the class above, which is the next in line, and shakes hands after that."""


def _watched(kind: type[_Connection], deadline: _Deadline, host: str, **options: Any) -> _Connection:
    connection = kind(host, **options)
    connection.deadline = deadline
    return connection


class _HttpHandler(urllib.request.HTTPHandler):
    def __init__(self, deadline: _Deadline) -> None:
        super().__init__()
        self._connection = partial(_watched, _Connection, deadline)

    def http_open(self, req: urllib.request.Request) -> http.client.HTTPResponse:
        return self.do_open(self._connection, req)


class _HttpsHandler(urllib.request.HTTPSHandler):
    def __init__(self, deadline: _Deadline) -> None:
        super().__init__(context=_tls())
        self._connection = partial(_watched, _TlsConnection, deadline)

    def https_open(self, req: urllib.request.Request) -> http.client.HTTPResponse:
        return self.do_open(self._connection, req, context=_tls())


@cache
def _tls() -> ssl.SSLContext:
    return ssl.create_default_context()
