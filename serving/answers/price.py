"""A price, and the interval that holds it with a given probability."""

from __future__ import annotations

from typing import ClassVar

import numpy as np
from pydantic import Field

from serving import errors
from serving.answer import Answer, AnswerShape, ScoredQuestion
from serving.schemas import Interval
from training.tasks.price import LEVEL, estimate_and_months

_LEVEL = Field(
    LEVEL, ge=0.5, le=0.99, allow_inf_nan=False, description="The share of prices that the interval shall hold."
)


class PriceAnswer(AnswerShape):
    """A price."""

    request_fields: ClassVar = {"level": (float, _LEVEL)}
    request_example: ClassVar = {"level": 0.9}

    def answer(self, question: ScoredQuestion) -> Answer:
        """The price, with its interval."""
        card, level = question.card, getattr(question.ask, "level", LEVEL)
        if card.intervals is None:
            raise errors.not_ready(card.model, "its artifact has no intervals")
        value = question.scores[:, 0].astype(np.float64)
        group = estimate_and_months(question.spec.estimate, card.inputs, question.rows)
        low, high = card.intervals.bounds(value, *group, level)
        interval = Interval(low=float(low[0]), high=float(high[0]), level=level)
        return Answer(float(value[0]), None, level, interval=interval, row=question.first)


SHAPE = PriceAnswer()
