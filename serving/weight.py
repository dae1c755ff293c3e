"""How much computing questions ask for, in rows of a model's matrix: what is light is done at once, on the loop."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from serving.models import Serving
from serving.questions import Question

# Contributions of a row take as long as the answers to so many.
_EXPLANATION = 150
# Some two milliseconds: a week of hours with its explanation. Others wait no longer than that.
_LIGHT = 400
# What the interpreter does for one question takes as long as so many rows.
_QUESTION = 8
# Some 40 ms of one thread, during which the batches of others wait.
_PIECE = 4000


def is_light(model: Serving, questions: Sequence[Question]) -> bool:
    """Whether to answer at once takes no longer than to send the questions to another thread and wait."""
    if len(questions) == 1:
        return True
    return sum(_weight(model, one) for one in questions) <= _LIGHT


def pieces_of(model: Serving, questions: Sequence[Question]) -> Iterator[slice]:
    """Runs of questions of about the same weight."""
    first, weight = 0, 0
    for at, question in enumerate(questions):
        own = _weight(model, question)
        if weight and weight + own > _PIECE:
            yield slice(first, at)
            first, weight = at, 0
        weight += own
    yield slice(first, len(questions))


def _weight(model: Serving, question: Question) -> int:
    rows = len(model.shape.moments(question.moment))
    return _QUESTION + rows + (_EXPLANATION if question.ask.explain else 0)
