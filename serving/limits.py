"""What a request may cost, who asked, and how it ended: around every route, as plain ASGI, for it is on every path."""

from __future__ import annotations

import time
from contextlib import suppress

import structlog
from fastapi import FastAPI
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from serving import metrics
from serving.errors import ProblemError
from serving.ids import new_id
from serving.settings import Settings

_log = structlog.get_logger()


class _BodyTooLarge(Exception):  # noqa: N818  it is caught two lines on
    """More came than is read."""


class Limits:
    """Refuses bodies that are too large and more requests at once than are answered in time; names each request."""

    def __init__(self, app: ASGIApp, settings: Settings) -> None:
        self._app, self._settings = app, settings
        self._running = 0

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer one request."""
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        began, status = time.perf_counter(), 500
        headers = dict(scope["headers"])
        asked = headers.get(b"x-request-id", b"").decode("latin-1")
        request_id = asked if asked.isprintable() and 0 < len(asked) <= 64 else new_id()
        taken, large = 0, False

        async def counted() -> Message:
            nonlocal taken, large
            message = await receive()
            taken += len(message.get("body", b""))
            if taken > self._settings.most_bytes:
                large = True
                raise _BodyTooLarge
            return message

        async def answer(message: Message) -> None:
            # Whoever reads the body may make an answer of its own of that error: it is not sent.
            if not large:
                await named(message)

        async def named(message: Message) -> None:
            nonlocal status
            if message["type"] == "http.response.start":
                status = message["status"]
                message["headers"] = [*message.get("headers", []), (b"x-request-id", request_id.encode("latin-1"))]
            await send(message)

        self._running += 1
        try:
            if self._running > self._settings.most_at_once:
                problem = ProblemError(
                    429, "Too many requests", "more at once than are answered in time", retry_after=1
                )
                await problem.response()(scope, receive, named)
            else:
                with suppress(_BodyTooLarge):
                    await self._app(scope, counted, answer)
                if large:
                    told = f"expected at most {self._settings.most_bytes:,} bytes"
                    await ProblemError(413, "Body too large", told).response()(scope, receive, named)
        finally:
            self._running -= 1
            route = getattr(scope.get("route"), "path", "none")
            seconds = time.perf_counter() - began
            metrics.requests(route, status).inc()
            metrics.seconds("request").observe(seconds)
            say = _log.warning if status >= 500 else _log.info
            say("request", id=request_id, route=route, status=status, ms=round(seconds * 1000, 2))


def install(app: FastAPI, settings: Settings) -> None:
    """Put them around the application."""
    app.add_middleware(Limits, settings=settings)
