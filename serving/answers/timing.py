"""The best hours of the week that follows."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import UTC, datetime
from functools import lru_cache

import numpy as np

from feature_repo.stores.wire.times import micros_of
from serving.answer_shapes import Answer, AnswerShape, ScoredRequest
from serving.schemas import Slot

WEEKDAYS = ("Monday", "Tuesday", "Wednesday", "Thursday", "Friday", "Saturday", "Sunday")
SLOTS = 3
_HOUR = 3_600_000_000


@lru_cache(8)
def _hours_of_week(moment: datetime) -> Sequence[datetime]:
    """The 168 full hours that follow."""
    first = (micros_of(moment) // _HOUR + 1) * _HOUR
    return [datetime.fromtimestamp((first + hour * _HOUR) / 1e6, UTC) for hour in range(168)]


class TimingAnswer(AnswerShape):
    """When."""

    def moments(self, moment: datetime) -> Sequence[datetime]:
        """Each hour of the week that follows."""
        return _hours_of_week(moment)

    def answer(self, scored: ScoredRequest) -> Answer:
        """The hour of the highest probability, and the two after it."""
        moments, chances = scored.moments, scored.scores[:, 0].astype(np.float64)
        order = np.argsort(-chances, kind="stable")[:SLOTS]
        slots = [
            Slot(weekday=WEEKDAYS[moments[at].weekday()], hour=moments[at].hour, probability=float(chances[at]))
            for at in order
        ]
        best = slots[0]
        named, chance = f"{best['weekday']} {best['hour']:02d}:00", best["probability"]
        return Answer(chance, named, chance, slots=slots, row=scored.first + int(order[0]))


SHAPE = TimingAnswer()
