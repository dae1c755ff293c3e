"""From features to an answer: pure, and the same for one question as for a thousand."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

import numpy as np
import numpy.typing as npt

from feature_repo.stores.wire.found import Found
from serving import errors
from serving.schemas import Contribution, Interval, Slot
from training.artifact import Artifact
from training.inputs import Inputs, Matrix

WEEKDAYS = ("Monday", "Tuesday", "Wednesday", "Thursday", "Friday", "Saturday", "Sunday")
Value = float | int | bool | str | None


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


def matrix_of(
    artifact: Artifact,
    found: Found,
    overrides: Sequence[Mapping[str, Value] | None],
    request: Mapping[str, npt.NDArray[np.float64]],
) -> Matrix:
    """The rows as the model wants them, with what the asker says instead."""
    columns: dict[str, npt.NDArray[Any]] = {}
    for one in artifact.card.inputs.each:
        if one.view == "request":
            columns[one.name] = request[one.name]
        elif one.name in found.objects:
            columns[one.name] = found.objects[one.name].copy()
        else:
            columns[one.name] = found.numbers[:, found.numeric.index(one.name)].copy()
    known = {one.name: one for one in artifact.card.inputs.each if one.view != "request"}
    for row, told in enumerate(overrides):
        for name, value in (told or {}).items():
            if name not in known:
                raise errors.bad(f"features.{name}", f"{artifact.card.model} has no such feature; see /v1/models")
            one = known[name]
            if one.kind == "category" and value is not None and value not in one.categories:
                raise errors.bad(f"features.{name}", f"expected one of {', '.join(one.categories)}, found {value!r}")
            if one.kind == "number" and isinstance(value, str):
                raise errors.bad(f"features.{name}", f"expected a number, found {value!r}")
            columns[name][row] = (np.nan if value is None else value) if one.kind == "number" else value
    return artifact.card.inputs.matrix(columns)


def answer_one(artifact: Artifact, answers: npt.NDArray[np.float32], first: int) -> Answer:
    """The answer that rests on one row."""
    card, row = artifact.card, answers[first].astype(np.float64)
    if card.task == "multiclass":
        best = int(row.argmax())
        shares = dict(zip(card.classes, row.tolist(), strict=True))
        return Answer(float(row[best]), card.classes[best], float(row[best]), shares, row=first, score=best)
    probability = float(row[0])
    chosen = card.classes[int(np.searchsorted(card.thresholds, probability, side="right"))] if card.classes else None
    return Answer(probability, chosen, max(probability, 1 - probability), row=first)


def answer_price(
    artifact: Artifact, rows: Matrix, answers: npt.NDArray[np.float32], first: int, level: float
) -> Answer:
    """A price and its interval."""
    card = artifact.card
    value = answers[first : first + 1, 0].astype(np.float64)
    columns = card.inputs.columns
    told = rows[first : first + 1, columns.index("estimated_value")] > 0
    months = rows[first : first + 1, columns.index("months_ahead")].astype(np.float64)
    if card.intervals is None:
        raise errors.not_ready(card.model, "its artifact has no intervals")
    low, high = card.intervals.bounds(value, told, months, level)
    return Answer(
        float(value[0]), None, level, interval=Interval(low=float(low[0]), high=float(high[0]), level=level), row=first
    )


def answer_hours(answers: npt.NDArray[np.float32], first: int, hours: Sequence[datetime]) -> Answer:
    """The best hours of the week that follows."""
    chances = answers[first : first + len(hours), 0].astype(np.float64)
    order = np.argsort(-chances, kind="stable")[:3]
    slots = [
        Slot(weekday=WEEKDAYS[hours[at].weekday()], hour=hours[at].hour, probability=float(chances[at])) for at in order
    ]
    best = slots[0]
    return Answer(
        best.probability, f"{best.weekday} {best.hour:02d}:00", best.probability, slots=slots, row=first + int(order[0])
    )


def top_features(artifact: Artifact, rows: Matrix, found: Found, answer: Answer, count: int) -> list[Contribution]:
    """The features that move this answer most."""
    if not count:
        return []
    moved = artifact.contributions(rows[answer.row : answer.row + 1])[0, answer.score]
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
