"""What a request may cost, its id, and how it ended: around every route, as plain ASGI, for it is on every path."""

from __future__ import annotations

import asyncio
import time
from dataclasses import dataclass

import structlog
from fastapi import FastAPI
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from serving import errors, metrics
from serving.errors import ProblemError
from serving.ids import new_id
from serving.settings import Settings

_log = structlog.get_logger()
BODY = "tidemark.body"
"""Where in a request's scope its whole body lies: to read it through `receive` again takes longer than to parse it."""
# These carry no body, and no other method of ours looks at one.
_WITHOUT_BODY = ("GET", "HEAD", "OPTIONS")
# An operator must see the scorer above all when it is busy.
_ALWAYS_ANSWERED = ("/health/", "/metrics")
_CLOSE = {"Connection": "close"}


class _ClientGone(Exception):  # noqa: N818  it is caught where it is raised
    """The client left before its body had come."""


@dataclass
class _Exchange:
    """One request, and how it ended."""

    scope: Scope
    send: Send
    request_id: str
    status: int = 500
    begun: bool = False

    async def __call__(self, message: Message) -> None:
        """Send a part of the answer, the first with the request's id."""
        if message["type"] == "http.response.start":
            self.status, self.begun = message["status"], True
            identity = (b"x-request-id", self.request_id.encode("latin-1"))
            message["headers"] = [*message.get("headers", []), identity]
        await self.send(message)


class AdmissionLimits:
    """Refuses bodies that are large or late and more requests at once than are answered in time; names each request.

    A body is read before its request counts as one of those at once: a slow client takes nobody's place.
    """

    def __init__(self, app: ASGIApp, settings: Settings) -> None:
        self._app, self._settings = app, settings
        self._log = _log.bind()  # once: to bind a logger takes longer than to count a request
        self._running = 0
        self._unread_bytes = 0

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer one request."""
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        began = time.perf_counter()
        exchange = _Exchange(scope, send, _request_id(scope))
        try:
            await self._answered(scope, receive, exchange)
        except _ClientGone:
            exchange.status = 499
        except Exception:
            _log.exception("a request failed", id=exchange.request_id, path=scope["path"][:200])
            if exchange.begun:
                raise  # the server cuts the connection: half an answer must not look like one
            await errors.unexpected().response()(scope, receive, exchange)
        finally:
            route = getattr(scope.get("route"), "path", "none")
            seconds = time.perf_counter() - began
            metrics.requests(route, exchange.status).inc()
            metrics.seconds("request").observe(seconds)
            say = self._log.warning if exchange.status >= 500 else self._log.info
            say("request", id=exchange.request_id, route=route, status=exchange.status, ms=round(seconds * 1000, 2))

    async def _answered(self, scope: Scope, receive: Receive, exchange: _Exchange) -> None:
        if scope["path"].startswith(_ALWAYS_ANSWERED):
            await self._app(scope, receive, exchange)
            return
        try:
            if scope["method"] not in _WITHOUT_BODY:
                body = scope[BODY] = await self._body(receive)
                receive = _with_body(body, receive)
            if self._running >= self._settings.most_at_once:
                raise errors.busy(f"over {self._settings.most_at_once} requests are being answered")
        except ProblemError as problem:
            await problem.response()(scope, receive, exchange)
            return
        self._running += 1
        try:
            await self._app(scope, receive, exchange)
        finally:
            self._running -= 1

    async def _body(self, receive: Receive) -> bytes:
        limits, parts, size = self._settings, [], 0
        try:
            async with asyncio.timeout(limits.body_seconds):
                more = True
                while more:
                    message = await receive()
                    if message["type"] != "http.request":
                        raise _ClientGone
                    part, more = message.get("body", b""), message.get("more_body", False)
                    parts.append(part)
                    size += len(part)
                    self._unread_bytes += len(part)
                    if size > limits.most_bytes:
                        detail = f"expected at most {limits.most_bytes:,} bytes"
                        raise ProblemError(413, "Body too large", detail, headers=_CLOSE)
                    if self._unread_bytes > limits.most_unread_bytes:
                        raise errors.busy("the bodies that are arriving take more memory than is set aside for them")
        except TimeoutError:
            detail = f"expected the whole body within {limits.body_seconds:g} s, found {size:,} bytes of it"
            raise ProblemError(408, "Request timeout", detail, headers=_CLOSE) from None
        finally:
            self._unread_bytes -= size
        return parts[0] if len(parts) == 1 else b"".join(parts)


def _with_body(body: bytes, receive: Receive) -> Receive:
    """The same, with the whole body as its first message."""
    whole: Message | None = {"type": "http.request", "body": body, "more_body": False}

    async def again() -> Message:
        nonlocal whole
        message, whole = whole, None
        return message or await receive()

    return again


def _request_id(scope: Scope) -> str:
    stated = next((value for name, value in scope["headers"] if name == b"x-request-id"), b"").decode("latin-1")
    return stated if stated.isprintable() and 0 < len(stated) <= 64 else new_id()


def install(app: FastAPI, settings: Settings) -> None:
    """Put them around the application."""
    app.add_middleware(AdmissionLimits, settings=settings)
