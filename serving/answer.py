"""An answer, and what its shape follows from: one file a task in `serving/answers`."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any, ClassVar

import numpy as np
import numpy.typing as npt

from serving.schemas import Ask, Interval, Slot
from training.artifact import Card
from training.inputs import Matrix
from training.specs import ModelSpec

Scores = npt.NDArray[np.float32]


@dataclass(frozen=True)
class Answer:
    """What a model says of one entity."""

    value: float
    chosen: str | None
    confidence: float
    probabilities: dict[str, float] | None = None
    interval: Interval | None = None
    slots: list[Slot] | None = None
    row: int = 0
    """Which of the rows given the answer rests on."""
    score: int = 0
    """Which of the raw scores it rests on."""


@dataclass(frozen=True)
class ScoredQuestion:
    """One question with what a model made of it, a row for each of its moments."""

    spec: ModelSpec
    card: Card
    ask: Ask
    moments: Sequence[datetime]
    rows: Matrix
    scores: Scores
    first: int
    """Which of all rows its first one is."""


class AnswerShape(ABC):
    """How the models of a task answer."""

    request_fields: ClassVar[Mapping[str, Any]] = {}
    """What a request may say beside what the model reads: Pydantic's type and field, by name."""
    request_example: ClassVar[Mapping[str, Any]] = {}

    def moments(self, moment: datetime) -> Sequence[datetime]:
        """What a question needs a row for: its moment, unless the task asks about several."""
        return (moment,)

    @abstractmethod
    def answer(self, question: ScoredQuestion) -> Answer:
        """What the scores say of a question."""
