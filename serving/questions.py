"""A question as it came, checked against the model it is for: what can be answered, and what is refused and why."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, datetime

from serving import errors
from serving.models import Serving
from serving.schemas import Ask

BEYOND = 1.0
"""So far beyond what a model was trained on a request may still reach."""


@dataclass(frozen=True)
class Arrived:
    """What was asked, and when by the clock that measures how long an answer took."""

    ask: Ask
    began: float


@dataclass(frozen=True)
class Question:
    """One that can be answered, and the moment it is about."""

    ask: Ask
    began: float
    entity: int
    moment: datetime
    past: bool


def question_of(arrived: Arrived, model: Serving, now: datetime) -> Question | errors.ProblemError:
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
    return Question(ask, arrived.began, int(ask.entity_id), moment or now.replace(microsecond=0), moment is not None)


def past_moment(as_of: datetime | None, now: datetime) -> datetime | errors.ProblemError | None:
    """The moment asked about in UTC, None for the present; a problem if it is yet to come."""
    if as_of is None:
        return None
    moment = as_of.astimezone(UTC) if as_of.tzinfo else as_of.replace(tzinfo=UTC)
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
        return f"expected one of {', '.join(known.categories)}, found {value!r}"
    if known.kind == "number" and isinstance(value, str):
        return f"expected a number, found {value!r}"
    return ""
