"""From features that are there to predictions: computing alone, on the loop or in any thread."""

from __future__ import annotations

import math
import time
from collections.abc import Sequence
from datetime import UTC, datetime

import numpy as np
import numpy.typing as npt

from feature_repo.stores.wire.lookup_result import LookupResult, Status
from feature_repo.stores.wire.times import ABSENT, datetime_of, micros_of
from serving import features
from serving.answer import Answer, ScoredQuestion
from serving.contributions import top_features
from serving.ids import new_id
from serving.metrics import DEGRADED, timed
from serving.models import Serving
from serving.prediction_log import LoggedPrediction, PredictionLog
from serving.questions import Question, request_inputs
from serving.requests import entity_label
from serving.schemas import AsOf, Prediction
from training.inputs import Matrix

_STATUSES = [status.name for status in Status]


def predictions_of(
    model: Serving, questions: Sequence[Question], told: features.FeatureLookup, log: PredictionLog
) -> list[Prediction]:
    """One for each question, each of them logged."""
    moments = [model.shape.moments(one.moment) for one in questions]
    with timed("on_demand"):
        lookup = features.completed(model, told.found, questions, moments)
    with timed("predict"):
        rows = model.layout.matrix(lookup, request_inputs(model.spec, questions))
        scores = model.artifact.answers(rows)
    each = len(moments[0])
    answers = [
        model.shape.answer(
            ScoredQuestion(
                model.spec,
                model.artifact.card,
                question.ask,
                moments[place],
                rows[first : first + each],
                scores[first : first + each],
                first,
            )
        )
        for place, (question, first) in enumerate(zip(questions, range(0, len(rows), each), strict=True))
    ]
    contributions = _contributions(model, rows, answers, questions)
    untested = model.artifact.card.untested(rows[::each])
    predictions: list[Prediction] = []
    for place, (question, answer) in enumerate(zip(questions, answers, strict=True)):
        if not math.isfinite(answer.value):
            raise ValueError(f"{model.name} version {model.version}: expected a finite answer, found {answer.value}")
        explained = contributions.get(place)
        prediction = Prediction(
            prediction_id=new_id(),
            entity_id=entity_label(model.spec.join_keys, question.keys),
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
            else top_features(model.artifact, explained, rows, lookup, answer, question.ask.explain),
            features_as_of=freshness(told.found, place, question.moment),
            degraded=[*told.degraded[place], *untested[place]],
            predicted_at=datetime.now(UTC),
            latency_ms=round((time.perf_counter() - question.began) * 1000, 3),
        )
        if prediction["degraded"]:
            DEGRADED.labels(model.name).inc()
        predictions.append(prediction)
        # A copy: the log must not hold on to the rows of a whole batch.
        keys = dict(zip(model.spec.join_keys, question.keys, strict=True))
        log.keep(LoggedPrediction.of(prediction, keys, question.ask.as_of, rows[answer.row].copy()))
    return predictions


def freshness(lookup: LookupResult, row: int, moment: datetime) -> dict[str, AsOf]:
    """How fresh each view's values were at the moment asked about."""
    views, asked_at = {}, micros_of(moment)
    for view, at, state in zip(lookup.views, lookup.times[row].tolist(), lookup.states[row].tolist(), strict=True):
        known = at != ABSENT
        views[view] = AsOf(
            event_time=datetime_of(at) if known else None,
            age_seconds=max(0.0, (asked_at - at) / 1e6) if known else None,
            status=_STATUSES[state],
        )
    return views


def _contributions(
    model: Serving, rows: Matrix, answers: Sequence[Answer], questions: Sequence[Question]
) -> dict[int, npt.NDArray[np.float64]]:
    """By the place of each question that wants to know: what each input adds to each score."""
    places = [place for place, one in enumerate(questions) if one.ask.explain]
    if not places:
        return {}
    with timed("explain"):
        moved = model.artifact.contributions(rows[[answers[place].row for place in places]])
    return dict(zip(places, moved, strict=True))
