"""From features to an answer: pure, and the same for one question as for a thousand."""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

import numpy as np
import numpy.typing as npt

from feature_repo.stores.wire.found import Found
from serving import errors
from serving.schemas import Ask, Contribution, Interval, Slot
from training.artifact import Artifact
from training.inputs import Inputs, Matrix

WEEKDAYS = ("Monday", "Tuesday", "Wednesday", "Thursday", "Friday", "Saturday", "Sunday")
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


def request_of(asks: Sequence[Ask]) -> dict[str, npt.NDArray[np.float64]]:
    """What askers say that no view knows."""
    return {"months_ahead": np.array([getattr(ask, "months_ahead", 0.0) for ask in asks], np.float64)}


def answer_of(
    artifact: Artifact, rows: Matrix, scores: Scores, ask: Ask, first: int, moments: Sequence[datetime]
) -> Answer:
    """What the model's scores say of one question, which has a row for each of its moments, from `first` on."""
    if len(moments) > 1:
        return _hours(scores, first, moments)
    if artifact.card.task == "price":
        return _price(artifact, rows, scores, first, getattr(ask, "level", 0.8))
    return _probability(artifact, scores, first)


def _probability(artifact: Artifact, scores: Scores, first: int) -> Answer:
    card, row = artifact.card, scores[first].astype(np.float64)
    if card.task == "multiclass":
        best = int(row.argmax())
        shares = dict(zip(card.classes, row.tolist(), strict=True))
        return Answer(float(row[best]), card.classes[best], float(row[best]), shares, row=first, score=best)
    probability = float(row[0])
    chosen = card.classes[bisect_right(card.thresholds, probability)] if card.classes else None
    return Answer(probability, chosen, max(probability, 1 - probability), row=first)


def _price(artifact: Artifact, rows: Matrix, scores: Scores, first: int, level: float) -> Answer:
    card = artifact.card
    value = scores[first : first + 1, 0].astype(np.float64)
    columns = card.inputs.columns
    told = rows[first : first + 1, columns.index("estimated_value")] > 0
    months = rows[first : first + 1, columns.index("months_ahead")].astype(np.float64)
    if card.intervals is None:
        raise errors.not_ready(card.model, "its artifact has no intervals")
    low, high = card.intervals.bounds(value, told, months, level)
    return Answer(
        float(value[0]), None, level, interval=Interval(low=float(low[0]), high=float(high[0]), level=level), row=first
    )


def _hours(scores: Scores, first: int, hours: Sequence[datetime]) -> Answer:
    chances = scores[first : first + len(hours), 0].astype(np.float64)
    order = np.argsort(-chances, kind="stable")[:3]
    slots = [
        Slot(weekday=WEEKDAYS[hours[at].weekday()], hour=hours[at].hour, probability=float(chances[at])) for at in order
    ]
    best = slots[0]
    named = f"{best['weekday']} {best['hour']:02d}:00"
    chance = best["probability"]
    return Answer(chance, named, chance, slots=slots, row=first + int(order[0]))


def top_features(
    artifact: Artifact, moved: npt.NDArray[np.float64], rows: Matrix, found: Found, answer: Answer, count: int
) -> list[Contribution]:
    """The features that move this answer most; `moved` has what each input adds to each score of the answer's row."""
    moved = moved[answer.score]
    inputs = artifact.card.inputs
    told = []
    for place in np.argsort(-np.abs(moved), kind="stable")[:count]:
        one = inputs.each[place]
        told.append(
            Contribution(
                name=one.name,
                value=_shown(inputs, rows[answer.row], one.name, found, answer.row),
                contribution=float(moved[place]),
            )
        )
    return told


def _shown(inputs: Inputs, row: Matrix, name: str, found: Found, at: int) -> float | str | None:
    if name in found.objects:
        told: str | None = found.objects[name][at]
        return told
    value = float(row[inputs.columns.index(name)])
    return None if np.isnan(value) else value
