"""A question's way through the scorer: look up, judge, complete, predict, explain, keep."""

from __future__ import annotations

import time
from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from functools import partial

from feast import FeatureStore
from starlette.concurrency import run_in_threadpool

from feature_repo.stores.wire.errors import OnlineStoreAwayError, OnlineStoreRefusedError
from feature_repo.stores.wire.found import Found, Status
from feature_repo.stores.wire.times import ABSENT, datetime_of, micros_of
from serving import errors, features, scorer
from serving.grouping import Grouped
from serving.ids import new_id
from serving.metrics import DEGRADED, count_lookups, timed
from serving.models import Models, Serving
from serving.prediction_log import Kept, PredictionLog
from serving.questions import Arrived, Question, question_of
from serving.schemas import Ask, AsOf, Contribution, Prediction
from serving.settings import Settings
from training.inputs import Matrix

Result = Prediction | errors.ProblemError
_STATUSES = [status.name for status in Status]


@dataclass(frozen=True)
class Scorer:
    """Everything that an answer needs."""

    settings: Settings
    store: FeatureStore
    models: Models
    log: PredictionLog

    _groups: dict[str, Grouped[Arrived, Result]] = field(default_factory=dict, init=False, repr=False)

    async def one(self, name: str, ask: Ask) -> Prediction:
        """One answer, or the problem as an exception. What is asked meanwhile of the same model goes together."""
        arrived = Arrived(ask, time.perf_counter())
        if ask.as_of is None:
            group = self._groups.get(name) or self._groups.setdefault(name, Grouped(partial(self._several, name)))
            result = await group.ask(arrived)
        else:  # the past takes its time, which others need not wait for
            (result,) = await self._several(name, [arrived])
        if isinstance(result, errors.ProblemError):
            raise result
        return result

    async def batch(self, asks: Sequence[tuple[str, Ask]]) -> list[Result]:
        """Questions to several models, answered in their order."""
        began = time.perf_counter()
        by_model: dict[str, list[int]] = defaultdict(list)
        for at, (name, _) in enumerate(asks):
            by_model[name].append(at)
        results: dict[int, Result] = {}
        for name, places in by_model.items():
            results |= zip(
                places, await self._several(name, [Arrived(asks[at][1], began) for at in places]), strict=True
            )
        return [results[at] for at in range(len(asks))]

    async def _several(self, name: str, arrived: Sequence[Arrived]) -> list[Result]:
        """Answers of one model, in order, from one lookup and one prediction."""
        now = self.settings.clock()
        try:
            model = self.models.of(name)
        except errors.ProblemError as problem:
            return [problem] * len(arrived)
        results: dict[int, Result] = {}
        present: dict[int, Question] = {}
        past: dict[int, Question] = {}
        for at, one in enumerate(arrived):
            question = question_of(one, model, now)
            if isinstance(question, errors.ProblemError):
                results[at] = question
            else:
                (past if question.past else present)[at] = question
        for questions in (present, past):
            if questions:
                results |= zip(questions, await self._answers(model, list(questions.values())), strict=True)
        return [results[at] for at in range(len(arrived))]

    async def told(self, model: Serving, questions: Sequence[Question]) -> features.Told:
        """The features for questions that are all about the present, or all about the past."""
        ids = [one.entity for one in questions]
        if questions[0].past:
            moments = [one.moment for one in questions]
            return await run_in_threadpool(features.offline, self.store, model, ids, moments)
        waited = time.perf_counter() - min(one.began for one in questions)
        return await features.online(model, ids, questions[0].moment, waited)

    async def _answers(self, model: Serving, questions: Sequence[Question]) -> list[Result]:
        try:
            with timed("lookup"):
                told = await self.told(model, questions)
        except (OnlineStoreAwayError, OnlineStoreRefusedError) as fault:
            return [errors.of_store(fault)] * len(questions)
        count_lookups(told.found)
        answerable = [at for at, problem in enumerate(told.problems) if problem is None]
        answered = [questions[at] for at in answerable]
        made = iter(self._predictions(model, answered, told.take(answerable)) if answered else ())
        return [next(made) if problem is None else problem for problem in told.problems]

    def _predictions(self, model: Serving, questions: Sequence[Question], told: features.Told) -> list[Prediction]:
        """One for each question; the features are there."""
        moments = [features.moments_of(model, one) for one in questions]
        with timed("on_demand"):
            found = features.completed(model, told.found, questions, moments)
        with timed("predict"):
            rows = model.layout.matrix(found, scorer.request_of([one.ask for one in questions]))
            scores = model.artifact.answers(rows)
        predictions: list[Prediction] = []
        for place, question in enumerate(questions):
            first = place * len(moments[0])
            answer = scorer.answer_of(model.artifact, rows, scores, question.ask, first, moments[place])
            prediction = Prediction(
                prediction_id=new_id(),
                entity_id=question.ask.entity_id,
                model=model.name,
                model_version=model.version,
                predicted_value=answer.value,
                predicted_class=answer.chosen,
                confidence=answer.confidence,
                probabilities=answer.probabilities,
                interval=answer.interval,
                slots=answer.slots,
                top_features=_explained(model, rows, found, answer, question.ask.explain),
                features_as_of=freshness(told.found, place, question.moment),
                degraded=list(told.degraded[place]),
                predicted_at=datetime.now(UTC),
                latency_ms=round((time.perf_counter() - question.began) * 1000, 3),
            )
            if prediction["degraded"]:
                DEGRADED.labels(model.name).inc()
            # A copy: the log must not hold on to the rows of a whole batch.
            self.log.keep(Kept(prediction, question.entity, question.ask.as_of, rows[answer.row].copy()))
            predictions.append(prediction)
        return predictions


def _explained(model: Serving, rows: Matrix, found: Found, answer: scorer.Answer, count: int) -> list[Contribution]:
    if not count:
        return []
    with timed("explain"):
        return scorer.top_features(model.artifact, rows, found, answer, count)


def freshness(found: Found, row: int, moment: datetime) -> dict[str, AsOf]:
    """How fresh each view's values were at the moment asked about."""
    told, asked_at = {}, micros_of(moment)
    for view, at, state in zip(found.views, found.times[row].tolist(), found.states[row].tolist(), strict=True):
        known = at != ABSENT
        told[view] = AsOf(
            event_time=datetime_of(at) if known else None,
            age_seconds=(asked_at - at) / 1e6 if known else None,
            status=_STATUSES[state],
        )
    return told
