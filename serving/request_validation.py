"""Request -> valid request: checked against the model that it is for; what cannot be answered is refused, and why."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from typing import Any

import numpy as np

from feature_repo.entities import is_text
from serving import errors
from serving.schemas import PredictionRequest
from serving.serving_model import ServingModel
from serving.shown_values import shown
from training.artifact import BEYOND
from training.specs import ModelSpec

Keys = tuple[int | str, ...]
_LARGEST = float(np.finfo(np.float32).max)
_OVERFLOWS = 2.0**128 - 2.0**103
"""From half a step beyond the largest on, float32 is infinite; below that, a number is rounded to the largest."""


@dataclass(frozen=True)
class PendingRequest:
    """A request, and when it came by the clock that measures how long an answer takes."""

    request: PredictionRequest
    began: float
    lookups_before: float = 0.0
    """The reading of the model's lookup clock then."""


@dataclass(frozen=True)
class ValidRequest:
    """A request that can be answered, and the moment that it is about."""

    request: PredictionRequest
    began: float
    keys: Keys
    moment: datetime
    is_past: bool
    lookups_before: float = 0.0


@dataclass(frozen=True)
class RequestGroup:
    """Requests to one model that are answered together, all about the present or all about the past."""

    model: ServingModel
    requests: Sequence[ValidRequest]

    def key_columns(self) -> dict[str, list[int | str]]:
        """The keys of the requests as columns."""
        names = self.model.spec.join_keys
        return {name: [each.keys[place] for each in self.requests] for place, name in enumerate(names)}

    def take(self, places: Sequence[int]) -> RequestGroup:
        """Some of the requests, in their order."""
        return replace(self, requests=[self.requests[place] for place in places])


def validated(pending: PendingRequest, model: ServingModel, now: datetime) -> ValidRequest | errors.ProblemError:
    """The request with its keys and moment, or what is wrong with it."""
    request = pending.request
    moment = past_moment(request.as_of, now)
    if isinstance(moment, errors.ProblemError):
        return moment
    for name, value in (request.features or {}).items():
        if reason := _value_fault(model, name, value):
            return errors.bad(f"features.{name}", reason)
    for name, (_, high) in model.artifact.card.ranges.items():
        if (value := getattr(request, name, 0.0)) > high + BEYOND:
            return errors.bad(
                name,
                f"expected at most {high:.1f}, up to which {model.name} was trained, found {value:g}; see /v1/models",
            )
    # The present counts in whole seconds: requests of one second share what is computed from the moment.
    present = now.replace(microsecond=0)
    keys = keys_of(model.spec, request)
    return ValidRequest(request, pending.began, keys, moment or present, moment is not None, pending.lookups_before)


def keys_of(spec: ModelSpec, request: PredictionRequest) -> Keys:
    """The keys that a request gives, each of its entity's type, in the model's order."""
    named: Any = request
    if len(spec.keys) == 1:
        return (named.entity_id if is_text(spec.keys[0]) else int(named.entity_id),)
    given = [getattr(named.keys, name) for name in spec.join_keys]
    return tuple(key if is_text(entity) else int(key) for entity, key in zip(spec.keys, given, strict=True))


def past_moment(as_of: datetime | None, now: datetime) -> datetime | errors.ProblemError | None:
    """The moment in question in UTC, None for the present; a problem if it is yet to come."""
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


def _value_fault(model: ServingModel, name: str, value: object) -> str:
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
