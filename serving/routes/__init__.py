"""The scorer's routes, one noun a file."""

from typing import Any

# `Problem` is among the schemas because the answer to a batch has it.
_DOCUMENT = {"application/problem+json": {"schema": {"$ref": "#/components/schemas/Problem"}}}
PROBLEMS: dict[int | str, dict[str, Any]] = {
    status: {"content": _DOCUMENT, "description": description}
    for status, description in {
        404: "An entity that was never seen.",
        409: "The model is not ready.",
        408: "A body that did not arrive in time.",
        413: "A body that is too large.",
        415: "A body that is no JSON by its media type.",
        422: "A bad request, with the field named.",
        429: "Too many requests at once.",
        500: "A fault of the scorer's own.",
        503: "The features that the model needs cannot be had.",
    }.items()
}
