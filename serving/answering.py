"""A question's way through the scorer: look up, judge, complete, predict, explain, keep."""

from __future__ import annotations

import time
from collections import defaultdict
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from functools import partial
from typing import Generic, TypeVar

import orjson
import structlog
from feast import FeatureStore

from feature_repo.stores.wire.errors import OnlineStoreAwayError, OnlineStoreRefusedError
from serving import errors, features
from serving.grouping import MicroBatcher
from serving.history import History
from serving.lanes import Lane
from serving.lookup_clock import LookupClock
from serving.metrics import count_lookups, timed
from serving.models import Models, Serving
from serving.predicting import predictions_of
from serving.prediction_log import PredictionLog
from serving.questions import PendingRequest, Question, key_columns, question_of
from serving.schemas import Ask, Prediction
from serving.settings import Settings
from serving.weight import is_light, pieces_of

T = TypeVar("T")
_BATCH_NICENESS = 5
# Looked up at once for a batch: some two milliseconds of the loop. A group of single questions is one lookup.
_LOOKUP_ROWS, _TOGETHER = 64, 256
_log = structlog.get_logger()


@dataclass(frozen=True)
class _Way(Generic[T]):
    """How questions are taken through: where heavy ones compute, and what becomes of a prediction there."""

    lane: Lane
    finish: Callable[[Prediction], T]
    clock: LookupClock = field(default_factory=LookupClock)


@dataclass(frozen=True)
class _SingleQuestions:
    """Those to one model. They go together, and only what lookups took counts as their wait."""

    group: MicroBatcher[PendingRequest, Prediction | errors.ProblemError]
    way: _Way[Prediction]


@dataclass(frozen=True)
class Scorer:
    """Everything that an answer needs."""

    settings: Settings
    store: FeatureStore
    models: Models
    log: PredictionLog
    history: History

    _singles: dict[str, _SingleQuestions] = field(default_factory=dict, init=False, repr=False)
    _single_lane: Lane = field(default_factory=partial(Lane, "single"), init=False, repr=False)
    _batch_lane: Lane = field(default_factory=partial(Lane, "batch", _BATCH_NICENESS), init=False, repr=False)
    _batches: list[None] = field(default_factory=list, init=False, repr=False)

    async def one(self, name: str, ask: Ask) -> Prediction:
        """One answer, or the problem as an exception. What is asked meanwhile of the same model goes together."""
        singles = self._singles.get(name) or self._singles.setdefault(name, self._single_questions(name))
        arrived = PendingRequest(ask, time.perf_counter(), singles.way.clock.reading())
        if ask.as_of is None:
            result = await singles.group.ask(arrived)
        else:  # the past takes its time, which others need not wait for
            (result,) = await self._several(name, singles.way, [arrived])
        if isinstance(result, errors.ProblemError):
            raise result
        return result

    async def batch(self, asks: Sequence[tuple[str, Ask]]) -> list[bytes]:
        """Questions to several models: their answers as JSON, in order."""
        if len(self._batches) >= self.settings.most_batches:
            raise errors.busy(f"expected at most {self.settings.most_batches} batches at once")
        self._batches.append(None)
        try:
            return await self._batch(asks)
        finally:
            self._batches.pop()

    async def features_of(
        self, model: Serving, questions: Sequence[Question], clock: LookupClock | None = None
    ) -> features.FeatureLookup:
        """The features for questions that are all about the present, or all about the past."""
        if questions[0].past:
            return await self.history.read(model, questions)
        keys = key_columns(model, questions)
        with clock or LookupClock() as running:
            waited = running.reading() - min(one.lookups_before for one in questions)
            return await features.online(model, keys, questions[0].moment, waited)

    def close(self) -> None:
        """End the threads."""
        for part in (self._single_lane, self._batch_lane, self.history):
            part.close()

    def _single_questions(self, name: str) -> _SingleQuestions:
        way = _Way(self._single_lane, _as_is)
        return _SingleQuestions(MicroBatcher(partial(self._several, name, way)), way)

    async def _batch(self, asks: Sequence[tuple[str, Ask]]) -> list[bytes]:
        began = time.perf_counter()
        by_model: dict[str, list[int]] = defaultdict(list)
        for at, (name, _) in enumerate(asks):
            by_model[name].append(at)
        results: dict[int, bytes | errors.ProblemError] = {}
        for name, places in by_model.items():
            way: _Way[bytes] = _Way(self._batch_lane, orjson.dumps)
            arrived = [PendingRequest(asks[at][1], began) for at in places]
            answers = await self._several(name, way, arrived)
            results |= zip(places, answers, strict=True)
        return [_as_json(results[at]) for at in range(len(asks))]

    async def _several(
        self, name: str, way: _Way[T], arrived: Sequence[PendingRequest]
    ) -> list[T | errors.ProblemError]:
        """Answers of one model, in order, each with its own fault if it has one."""
        now = self.settings.clock()
        try:
            model = self.models.of(name)
        except errors.ProblemError as problem:
            return [problem] * len(arrived)
        results: dict[int, T | errors.ProblemError] = {}
        present: dict[int, Question] = {}
        past: dict[int, Question] = {}
        for at, one in enumerate(arrived):
            question = _checked(one, model, now)
            if isinstance(question, errors.ProblemError):
                results[at] = question
            else:
                (past if question.past else present)[at] = question
        for questions, most in ((present, _LOOKUP_ROWS if len(present) > _TOGETHER else _TOGETHER), (past, len(past))):
            places = list(questions)
            for first in range(0, len(places), most or 1):
                some = places[first : first + most]
                answers = await self._answers(model, way, [questions[at] for at in some])
                results |= zip(some, answers, strict=True)
        return [results[at] for at in range(len(arrived))]

    async def _answers(
        self, model: Serving, way: _Way[T], questions: Sequence[Question]
    ) -> list[T | errors.ProblemError]:
        """From one lookup. What fails for a reason that nobody foresaw is tried by halves, down to the one at fault."""
        try:
            return await self._answers_together(model, way, questions)
        except (OnlineStoreAwayError, OnlineStoreRefusedError) as fault:
            return [errors.of_store(fault)] * len(questions)
        except errors.ProblemError as problem:
            return [problem] * len(questions)
        except Exception:
            if len(questions) == 1:
                _log.exception("a question cannot be answered", model=model.name, version=model.version)
                return [errors.unexpected()]
        half = len(questions) // 2
        return [
            *await self._answers(model, way, questions[:half]),
            *await self._answers(model, way, questions[half:]),
        ]

    async def _answers_together(
        self, model: Serving, way: _Way[T], questions: Sequence[Question]
    ) -> list[T | errors.ProblemError]:
        with timed("lookup"):
            told = await self.features_of(model, questions, way.clock)
        count_lookups(told.found)
        answerable = [at for at, problem in enumerate(told.problems) if problem is None]
        if not answerable:
            return [problem for problem in told.problems if problem]
        predicted = iter(await self._predicted(model, way, [questions[at] for at in answerable], told.take(answerable)))
        return [next(predicted) if problem is None else problem for problem in told.problems]

    async def _predicted(
        self, model: Serving, way: _Way[T], questions: Sequence[Question], told: features.FeatureLookup
    ) -> list[T]:
        """At once if it is light; else in the lane, in pieces, between which others have their turn."""
        if is_light(model, questions):
            return [way.finish(one) for one in predictions_of(model, questions, told, self.log)]
        results: list[T] = []
        for piece in pieces_of(model, questions):
            of_piece = told.take(range(*piece.indices(len(questions))))
            results += await way.lane.run(partial(self._finished, model, way.finish, questions[piece], of_piece))
        return results

    def _finished(
        self,
        model: Serving,
        finish: Callable[[Prediction], T],
        questions: Sequence[Question],
        told: features.FeatureLookup,
    ) -> list[T]:
        return [finish(one) for one in predictions_of(model, questions, told, self.log)]


def _checked(arrived: PendingRequest, model: Serving, now: datetime) -> Question | errors.ProblemError:
    """The question, or what is wrong with it, foreseen or not."""
    try:
        return question_of(arrived, model, now)
    except Exception:
        _log.exception("a question cannot be checked", model=model.name)
        return errors.unexpected()


def _as_is(prediction: Prediction) -> Prediction:
    return prediction


def _as_json(result: bytes | errors.ProblemError) -> bytes:
    return orjson.dumps(result.document()) if isinstance(result, errors.ProblemError) else result
