"""How much computing requests need, in rows of a model's matrix: what is light is computed at once, on the loop."""

from __future__ import annotations

from collections.abc import Iterator

from serving.request_validation import RequestGroup, ValidRequest
from serving.serving_model import ServingModel

# Contributions of a row take as long as the answers to so many.
_EXPLANATION = 150
# Some two milliseconds: a week of hours with its explanation. Others wait no longer than that.
_LIGHT = 400
# What the interpreter does for one request takes as long as so many rows.
_REQUEST = 8
# Some 40 ms of one thread, during which the batches of others wait.
_PIECE = 4000


def is_light(group: RequestGroup) -> bool:
    """Whether to answer at once takes no longer than to send the requests to another thread and wait."""
    return sum(_cost(group.model, request) for request in group.requests) <= _LIGHT


def pieces_of(group: RequestGroup) -> Iterator[range]:
    """Runs of requests of about the same cost, by their places."""
    first, cost = 0, 0
    for place, request in enumerate(group.requests):
        own = _cost(group.model, request)
        if cost and cost + own > _PIECE:
            yield range(first, place)
            first, cost = place, 0
        cost += own
    yield range(first, len(group.requests))


def _cost(model: ServingModel, valid: ValidRequest) -> int:
    rows = len(model.shape.moments(valid.moment))
    return _REQUEST + rows + (_EXPLANATION if valid.request.explain else 0)
