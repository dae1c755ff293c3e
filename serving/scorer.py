"""The way of a request to its prediction: request -> lookup -> feature matrix -> scores -> prediction -> log.

Each stage takes the value that the one before it returned, and is entered from here alone.
"""

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
from serving import errors
from serving.feature_lookup import FeatureLookup, look_up
from serving.feature_matrix import feature_matrix
from serving.lookup_clock import LookupClock
from serving.metrics import count_lookups, seconds
from serving.micro_batching import MicroBatcher
from serving.models import Models
from serving.past_lookup import PastLookup
from serving.prediction_log import PredictionLog
from serving.predictions import predict
from serving.request_cost import is_light, pieces_of
from serving.request_validation import PendingRequest, RequestGroup, ValidRequest, validated
from serving.schemas import Prediction, PredictionRequest
from serving.scores import score
from serving.serving_model import ServingModel
from serving.settings import Settings
from serving.worker_threads import WorkerThread

T = TypeVar("T")
_BATCH_NICENESS = 5
# Looked up at once for a batch: some two milliseconds of the loop. A micro-batch of single requests is one lookup.
_LOOKUP_ROWS, _MICRO_BATCH_ROWS = 64, 256
_log = structlog.get_logger()


@dataclass(frozen=True)
class Execution(Generic[T]):
    """Where heavy requests compute, what becomes of a prediction there, and what lookups have taken so far."""

    worker: WorkerThread
    finish: Callable[[Prediction], T]
    clock: LookupClock = field(default_factory=LookupClock)


@dataclass(frozen=True)
class _SingleRequests:
    """Those to one model. They go together, and only what lookups took counts as their wait."""

    batcher: MicroBatcher[PendingRequest, Prediction | errors.ProblemError]
    execution: Execution[Prediction]


@dataclass(frozen=True)
class Scorer:
    """Everything that an answer needs."""

    settings: Settings
    store: FeatureStore
    models: Models
    log: PredictionLog
    past: PastLookup

    _singles: dict[str, _SingleRequests] = field(default_factory=dict, init=False, repr=False)
    _single_worker: WorkerThread = field(default_factory=partial(WorkerThread, "single"), init=False, repr=False)
    _batch_worker: WorkerThread = field(
        default_factory=partial(WorkerThread, "batch", _BATCH_NICENESS), init=False, repr=False
    )
    _batches: list[None] = field(default_factory=list, init=False, repr=False)

    async def predict(self, name: str, request: PredictionRequest) -> Prediction:
        """One prediction, or the problem as an exception. What comes meanwhile for the same model goes together."""
        singles = self._singles.get(name) or self._singles.setdefault(name, self._single_requests(name))
        pending = PendingRequest(request, time.perf_counter(), singles.execution.clock.reading())
        if request.as_of is None:
            result = await singles.batcher.submit(pending)
        else:  # the past takes its time, which others need not wait for
            (result,) = await self._predict_all(name, singles.execution, [pending])
        if isinstance(result, errors.ProblemError):
            raise result
        return result

    async def predict_batch(self, requests: Sequence[tuple[str, PredictionRequest]]) -> list[bytes]:
        """Requests to several models: their predictions as JSON, in order."""
        if len(self._batches) >= self.settings.most_batches:
            raise errors.busy(f"expected at most {self.settings.most_batches} batches at once")
        self._batches.append(None)
        try:
            return await self._predict_batch(requests)
        finally:
            self._batches.pop()

    async def look_up(self, group: RequestGroup, clock: LookupClock | None = None) -> FeatureLookup:
        """The features for requests that are all about the present, or all about the past."""
        if group.requests[0].is_past:
            return await self.past.look_up(group)
        with clock or LookupClock() as reading:
            return await look_up(group, reading - min(each.lookups_before for each in group.requests))

    def close(self) -> None:
        """End the threads."""
        for part in (self._single_worker, self._batch_worker, self.past):
            part.close()

    def _single_requests(self, name: str) -> _SingleRequests:
        execution = Execution(self._single_worker, _as_it_is)
        return _SingleRequests(MicroBatcher(partial(self._predict_all, name, execution)), execution)

    async def _predict_batch(self, requests: Sequence[tuple[str, PredictionRequest]]) -> list[bytes]:
        began = time.perf_counter()
        by_model: dict[str, list[int]] = defaultdict(list)
        for place, (name, _) in enumerate(requests):
            by_model[name].append(place)
        results: dict[int, bytes | errors.ProblemError] = {}
        for name, places in by_model.items():
            execution: Execution[bytes] = Execution(self._batch_worker, orjson.dumps)
            pending = [PendingRequest(requests[place][1], began) for place in places]
            predictions = await self._predict_all(name, execution, pending)
            results |= zip(places, predictions, strict=True)
        return [_as_json(results[place]) for place in range(len(requests))]

    async def _predict_all(
        self, name: str, execution: Execution[T], pending: Sequence[PendingRequest]
    ) -> list[T | errors.ProblemError]:
        """Predictions of one model, in order, each request with its own fault if it has one."""
        now = self.settings.clock()
        try:
            model = self.models.of(name)
        except errors.ProblemError as problem:
            return [problem] * len(pending)
        results: dict[int, T | errors.ProblemError] = {}
        present: dict[int, ValidRequest] = {}
        past: dict[int, ValidRequest] = {}
        for place, each in enumerate(pending):
            valid = _validated(each, model, now)
            if isinstance(valid, errors.ProblemError):
                results[place] = valid
            else:
                (past if valid.is_past else present)[place] = valid
        most = _LOOKUP_ROWS if len(present) > _MICRO_BATCH_ROWS else _MICRO_BATCH_ROWS
        for requests, size in ((present, most), (past, len(past) or 1)):
            places = list(requests)
            for first in range(0, len(places), size):
                chunk = places[first : first + size]
                group = RequestGroup(model, [requests[place] for place in chunk])
                predictions = await self._predict_group(group, execution)
                results |= zip(chunk, predictions, strict=True)
        return [results[place] for place in range(len(pending))]

    async def _predict_group(self, group: RequestGroup, execution: Execution[T]) -> list[T | errors.ProblemError]:
        """From one lookup. What fails for an unforeseen reason is tried by halves, down to the request at fault."""
        try:
            return await self._predict_together(group, execution)
        except (OnlineStoreAwayError, OnlineStoreRefusedError) as fault:
            return [errors.of_store(fault)] * len(group.requests)
        except errors.ProblemError as problem:
            return [problem] * len(group.requests)
        except Exception:
            if len(group.requests) == 1:
                _log.exception("a request cannot be answered", model=group.model.name, version=group.model.version)
                return [errors.unexpected()]
        half = len(group.requests) // 2
        return [
            *await self._predict_group(group.take(range(half)), execution),
            *await self._predict_group(group.take(range(half, len(group.requests))), execution),
        ]

    async def _predict_together(self, group: RequestGroup, execution: Execution[T]) -> list[T | errors.ProblemError]:
        with seconds("lookup").time():
            lookup = await self.look_up(group, execution.clock)
        count_lookups(lookup.result)
        answerable = [place for place, problem in enumerate(lookup.problems) if problem is None]
        if not answerable:
            return [problem for problem in lookup.problems if problem]
        results = iter(await self._compute(lookup.take(answerable), execution))
        return [next(results) if problem is None else problem for problem in lookup.problems]

    async def _compute(self, lookup: FeatureLookup, execution: Execution[T]) -> list[T]:
        """At once if it is light; else in the worker, in pieces, between which others have their turn."""
        if len(lookup.problems) == 1 or is_light(lookup.group):
            return self._stages(lookup, execution.finish)
        results: list[T] = []
        for piece in pieces_of(lookup.group):
            results += await execution.worker.run(partial(self._stages, lookup.take(piece), execution.finish))
        return results

    def _stages(self, lookup: FeatureLookup, finish: Callable[[Prediction], T]) -> list[T]:
        """From features to logged predictions: computing alone, on the loop or in any thread."""
        with seconds("on_demand").time():
            matrix = feature_matrix(lookup)
        with seconds("predict").time():
            scored = score(matrix)
        answered = predict(scored)
        self.log.keep_all(answered, lookup.group.model.spec.join_keys)
        return [finish(each.prediction) for each in answered]


def _validated(pending: PendingRequest, model: ServingModel, now: datetime) -> ValidRequest | errors.ProblemError:
    """The valid request, or what is wrong with it, foreseen or not."""
    try:
        return validated(pending, model, now)
    except Exception:
        _log.exception("a request cannot be checked", model=model.name)
        return errors.unexpected()


def _as_it_is(prediction: Prediction) -> Prediction:
    return prediction


def _as_json(result: bytes | errors.ProblemError) -> bytes:
    return orjson.dumps(result.document()) if isinstance(result, errors.ProblemError) else result
