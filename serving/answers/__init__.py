"""How each task answers, one task a file."""

from __future__ import annotations

from collections.abc import Mapping

from feature_repo.extensions import extensions
from serving.answer_shapes import AnswerShape
from serving.answers import binary, multiclass, price, timing
from training.task import Task
from training.tasks import BINARY, MULTICLASS, PRICE, TIMING

SHAPES: Mapping[Task, AnswerShape] = {
    BINARY: binary.SHAPE,
    MULTICLASS: multiclass.SHAPE,
    PRICE: price.SHAPE,
    TIMING: timing.SHAPE,
}


def shape_of(task: Task) -> AnswerShape:
    """How the models of a task answer."""
    shapes = dict(SHAPES)
    for extension in extensions():
        shapes |= extension.mapped("SHAPES")
    try:
        return shapes[task]
    except KeyError:
        raise ValueError(
            f"nothing says how models of the task {task.name!r} answer: expected a shape of it in serving/answers, or "
            "in SHAPES of the extension that declares it"
        ) from None
