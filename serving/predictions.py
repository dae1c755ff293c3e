"""Scores -> predictions: the task's answer to each request, with its reasons and how fresh its features were."""

from __future__ import annotations

import math
import time
from collections.abc import Sequence
from datetime import UTC, datetime
from typing import NamedTuple

import numpy as np
import numpy.typing as npt

from feature_repo.stores.wire.lookup_result import LookupResult, Status
from feature_repo.stores.wire.times import ABSENT, datetime_of, micros_of
from serving.answer_shapes import Answer, ScoredRequest
from serving.contributions import top_features
from serving.ids import new_id
from serving.metrics import DEGRADED, seconds
from serving.request_validation import ValidRequest
from serving.schemas import AsOf, Prediction
from serving.scores import ScoredMatrix
from training.inputs import Matrix

_STATUSES = [status.name for status in Status]


class AnsweredRequest(NamedTuple):
    """A request with its prediction, and the row of the matrix that this rests on."""

    valid: ValidRequest
    prediction: Prediction
    inputs: Matrix


def predict(scored: ScoredMatrix) -> list[AnsweredRequest]:
    """The predictions of all requests, in order."""
    matrix, lookup = scored.matrix, scored.matrix.lookup
    model, requests = lookup.group.model, lookup.group.requests
    answers = _answers(scored)
    contributions = _contributions(scored, answers)
    untested = model.artifact.card.untested(matrix.rows[:: matrix.rows_per_request])
    answered: list[AnsweredRequest] = []
    for place, (valid, answer) in enumerate(zip(requests, answers, strict=True)):
        if not math.isfinite(answer.value):
            raise ValueError(f"{model.name} version {model.version}: expected a finite answer, found {answer.value}")
        explained = contributions.get(place)
        prediction = Prediction(
            prediction_id=new_id(),
            entity_id=entity_label(model.spec.join_keys, valid.keys),
            model=model.name,
            model_version=model.version,
            predicted_value=answer.value,
            predicted_class=answer.chosen,
            confidence=answer.confidence,
            probabilities=answer.probabilities,
            interval=answer.interval,
            slots=answer.slots,
            top_features=[]
            if explained is None
            else top_features(model.artifact, explained, matrix, answer, valid.request.explain),
            features_as_of=freshness(lookup.result, place, valid.moment),
            degraded=[*lookup.degraded[place], *untested[place]],
            predicted_at=datetime.now(UTC),
            latency_ms=round((time.perf_counter() - valid.began) * 1000, 3),
        )
        if prediction["degraded"]:
            DEGRADED.labels(model.name).inc()
        answered.append(AnsweredRequest(valid, prediction, matrix.rows[answer.row]))
    return answered


def entity_label(join_keys: Sequence[str], keys: Sequence[int | str]) -> str:
    """The entity of a request as answers name it: its id, or each of its ids by name."""
    if len(keys) == 1:
        return str(keys[0])
    return ",".join(f"{name}={key}" for name, key in zip(join_keys, keys, strict=True))


def freshness(lookup: LookupResult, row: int, moment: datetime) -> dict[str, AsOf]:
    """How fresh each view's values were at the moment in question."""
    views, asked_at = {}, micros_of(moment)
    for view, at, state in zip(lookup.views, lookup.times[row].tolist(), lookup.states[row].tolist(), strict=True):
        known = at != ABSENT
        views[view] = AsOf(
            event_time=datetime_of(at) if known else None,
            age_seconds=max(0.0, (asked_at - at) / 1e6) if known else None,
            status=_STATUSES[state],
        )
    return views


def _answers(scored: ScoredMatrix) -> list[Answer]:
    matrix, group = scored.matrix, scored.matrix.lookup.group
    spec, card, shape, count = group.model.spec, group.model.artifact.card, group.model.shape, matrix.rows_per_request
    answers = []
    for place, valid in enumerate(group.requests):
        first = place * count
        rows, scores = matrix.rows[first : first + count], scored.scores[first : first + count]
        answers.append(
            shape.answer(ScoredRequest(spec, card, valid.request, matrix.moments[place], rows, scores, first))
        )
    return answers


def _contributions(scored: ScoredMatrix, answers: Sequence[Answer]) -> dict[int, npt.NDArray[np.float64]]:
    """By the place of each request that wants an explanation: what each input adds to each score."""
    group = scored.matrix.lookup.group
    places = [place for place, valid in enumerate(group.requests) if valid.request.explain]
    if not places:
        return {}
    with seconds("explain").time():
        rows = scored.matrix.rows[[answers[place].row for place in places]]
        return dict(zip(places, group.model.artifact.contributions(rows), strict=True))
