"""The scorer's routes, one noun a file."""

from typing import Any

from serving.schemas import Problem

PROBLEMS: dict[int | str, dict[str, Any]] = {
    status: {"model": Problem, "description": told}
    for status, told in {
        404: "An entity that was never seen.",
        409: "The model is not ready.",
        413: "A body that is too large.",
        422: "A bad request, with the field named.",
        429: "Too many requests at once.",
        503: "The features that the model needs cannot be had.",
    }.items()
}
