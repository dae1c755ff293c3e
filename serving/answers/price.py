"""A price, and the interval that holds it with a given probability."""

from __future__ import annotations

from typing import ClassVar

import numpy as np
from pydantic import Field

from serving import errors
from serving.answer_shapes import Answer, AnswerShape, ScoredRequest
from serving.schemas import Interval
from training.tasks.price import LEVEL, estimate_and_months

_LEVEL = Field(
    LEVEL, ge=0.5, le=0.99, allow_inf_nan=False, description="The share of prices that the interval shall hold."
)


class PriceAnswer(AnswerShape):
    """A price."""

    request_fields: ClassVar = {"level": (float, _LEVEL)}
    request_example: ClassVar = {"level": 0.9}

    def answer(self, scored: ScoredRequest) -> Answer:
        """The price, with its interval."""
        card, level = scored.card, getattr(scored.request, "level", LEVEL)
        if card.intervals is None:
            raise errors.not_ready(card.model, "its artifact has no intervals")
        value = scored.scores[:, 0].astype(np.float64)
        group = estimate_and_months(scored.spec.estimate, card.inputs, scored.rows)
        low, high = card.intervals.bounds(value, *group, level)
        interval = Interval(low=float(low[0]), high=float(high[0]), level=level)
        return Answer(float(value[0]), None, level, interval=interval, row=scored.first)


SHAPE = PriceAnswer()
