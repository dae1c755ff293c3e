"""Where faults of the domain meet HTTP: problem documents, as RFC 9457 describes them."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import orjson
from fastapi import FastAPI, Request
from fastapi.exceptions import RequestValidationError
from fastapi.responses import Response
from starlette.exceptions import HTTPException

from feature_repo.stores.wire.errors import OnlineStoreAwayError, OnlineStoreRefusedError

PROBLEM = "application/problem+json"
_MOST_CHARACTERS = 200
"""Of the name of a field, which a client may have invented."""
MOST_FAULTS = 50
"""So many faults of a body are listed: a body can have more than anybody reads."""


@dataclass
class ProblemError(Exception):
    """A fault that the client is answered with."""

    status: int
    title: str
    detail: str
    more: dict[str, Any] = field(default_factory=dict)
    retry_after: float | None = None
    headers: Mapping[str, str] = field(default_factory=dict)

    def document(self) -> dict[str, Any]:
        """The problem document."""
        document = {"type": "about:blank", "title": self.title, "status": self.status, "detail": self.detail}
        return document | self.more

    def response(self) -> Response:
        """The answer."""
        later = {} if self.retry_after is None else {"Retry-After": str(max(1, round(self.retry_after)))}
        return Response(orjson.dumps(self.document()), self.status, {**self.headers, **later}, PROBLEM)


def unseen(keys: Mapping[str, str], *, of_several: bool = False) -> ProblemError:
    """Nothing was ever written of this entity; the keys may be some `of_several` that the request gives."""
    described = ", ".join(f"{name} {key}" for name, key in keys.items())
    is_entity_id = len(keys) == 1 and not of_several
    more = {"entity_id": next(iter(keys.values()))} if is_entity_id else {"keys": dict(keys)}
    return ProblemError(404, "Entity never seen", f"no view knows {described}", more)


def not_ready(model: str, reason: str) -> ProblemError:
    """No version of the model can answer; the reason may name the model already."""
    detail = f"{model}: {reason.removeprefix(f'{model}: ')}"
    return ProblemError(409, "Model not ready", detail, {"model": model})


def bad(field_name: str, detail: str) -> ProblemError:
    """A field that cannot be."""
    return ProblemError(422, "Bad request", f"{field_name}: {detail}", {"field": field_name})


def invalid_request(faults: Sequence[Mapping[str, Any]]) -> ProblemError:
    """A body, or a request of a batch, that breaks its schema: its faults, as FastAPI and Pydantic give them."""
    named = [
        {"field": _shortened(".".join(map(str, fault["loc"][1:]))), "reason": fault["msg"]}
        for fault in faults[:MOST_FAULTS]
    ]
    first = named[0] if named else {"field": "body", "reason": "cannot be read"}
    detail = f"{first['field'] or 'body'}: {first['reason']}"
    return ProblemError(422, "Bad request", detail, {"field": first["field"], "errors": named})


def _shortened(field_name: str) -> str:
    return field_name if len(field_name) <= _MOST_CHARACTERS else f"{field_name[:_MOST_CHARACTERS]}..."


def busy(detail: str) -> ProblemError:
    """More requests come at once than are answered in time."""
    return ProblemError(429, "Too many requests", f"{detail}; ask again later", retry_after=1)


def unexpected() -> ProblemError:
    """A fault of ours. What it was stands in the log, not in the answer."""
    detail = "this request could not be answered; the scorer's log says why, under the request's id"
    return ProblemError(500, "Internal error", detail)


def away(detail: str, retry_after: float = 2) -> ProblemError:
    """What the model needs cannot be had now."""
    return ProblemError(503, "Features unavailable", detail, retry_after=retry_after)


def corrupt(detail: str) -> ProblemError:
    """What is stored is not what a writer leaves; asking again does not cure it."""
    return ProblemError(503, "Features corrupt", detail, retry_after=60)


def of_store(fault: Exception) -> ProblemError:
    """What a fault of the online store means to the caller."""
    return away(str(fault), getattr(fault, "retry_after_seconds", 2))


def install(app: FastAPI) -> None:
    """Let the application answer with problem documents."""

    @app.exception_handler(ProblemError)
    async def problem(_: Request, fault: ProblemError) -> Response:
        return fault.response()

    @app.exception_handler(OnlineStoreAwayError)
    @app.exception_handler(OnlineStoreRefusedError)
    async def store(_: Request, fault: Exception) -> Response:
        return of_store(fault).response()

    @app.exception_handler(RequestValidationError)
    async def invalid(_: Request, fault: RequestValidationError) -> Response:
        return invalid_request(fault.errors()).response()

    @app.exception_handler(HTTPException)
    async def http(_: Request, fault: HTTPException) -> Response:
        # Which methods a route does know is in the headers of a 405.
        detail, headers = str(fault.detail), fault.headers or {}
        return ProblemError(fault.status_code, detail, detail, headers=headers).response()
