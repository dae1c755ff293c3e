"""uvicorn's HTTP protocol with limits on what comes before a request: time and size of its headers.

`tidemark serve` uses it; under uvicorn alone: `uvicorn --http serving.protocol:LimitedHttpProtocol ...`. Bodies are
limited in `limits`, which sees no request before its headers are complete.
"""

from __future__ import annotations

import asyncio
from typing import ClassVar

import httptools
import orjson
from uvicorn.protocols.http.httptools_impl import STATUS_LINE, HttpToolsProtocol

from serving.errors import PROBLEM, ProblemError

_FLUSH_SECONDS = 30


class _RequestRefusedError(Exception):
    """The connection ends: what else came is not looked at."""


class LimitedHttpProtocol(HttpToolsProtocol):
    """Ends connections whose headers are late or large, with a problem document as for every other error."""

    header_seconds: ClassVar[float] = 10.0
    header_bytes: ClassVar[int] = 64 * 1024

    # Runs while headers are awaited that did not come at once.
    _header_timer: asyncio.TimerHandle | None = None
    # Of headers that are not complete yet: what belongs to a body is none of them.
    _bytes = 0
    _in_message = False
    _refused = False

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]
        """A client may connect, but must then say what it wants."""
        super().connection_made(transport)
        self._await_headers()

    def connection_lost(self, exc: Exception | None) -> None:
        """Nothing is awaited any more."""
        self._stop_timer()
        super().connection_lost(exc)

    def data_received(self, data: bytes) -> None:
        """Count what comes, until the headers are complete."""
        if self._refused:
            return
        if not self._in_message:
            self._bytes += len(data)
        self._feed(data)
        if self._in_message or self._refused:
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
        super().on_headers_complete()

    def on_message_complete(self) -> None:
        """What comes next are headers again."""
        if self._offers_upgrade():
            return
        self._in_message = False
        super().on_message_complete()

    def _feed(self, data: bytes) -> None:
        self._unset_keepalive_if_required()
        try:
            self.parser.feed_data(data)
        except httptools.HttpParserUpgrade as upgrade:
            if self._offers_upgrade():
                self._feed_without_upgrade(data[upgrade.args[0] :])
        except httptools.HttpParserError:
            self.send_400_response("Invalid HTTP request received.")

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
            self._refuse(ProblemError(400, "Bad request", f"expected HTTP/1.1: {msg}"))

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
        if self.cycle is None or self.cycle.response_complete:  # else this would fall into the midst of its answer
            content = orjson.dumps(problem.document())
            head = b"content-type: %b\r\ncontent-length: %d\r\nconnection: close\r\n\r\n"
            self.transport.write(STATUS_LINE[problem.status] + head % (PROBLEM.encode(), len(content)) + content)
        self.transport.close()
        self.loop.call_later(_FLUSH_SECONDS, self.transport.abort)
