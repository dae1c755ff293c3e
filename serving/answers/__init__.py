"""How each task answers, one task a file."""

from __future__ import annotations

from collections.abc import Mapping

from serving.answer import AnswerShape
from serving.answers import binary, multiclass, price, timing
from training.task import Task
from training.tasks import BINARY, MULTICLASS, PRICE, TIMING

SHAPES: Mapping[Task, AnswerShape] = {
    BINARY: binary.SHAPE,
    MULTICLASS: multiclass.SHAPE,
    PRICE: price.SHAPE,
    TIMING: timing.SHAPE,
}
