"""uvicorn's HTTP protocol with limits on what comes before a request: time and size of its headers.

`tidemark serve` uses it; under uvicorn alone: `uvicorn --http serving.protocol:LimitedHttpProtocol ...`. Bodies are
limited in `admission_limits`, which sees no request before its headers are complete.
"""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from typing import ClassVar

import httptools
import orjson
from uvicorn.protocols.http.httptools_impl import STATUS_LINE, HttpToolsProtocol, RequestResponseCycle

from serving.errors import PROBLEM, ProblemError

_FLUSH_SECONDS = 30
# Sixteen digits of a chunk's size, and two ends of a line.
_CHUNK_BYTES = 20


class _RequestRefusedError(Exception):
    """The connection ends: what else came is not looked at."""


class LimitedHttpProtocol(HttpToolsProtocol):
    """Ends connections whose headers are late or large, with a problem document as for every other error.

    What frames the chunks of a body beyond the least that they need (extensions, leading zeros), and the fields after
    the last one, are headers as well.
    """

    header_seconds: ClassVar[float] = 10.0
    header_bytes: ClassVar[int] = 64 * 1024

    # Runs while headers are awaited that did not come at once.
    _header_timer: asyncio.TimerHandle | None = None
    # Of headers that are not complete yet: what belongs to a body is none of them.
    _bytes = 0
    _in_message = False
    # Of the message, beside its body and the least that its chunks need.
    _framing = 0
    _refused = False
    # Requests that were not answered when another came.
    _before: Sequence[RequestResponseCycle] = ()

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]
        """A client may connect, but must then say what it wants."""
        super().connection_made(transport)
        self._await_headers()

    def connection_lost(self, exc: Exception | None) -> None:
        """Nothing is awaited any more."""
        self._stop_timer()
        # Requests that wait behind others had paused the reading; to resume it on a closed connection is an error.
        self.flow.read_paused = False
        for cycle in self._before:  # uvicorn notifies the last one only
            cycle.disconnected = cycle.disconnected or not cycle.response_complete
            cycle.message_event.set()
        super().connection_lost(exc)

    def data_received(self, data: bytes) -> None:
        """Count what comes, until the headers are complete."""
        if self._refused:
            return
        if self._in_message:
            self._framing += len(data)
        else:
            self._bytes += len(data)
        self._feed(data)
        if self._refused:
            return
        if self._in_message:
            if self._framing > self.header_bytes:
                self._refuse_headers()
            return
        if self.cycle is None or self.cycle.response_complete:
            if self._bytes > self.header_bytes:
                self._refuse_headers()
            elif self._header_timer is None:
                self._await_headers()

    def on_headers_complete(self) -> None:
        """The request begins, unless its headers came at once and are too many."""
        if self._header_timer is not None:
            self._stop_timer()
        if self._bytes > self.header_bytes:
            size = len(self.url) + sum(len(name) + len(value) for name, value in self.headers)
            if size > self.header_bytes:
                self._refuse_headers()
                raise _RequestRefusedError  # the parser stops here
        self._bytes = 0
        if self._offers_upgrade():
            return
        self._in_message = True
        before = self.cycle
        super().on_headers_complete()
        if self.pipeline:
            self._before = [*(cycle for cycle in self._before if not cycle.response_complete), before]

    def on_header(self, name: bytes, value: bytes) -> None:
        """A header; what comes after a body is none, and must not look like one."""
        if not self._in_message:
            super().on_header(name, value)

    def on_chunk_header(self) -> None:
        """A chunk begins, whose size takes its place."""
        self._framing = max(0, self._framing - _CHUNK_BYTES)

    def on_body(self, body: bytes) -> None:
        """A part of the body, which is no header."""
        self._framing = max(0, self._framing - len(body))
        super().on_body(body)

    def on_message_complete(self) -> None:
        """What comes next are headers again."""
        if self._offers_upgrade():
            return
        self._in_message = False
        self._framing = 0
        super().on_message_complete()

    def _feed(self, data: bytes) -> None:
        self._unset_keepalive_if_required()
        try:
            self.parser.feed_data(data)
        except httptools.HttpParserUpgrade as upgrade:
            if self._offers_upgrade():
                self._feed_without_upgrade(data[upgrade.args[0] :])
        except httptools.HttpParserError as fault:
            self.send_400_response(str(fault))

    def _offers_upgrade(self) -> bool:
        return self.parser.should_upgrade() and any(name == b"upgrade" for name, _ in self.headers)

    def _feed_without_upgrade(self, rest: bytes) -> None:
        """Pass an offer over, as RFC 9110 lets a server do: the parser ends at one, and would leave the body unread."""
        version = self.parser.get_http_version().encode()
        lines = [b"%b %b HTTP/%b" % (self.parser.get_method(), self.url, version)]
        for name, value in self.headers:
            if name == b"connection":
                value = b", ".join(part for part in value.split(b",") if part.strip().lower() != b"upgrade")  # noqa: PLW2901
            if name != b"upgrade":
                lines.append(name + b": " + value)
        self.parser = httptools.HttpRequestParser(self)
        self.parser.set_dangerous_leniencies(lenient_data_after_close=True)
        self._feed(b"\r\n".join(lines) + b"\r\n\r\n" + rest)

    def send_400_response(self, msg: str) -> None:
        """What cannot be parsed."""
        if not self._refused:
            self._refuse(ProblemError(400, "Bad request", f"expected HTTP/1.1, found: {msg or 'something else'}"))

    def timeout_keep_alive_handler(self) -> None:
        """Close an idle connection, whether or not the client takes what was sent to it."""
        super().timeout_keep_alive_handler()
        self.loop.call_later(_FLUSH_SECONDS, self.transport.abort)

    def _await_headers(self) -> None:
        self._header_timer = self.loop.call_later(self.header_seconds, self._headers_late)

    def _stop_timer(self) -> None:
        if self._header_timer is not None:
            self._header_timer.cancel()
            self._header_timer = None

    def _headers_late(self) -> None:
        self._header_timer = None
        detail = f"expected a request's headers within {self.header_seconds:g} s"
        self._refuse(ProblemError(408, "Request timeout", detail))

    def _refuse_headers(self) -> None:
        detail = f"expected at most {self.header_bytes:,} bytes of headers"
        self._refuse(ProblemError(431, "Headers too large", detail))

    def _refuse(self, problem: ProblemError) -> None:
        """Say why, and end the connection; a request before it that is still answered is cut off with it."""
        self._stop_timer()
        self._refused = True
        if self.transport.is_closing():
            return
        if self._may_answer():
            content = orjson.dumps(problem.document())
            head = b"content-type: %b\r\ncontent-length: %d\r\nconnection: close\r\n\r\n"
            self.transport.write(STATUS_LINE[problem.status] + head % (PROBLEM.encode(), len(content)) + content)
        self.transport.close()
        self.loop.call_later(_FLUSH_SECONDS, self.transport.abort)

    def _may_answer(self) -> bool:
        """Whether no other answer comes before this one, nor is begun. Its endpoint learns that the client left."""
        cycle = self.cycle
        if cycle is None or cycle.response_complete:
            return True
        if not self._in_message or self.pipeline or cycle.response_started:
            return False
        cycle.disconnected = True
        cycle.message_event.set()
        return True
