"""A question's way through the scorer: look up, judge, complete, predict, explain, keep."""

from __future__ import annotations

import time
import uuid
from collections import defaultdict
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime

import numpy as np
from feast import FeatureStore
from starlette.concurrency import run_in_threadpool

from feature_repo.stores.wire.errors import OnlineStoreAwayError, OnlineStoreRefusedError
from feature_repo.stores.wire.found import Found, Status
from feature_repo.stores.wire.times import ABSENT, datetime_of
from serving import errors, features, scorer
from serving.metrics import AGE, DEGRADED, LOOKUPS, SECONDS
from serving.models import Models, Serving
from serving.prediction_log import PredictionLog
from serving.schemas import Ask, AsOf, Prediction
from serving.settings import Settings

Result = Prediction | errors.ProblemError


@dataclass(frozen=True)
class Scorer:
    """Everything that an answer needs."""

    settings: Settings
    store: FeatureStore
    models: Models
    log: PredictionLog

    async def one(self, name: str, ask: Ask) -> Prediction:
        """One answer, or the problem as an exception."""
        (result,) = await self.several(name, [ask])
        if isinstance(result, errors.ProblemError):
            raise result
        return result

    async def several(self, name: str, asks: Sequence[Ask]) -> list[Result]:
        """Answers of one model, in order, from one lookup and one prediction."""
        began, now = time.perf_counter(), self.settings.clock()
        try:
            model = self.models.of(name)
        except errors.ProblemError as problem:
            return [problem] * len(asks)
        ids = [int(ask.entity_id) for ask in asks]
        moments = [past_moment(ask.as_of, now) for ask in asks]
        results: list[Result | None] = [one if isinstance(one, errors.ProblemError) else None for one in moments]
        asked = [now if one is None or isinstance(one, errors.ProblemError) else one for one in moments]
        for when in (False, True):
            places = [at for at, one in enumerate(moments) if results[at] is None and (one is not None) == when]
            if not places:
                continue
            chosen = [ids[at] for at in places]
            asked_at = [asked[at] for at in places]
            try:
                with _timed("lookup"):
                    told = (
                        await run_in_threadpool(features.offline, self.store, model, chosen, asked_at)
                        if when
                        else await features.online(model, chosen, now)
                    )
            except (OnlineStoreAwayError, OnlineStoreRefusedError) as fault:
                for at in places:
                    results[at] = errors.of_store(fault)
                continue
            answered = self._answered(model, [asks[at] for at in places], told, asked_at, began)
            for at, result in zip(places, answered, strict=True):
                results[at] = result
        return [result for result in results if result is not None]

    def _answered(
        self, model: Serving, asks: Sequence[Ask], told: features.Told, moments: Sequence[datetime], began: float
    ) -> list[Result]:
        _count(told.found)
        results: list[Result | None] = list(told.problems)
        open_ = [at for at, problem in enumerate(results) if problem is None]
        hours = [features.hours_of_week(moments[at]) for at in open_] if model.name == "contact_timing" else None
        each = 168 if hours else 1
        found = told.found.take(np.repeat(open_, each))
        asked_at = [hour for week in hours for hour in week] if hours else [moments[at] for at in open_]
        if not open_:
            return [result for result in results if result is not None]
        with _timed("on_demand"):
            found = features.completed(model, found, asked_at)
        request = {"months_ahead": np.array([getattr(asks[at], "months_ahead", 0.0) for at in open_], np.float64)}
        overrides = [asks[at].features for at in open_ for _ in range(each)]
        try:
            rows = scorer.matrix_of(model.artifact, found, overrides, request)
        except errors.ProblemError as problem:
            if len(open_) == 1:
                results[open_[0]] = problem
                return [result for result in results if result is not None]
            # One bad override must not spoil the others: each is asked by itself.
            for at in open_:
                alone = features.Told(told.found.take([at]), (told.degraded[at],), (None,))
                (results[at],) = self._answered(model, [asks[at]], alone, [moments[at]], began)
            return [result for result in results if result is not None]
        with _timed("predict"):
            answers = model.artifact.answers(rows)
        for place, at in enumerate(open_):
            first = place * each
            if hours:
                answer = scorer.answer_hours(answers, first, hours[place])
            elif model.artifact.card.task == "price":
                level = getattr(asks[at], "level", 0.8)
                answer = scorer.answer_price(model.artifact, rows, answers, first, level)
            else:
                answer = scorer.answer_one(model.artifact, answers, first)
            with _timed("explain"):
                top = scorer.top_features(model.artifact, rows, found, answer, asks[at].explain)
            prediction = Prediction.model_construct(
                prediction_id=uuid.uuid4().hex,
                entity_id=asks[at].entity_id,
                model=model.name,
                model_version=model.version,
                predicted_value=answer.value,
                predicted_class=answer.chosen,
                confidence=answer.confidence,
                probabilities=answer.probabilities,
                interval=answer.interval,
                slots=answer.slots,
                top_features=top,
                features_as_of=freshness(told.found, at),
                degraded=list(told.degraded[at]),
                predicted_at=datetime.now(UTC),
                latency_ms=round((time.perf_counter() - began) * 1000, 3),
            )
            if prediction.degraded:
                DEGRADED.labels(model.name).inc()
            self._keep(prediction, rows[answer.row].tolist(), asks[at].as_of)
            results[at] = prediction
        return [result for result in results if result is not None]

    def _keep(self, made: Prediction, inputs: list[float], asked: datetime | None) -> None:
        self.log.keep(
            {
                "prediction_id": made.prediction_id,
                "predicted_at": made.predicted_at,
                "model": made.model,
                "model_version": made.model_version,
                "entity_id": int(made.entity_id),
                "as_of": asked,
                "predicted_value": made.predicted_value,
                "predicted_class": made.predicted_class,
                "inputs": inputs,
                "features_as_of": {name: one.__dict__ for name, one in made.features_as_of.items()},
                "degraded": made.degraded,
                "latency_ms": made.latency_ms,
            }
        )


def freshness(found: Found, row: int) -> dict[str, AsOf]:
    """How fresh each view's values are."""
    told = {}
    for place, view in enumerate(found.views):
        at = int(found.times[row, place])
        absent = at == ABSENT
        told[view] = AsOf.model_construct(
            event_time=None if absent else datetime_of(at),
            age_seconds=None if absent else (found.asked_at - at) / 1e6,
            status=Status(int(found.states[row, place])).name,
        )
    return told


async def batch(scorer_: Scorer, asks: Sequence[tuple[str, Ask]]) -> list[Result]:
    """Questions to several models, answered in their order."""
    by_model: dict[str, list[int]] = defaultdict(list)
    for at, (name, _) in enumerate(asks):
        by_model[name].append(at)
    results: dict[int, Result] = {}
    for name, places in by_model.items():
        answered = await scorer_.several(name, [asks[at][1] for at in places])
        results |= dict(zip(places, answered, strict=True))
    return [results[at] for at in range(len(asks))]


def past_moment(as_of: datetime | None, now: datetime) -> datetime | errors.ProblemError | None:
    """The moment asked about, None for the present; a problem if it is yet to come."""
    if as_of is None:
        return None
    moment = as_of if as_of.tzinfo else as_of.replace(tzinfo=UTC)
    if moment > now:
        return errors.bad(
            "as_of", f"expected a moment in the past, found {moment.isoformat()}; now is {now.isoformat()}"
        )
    return moment


def _count(found: Found) -> None:
    for place, view in enumerate(found.views):
        states, counts = np.unique(found.states[:, place], return_counts=True)
        for state, count in zip(states.tolist(), counts.tolist(), strict=True):
            LOOKUPS.labels(view, Status(state).name).inc(count)
        times = found.times[:, place]
        for at in times[times != ABSENT][:1].tolist():
            AGE.labels(view).observe((found.asked_at - at) / 1e6)


@contextmanager
def _timed(stage: str) -> Iterator[None]:
    began = time.perf_counter()
    yield
    SECONDS.labels(stage).observe(time.perf_counter() - began)
