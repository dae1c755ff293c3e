"""What the scorer says of itself: a line of JSON an event on standard error, or coloured lines for whoever watches."""

from __future__ import annotations

import sys
from typing import Any

import orjson
import structlog

LEVELS = {"info": 20, "warning": 30, "error": 40}


def configure(level: str) -> None:
    """Say what is at least as important as this."""
    shared: list[Any] = [
        structlog.contextvars.merge_contextvars,
        structlog.processors.add_log_level,
        structlog.processors.TimeStamper(fmt="iso", utc=True),
    ]
    watched = sys.stderr.isatty()
    structlog.configure(
        processors=[*shared, structlog.dev.ConsoleRenderer()]
        if watched
        else [*shared, structlog.processors.format_exc_info, structlog.processors.JSONRenderer(orjson.dumps)],
        wrapper_class=structlog.make_filtering_bound_logger(LEVELS[level]),
        logger_factory=structlog.PrintLoggerFactory(sys.stderr)
        if watched
        else structlog.BytesLoggerFactory(sys.stderr.buffer),
    )
