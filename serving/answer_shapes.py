"""The answer of a model to one request, and what its shape follows from: one file a task in `serving/answers`."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any, ClassVar

import numpy as np
import numpy.typing as npt

from serving.schemas import Interval, PredictionRequest, Slot
from training.artifact import Card
from training.inputs import Matrix
from training.specs import ModelSpec

Scores = npt.NDArray[np.float32]


@dataclass(frozen=True)
class Answer:
    """A model's answer about one entity."""

    value: float
    chosen: str | None
    confidence: float
    probabilities: dict[str, float] | None = None
    interval: Interval | None = None
    slots: list[Slot] | None = None
    row: int = 0
    """The row of the whole matrix that the answer rests on."""
    score: int = 0
    """The raw score that it rests on, if a row has several."""


@dataclass(frozen=True)
class ScoredRequest:
    """One request with its scores, a row for each of its moments."""

    spec: ModelSpec
    card: Card
    request: PredictionRequest
    moments: Sequence[datetime]
    rows: Matrix
    scores: Scores
    first: int
    """The place of its first row in the whole matrix."""


class AnswerShape(ABC):
    """How the models of a task answer."""

    request_fields: ClassVar[Mapping[str, Any]] = {}
    """What a request may hold beside what the model reads: Pydantic's type and field, by name."""
    request_example: ClassVar[Mapping[str, Any]] = {}

    def moments(self, moment: datetime) -> Sequence[datetime]:
        """The moments that a request needs a row for: its own, unless the task is about several."""
        return (moment,)

    @abstractmethod
    def answer(self, scored: ScoredRequest) -> Answer:
        """The answer to a request, from its scores."""
