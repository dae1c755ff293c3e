"""A request's body, read by the same rules on every route.

FastAPI's own reading takes as long over one request as all else that is done for it.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Mapping, Sequence
from functools import lru_cache
from typing import Any, TypeVar

from fastapi import Request
from fastapi.exceptions import RequestValidationError
from pydantic import BaseModel, ValidationError
from pydantic_core import ErrorDetails, from_json, to_json

from serving.admission_limits import BODY
from serving.errors import MOST_FAULTS, ProblemError, invalid_request
from serving.request_types import batch_schema
from serving.schemas import PredictionRequest
from serving.shown_values import shown

M = TypeVar("M", bound=BaseModel)
_JSON = "application/json"
_UTF_8 = ("utf-8", "utf8")
_MODEL_FAULTS = {"union_tag_not_found": "Field required", "union_tag_invalid": "Input should be one of {models}"}
# The value is the whole around a field that is missing, and may be a secret in one that nobody expects.
_WITHOUT_VALUE = ("missing", "extra_forbidden", "json_invalid", "union_tag_not_found")
_REQUESTS = "requests"


async def body_of(request: Request, kind: type[M]) -> M:
    """What the caller sent, checked. Other media types are refused: a page elsewhere could send those unasked."""
    content = _json_of(request)
    try:
        return kind.model_validate_json(content)
    except ValidationError as problem:
        raise invalid(problem) from problem


def invalid(problem: ValidationError) -> RequestValidationError:
    """What is wrong with a request, by the fields that it is wrong in."""
    return RequestValidationError([_described_fault(fault) for fault in _faults(problem)])


async def batch_of(request: Request) -> list[PredictionRequest | ProblemError]:
    """The requests of a batch, each on its own: one that breaks its schema is a problem in its place."""
    content = _json_of(request)
    try:
        return list(batch_schema().kind.model_validate_json(content).requests)
    except ValidationError as problem:
        faults = _faults(problem)
        if not all(_is_of_request(fault["loc"]) for fault in faults):
            raise RequestValidationError([_described_fault(fault) for fault in faults]) from problem
    by_request: dict[int, list[dict[str, Any]]] = defaultdict(list)
    for fault in faults:
        _, at, *_ = fault["loc"]
        if len(by_request[int(at)]) < MOST_FAULTS:
            by_request[int(at)].append(_described_fault(fault, skip=2))
    requests = from_json(content)[_REQUESTS]
    others = [each for at, each in enumerate(requests) if at not in by_request]
    valid = iter(batch_schema().requests.validate_json(to_json(others, inf_nan_mode="constants")))
    return [invalid_request(by_request[at]) if at in by_request else next(valid) for at in range(len(requests))]


def _json_of(request: Request) -> bytes:
    stated = request.headers.get("content-type", "")
    if stated != _JSON and (other := _not_json(stated)):
        detail = f"expected Content-Type: {_JSON}, in UTF-8, found {other}"
        raise ProblemError(415, "Unsupported media type", detail, headers={"Accept": _JSON})
    content: bytes = request.scope[BODY]
    return content


@lru_cache(maxsize=64)
def _not_json(stated: str) -> str:
    """What a media type is if it is not JSON in UTF-8, the only charset that JSON has between strangers; else empty."""
    media_type, *parameters = stated.split(";")
    charsets = [
        value.strip().strip('"').lower()
        for name, _, value in (parameter.partition("=") for parameter in parameters)
        if name.strip().lower() == "charset"
    ]
    if media_type.strip().lower() == _JSON and all(charset in _UTF_8 for charset in charsets):
        return ""
    return shown(stated) if stated else "none"


def _faults(problem: ValidationError) -> list[ErrorDetails]:
    return problem.errors(include_url=False)


def _is_of_request(loc: Sequence[int | str]) -> bool:
    return len(loc) > 1 and loc[0] == _REQUESTS and isinstance(loc[1], int)


def _described_fault(fault: ErrorDetails, skip: int = 0) -> dict[str, Any]:
    """A fault by the field that it is of. Pydantic says of a missing or unknown model that a tag cannot be matched."""
    place, reason = _place(fault["loc"])[skip:], fault["msg"]
    if fault["type"] in _MODEL_FAULTS:
        reason = _MODEL_FAULTS[fault["type"]].format(models=fault["ctx"].get("expected_tags", ""))
        place = (*place, "model")
    if fault["type"] not in _WITHOUT_VALUE:
        value = fault["ctx"].get("tag") if fault["type"] == "union_tag_invalid" else fault["input"]
        reason = f"{reason}, found {shown(value)}"
    return {"type": fault["type"], "loc": ("body", *place), "msg": reason}


def _place(loc: Sequence[int | str]) -> tuple[int | str, ...]:
    """Where a fault lies in the body. Pydantic also names which kind of request a place of a batch holds."""
    return tuple(part for before, part in zip((None, *loc), loc, strict=False) if not _is_kind(before, part))


def _is_kind(before: int | str | None, part: int | str) -> bool:
    return isinstance(before, int) and part in batch_schema().paths


def described(kind: type[BaseModel]) -> dict[str, Any]:
    """How OpenAPI describes the body."""
    schema = kind.model_json_schema()
    parts = schema.pop("$defs", {})
    return {"requestBody": {"required": True, "content": {_JSON: {"schema": _inlined(schema, parts)}}}}


def _inlined(schema: Any, parts: Mapping[str, Any]) -> Any:
    """With its parts in their places, for FastAPI knows none of them."""
    if isinstance(schema, list):
        return [_inlined(each, parts) for each in schema]
    if not isinstance(schema, dict):
        return schema
    if "$ref" in schema:
        return _inlined(parts[schema["$ref"].rpartition("/")[2]], parts)
    return {name: _inlined(part, parts) for name, part in schema.items()}
