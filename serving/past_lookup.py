"""Features as they stood in the past, within a budget of their own: one read at a time, for all who wait meanwhile.

A read opens hundreds of files whether it is for one row or for a thousand, and takes hundreds of megabytes: many at
once would take the machine, and one after another would take minutes.
"""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from datetime import UTC, timedelta
from functools import partial

import numpy as np
import numpy.typing as npt
import pyarrow as pa
from feast import FeatureStore

from feature_repo.entities import is_text
from feature_repo.stores.wire.lookup_result import LookupResult, Status
from feature_repo.stores.wire.times import ABSENT, micros_of
from serving import errors
from serving.feature_lookup import FeatureLookup, judged
from serving.memory import release_freed
from serving.micro_batching import MicroBatcher
from serving.request_validation import RequestGroup
from serving.serving_model import ServingModel
from serving.worker_threads import WorkerThread
from training import past
from training.leakage import times_of
from training.policy import WhenMissing

_NICENESS = 10
_MICROSECOND = timedelta(microseconds=1)


class PastLookup:
    """Reads the offline store. More than `most_rows` at once are refused, and so is what takes over `seconds`."""

    def __init__(self, store: FeatureStore, most_rows: int, seconds: float) -> None:
        self._store, self._most_rows, self._seconds = store, most_rows, seconds
        self._worker = WorkerThread("past", _NICENESS)
        self._waiting_rows = 0
        self._batchers: dict[str, tuple[ServingModel, MicroBatcher[RequestGroup, FeatureLookup]]] = {}

    async def look_up(self, group: RequestGroup) -> FeatureLookup:
        """The features of each request at its moment."""
        count = len(group.requests)
        if self._waiting_rows + count > self._most_rows:
            raise errors.busy(f"over {self._most_rows:,} requests about the past wait for an answer")
        self._waiting_rows += count
        try:
            async with asyncio.timeout(self._seconds):
                return await self._batcher(group.model).submit(group)
        except TimeoutError:
            raise errors.away(
                f"as_of: the past could not be read within {self._seconds:g} s; send fewer requests at once", 5
            ) from None
        finally:
            self._waiting_rows -= count

    def close(self) -> None:
        """End the reading."""
        self._worker.close()

    def _batcher(self, model: ServingModel) -> MicroBatcher[RequestGroup, FeatureLookup]:
        """The groups that wait for one version of a model; a new version begins with a batcher of its own."""
        known = self._batchers.get(model.name)
        if known is None or known[0] is not model:
            known = self._batchers[model.name] = (model, MicroBatcher(partial(self._read_groups, model)))
        return known[1]

    async def _read_groups(self, model: ServingModel, groups: Sequence[RequestGroup]) -> list[FeatureLookup]:
        whole = RequestGroup(model, [request for group in groups for request in group.requests])
        lookup = await self._worker.run(partial(self._read, whole))
        ends = np.cumsum([len(group.requests) for group in groups]).tolist()
        return [lookup.take(range(first, end)) for first, end in zip([0, *ends], ends, strict=False)]

    def _read(self, group: RequestGroup) -> FeatureLookup:
        try:
            return read_past(self._store, group)
        finally:
            release_freed()


def read_past(store: FeatureStore, group: RequestGroup) -> FeatureLookup:
    """What was known at the moments of the requests, by the very lookup that makes training sets."""
    model, keys = group.model, group.key_columns()
    stored, moments = model.plan.stored, [each.moment.astimezone(UTC) for each in group.requests]
    views = [
        store.registry.get_feature_view(view, store.project, allow_cache=True)[
            [each.feature for each in stored if each.view.name == view]
        ]
        for view in model.stored_views
    ]
    policy = {view: WhenMissing.of(rule) for view, rule in model.artifact.card.when_missing.items()}
    rows = pa.table(
        {
            **{
                entity.join_key: pa.array(keys[entity.join_key], pa.string() if is_text(entity) else pa.int64())
                for entity in model.spec.keys
            },
            "event_timestamp": pa.array(moments, pa.timestamp("us", "UTC")),
        }
    )
    features = past.lookup(store, views, rows, policy, with_ages=True)
    times = _times(features, model.stored_views)
    columns = {each.column: features[each.feature] for each in stored}
    leading = {each.column for each in model.plan.leading}
    numeric = tuple(name for name in columns if name not in leading and not pa.types.is_string(columns[name].type))
    asked_at = np.array([micros_of(moment) for moment in moments])
    ttl = np.array([view.ttl / _MICROSECOND if view.ttl else np.inf for view in views])
    stale = asked_at[:, None] - times > ttl
    result = LookupResult(
        columns=tuple(columns),
        numeric=numeric,
        numbers=np.stack([columns[name].cast(pa.float64()).to_numpy() for name in numeric], axis=1),
        objects={name: np.array(columns[name].to_pylist(), object) for name in columns if name not in numeric},
        views=model.stored_views,
        times=times,
        states=np.where(times == ABSENT, Status.NOT_FOUND, np.where(stale, Status.STALE, Status.PRESENT)).astype(
            np.int8
        ),
        asked_at=int(asked_at[0]),
    )
    return judged(group, result, asked_at)


def _times(features: pa.Table, views: Sequence[str]) -> npt.NDArray[np.int64]:
    """When each view's values stood, in microseconds; ABSENT where there are none."""
    return np.stack(
        [
            features[times_of(view)[0]].cast(pa.timestamp("us", "UTC")).cast(pa.int64()).fill_null(ABSENT).to_numpy()
            for view in views
        ],
        axis=1,
    )
