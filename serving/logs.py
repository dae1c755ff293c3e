"""What the scorer says of itself: a line of JSON an event on standard error, or coloured lines on a terminal."""

from __future__ import annotations

import sys
import traceback
from typing import Any, TextIO

import orjson
import structlog
from structlog.typing import EventDict, ExcInfo

from feature_repo.masking import masked

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
        processors=[*shared, _without_users, structlog.dev.ConsoleRenderer(exception_formatter=_write_traceback)]
        if watched
        else [
            *shared,
            structlog.processors.format_exc_info,
            _without_users,
            structlog.processors.JSONRenderer(orjson.dumps),
        ],
        wrapper_class=structlog.make_filtering_bound_logger(LEVELS[level]),
        logger_factory=structlog.PrintLoggerFactory(sys.stderr)
        if watched
        else structlog.BytesLoggerFactory(sys.stderr.buffer),
    )


def _without_users(_logger: Any, _method: str, event: EventDict) -> EventDict:
    """The event without the users of URLs, wherever a library put one: into a reason, or a traceback."""
    for name, value in event.items():
        if isinstance(value, str) and "://" in value:
            event[name] = masked(value)
    return event


def _write_traceback(stream: TextIO, exception: ExcInfo) -> None:
    stream.write(masked("".join(traceback.format_exception(*exception))))
