"""A question as it came, checked against the model it is for: what can be answered, and what is refused and why."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime

import numpy as np
import numpy.typing as npt

from serving import errors
from serving.models import Serving
from serving.requests import Keys, keys_of
from serving.schemas import Ask
from serving.shown_values import shown
from training.artifact import BEYOND
from training.specs import ModelSpec

_LARGEST = float(np.finfo(np.float32).max)
_OVERFLOWS = 2.0**128 - 2.0**103
"""From half a step beyond the largest on, float32 is infinite; below that, a number is rounded to the largest."""


@dataclass(frozen=True)
class PendingRequest:
    """What was asked, and when by the clock that measures how long an answer took."""

    ask: Ask
    began: float
    lookups_before: float = 0.0
    """What the model's lookup clock showed then."""


@dataclass(frozen=True)
class Question:
    """One that can be answered, and the moment it is about."""

    ask: Ask
    began: float
    keys: Keys
    moment: datetime
    past: bool
    lookups_before: float = 0.0


def question_of(arrived: PendingRequest, model: Serving, now: datetime) -> Question | errors.ProblemError:
    """The question, or what is wrong with it."""
    ask = arrived.ask
    moment = past_moment(ask.as_of, now)
    if isinstance(moment, errors.ProblemError):
        return moment
    for name, value in (ask.features or {}).items():
        if reason := _cannot_be(model, name, value):
            return errors.bad(f"features.{name}", reason)
    for name, (_, high) in model.artifact.card.ranges.items():
        if (value := getattr(ask, name, 0.0)) > high + BEYOND:
            return errors.bad(
                name,
                f"expected at most {high:.1f}, up to which {model.name} was trained, found {value:g}; see /v1/models",
            )
    # The present is told to the second: questions of one second share what is computed from the moment.
    present = now.replace(microsecond=0)
    return Question(
        ask, arrived.began, keys_of(model.spec, ask), moment or present, moment is not None, arrived.lookups_before
    )


def key_columns(model: Serving, questions: Sequence[Question]) -> dict[str, list[int | str]]:
    """The keys of questions as columns."""
    return {name: [one.keys[place] for one in questions] for place, name in enumerate(model.spec.join_keys)}


def request_inputs(spec: ModelSpec, questions: Sequence[Question]) -> dict[str, npt.NDArray[np.float64]]:
    """The inputs that requests give, a value for each question."""
    return {
        each.name: np.array([getattr(one.ask, each.name) for one in questions], np.float64) for each in spec.request
    }


def past_moment(as_of: datetime | None, now: datetime) -> datetime | errors.ProblemError | None:
    """The moment asked about in UTC, None for the present; a problem if it is yet to come."""
    if as_of is None:
        return None
    try:
        moment = as_of.astimezone(UTC) if as_of.tzinfo else as_of.replace(tzinfo=UTC)
    except OverflowError:
        return errors.bad("as_of", f"expected a moment of the years 1 to 9999 in UTC, found {as_of.isoformat()}")
    if moment > now:
        return errors.bad(
            "as_of", f"expected a moment in the past, found {moment.isoformat()}; now is {now.isoformat()}"
        )
    return moment


def _cannot_be(model: Serving, name: str, value: object) -> str:
    known = model.features.get(name)
    if known is None:
        return f"{model.name} has no such feature; see /v1/models"
    if known.kind == "category" and value is not None and value not in known.categories:
        return f"expected one of {', '.join(known.categories)}, found {shown(value)}"
    if known.kind == "number" and value is not None and not _is_representable(value):
        return f"expected a finite number that float32 can hold (up to {_LARGEST:.8g}), found {shown(value)}"
    return ""


def _is_representable(value: object) -> bool:
    """Whether the model's matrix can hold it: beyond float32 it would be infinite, and the answer no number."""
    try:
        return not isinstance(value, str) and abs(float(value)) < _OVERFLOWS  # type: ignore[arg-type]
    except OverflowError:  # an integer beyond every float
        return False
