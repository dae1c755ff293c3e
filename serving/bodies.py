"""A request's body, read by the same rules on every route.

FastAPI's own reading takes as long over one question as all else that is done for it.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, TypeVar

from fastapi import Request
from fastapi.exceptions import RequestValidationError
from pydantic import BaseModel, ValidationError
from pydantic_core import ErrorDetails

from serving.errors import ProblemError
from serving.limits import BODY
from serving.requests import PATHS

M = TypeVar("M", bound=BaseModel)
_JSON = "application/json"
_MODEL_FAULTS = {"union_tag_not_found": "Field required", "union_tag_invalid": "Input should be one of {models}"}


async def body_of(request: Request, kind: type[M]) -> M:
    """What the caller sent, checked. Other media types are refused: a page elsewhere could send those unasked."""
    stated = request.headers.get("content-type", "")
    if stated != _JSON and stated.partition(";")[0].strip().lower() != _JSON:
        detail = f"expected Content-Type: {_JSON}, found {stated or 'none'}"
        raise ProblemError(415, "Unsupported media type", detail, headers={"Accept": _JSON})
    try:
        return kind.model_validate_json(request.scope[BODY])
    except ValidationError as problem:
        faults = problem.errors(include_url=False, include_input=False)
        raise RequestValidationError([_described_fault(fault) for fault in faults]) from problem


def _described_fault(fault: ErrorDetails) -> dict[str, Any]:
    """A fault by the field that it is of. Pydantic says of a missing or unknown model that a tag cannot be matched."""
    place, reason = _place(fault["loc"]), fault["msg"]
    if fault["type"] in _MODEL_FAULTS:
        reason = _MODEL_FAULTS[fault["type"]].format(models=fault["ctx"].get("expected_tags", ""))
        place = (*place, "model")
    return {"type": fault["type"], "loc": ("body", *place), "msg": reason}


def _place(loc: Sequence[int | str]) -> tuple[int | str, ...]:
    """Where a fault lies in the body. Pydantic also names which kind of question a place of a batch holds."""
    return tuple(part for before, part in zip((None, *loc), loc, strict=False) if not _is_kind(before, part))


def _is_kind(before: int | str | None, part: int | str) -> bool:
    return isinstance(before, int) and part in PATHS


def described(kind: type[BaseModel]) -> dict[str, Any]:
    """How OpenAPI tells the body."""
    schema = kind.model_json_schema()
    parts = schema.pop("$defs", {})
    return {"requestBody": {"required": True, "content": {_JSON: {"schema": _inlined(schema, parts)}}}}


def _inlined(schema: Any, parts: Mapping[str, Any]) -> Any:
    """With its parts in their places, for FastAPI knows none of them."""
    if isinstance(schema, list):
        return [_inlined(one, parts) for one in schema]
    if not isinstance(schema, dict):
        return schema
    if "$ref" in schema:
        return _inlined(parts[schema["$ref"].rpartition("/")[2]], parts)
    return {name: _inlined(one, parts) for name, one in schema.items()}
