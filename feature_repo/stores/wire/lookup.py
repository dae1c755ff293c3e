"""Read a whole feature service at once: compiled when it is first needed, and again when the registry has changed.

plan = LookupPlan.compile(store, "move_probability_v1")
features = plan.read([{"customer_id": 123}])
inputs = plan.completed(features, {"request_timestamp": [now]})
"""

from __future__ import annotations

import asyncio
import logging
import time
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from itertools import accumulate
from threading import Lock, Thread
from typing import Any, Protocol, runtime_checkable

import numpy as np
from feast import FeatureStore, RepoConfig

from feature_repo.stores.wire.batching import CommandBatch
from feature_repo.stores.wire.compiled import CompiledLookup, Rows
from feature_repo.stores.wire.gather_all import gather_all
from feature_repo.stores.wire.lookup_result import LookupResult
from feature_repo.stores.wire.on_demand import Completion
from feature_repo.stores.wire.resolve import OnDemand, Requested, Resolved, StoredFeature, resolved
from feature_repo.stores.wire.stages import Stage, in_order, request_keys, stages_of
from feature_repo.stores.wire.times import micros_of
from feature_repo.stores.wire.transport import Wire
from feature_repo.stores.wire.transport_async import AsyncWire

# What is asked at once: some milliseconds of Redis's time, in which we take the chunk before apart.
CHUNK_ROWS = 256
CHUNKS_AT_ONCE = 2
_log = logging.getLogger(__name__)


@runtime_checkable
class WireStore(Protocol):
    """A store of Feast's that gives others its way to Redis."""

    def wire(self, config: RepoConfig) -> Wire:
        """For threads."""

    def async_wire(self, config: RepoConfig) -> AsyncWire:
        """For coroutines."""


def wire_store_of(store: FeatureStore) -> WireStore:
    """The online store that a FeatureStore holds, whose connections are shared by all who ask over it."""
    online = store._get_provider().online_store
    if not isinstance(online, WireStore):
        raise TypeError(
            f"expected an online_store that has a wire, as WireRedisOnlineStore has, found {type(online).__name__}"
        )
    return online


@dataclass(frozen=True)
class _Version:
    """What one state of the registry makes of the service."""

    resolved: Resolved
    stages: tuple[Stage, ...]
    completion: Completion


class LookupPlan:
    """The features of a service, ready to be read by any number of threads and event loops.

    The registry is looked at again every `refresh_seconds`, by a thread of its own, while questions go on being
    answered by the last plan. If that look fails the last plan stays, and `refresh_fault` says why. `refresh()` looks
    at once.
    """

    def __init__(
        self, store: FeatureStore, features: Requested, wire: Wire, async_wire: AsyncWire, refresh_seconds: float,
        *, full_names: bool,
    ) -> None:  # fmt: skip
        self._store = store
        self._requested = features
        self._wire = wire
        self._async_wire = async_wire
        self._full_names = full_names
        self._every = refresh_seconds
        self._refreshing = Lock()
        self.refresh_fault: Exception | None = None
        self._version = self._look()
        self._due = time.monotonic() + refresh_seconds

    @classmethod
    def compile(
        cls, store: FeatureStore, features: Requested, *, full_names: bool = False, refresh_seconds: float | None = None
    ) -> LookupPlan:
        """For a service, its name, or references (`view:feature`). Refreshed as often as Feast's registry cache is."""
        online = wire_store_of(store)
        every = store.config.registry.cache_ttl_seconds if refresh_seconds is None else refresh_seconds
        return cls(
            store, features, online.wire(store.config), online.async_wire(store.config), every or float("inf"),
            full_names=full_names,
        )  # fmt: skip

    @property
    def columns(self) -> tuple[str, ...]:
        """What `read` tells, in the service's order."""
        return tuple(feature.column for feature in self._version.resolved.stored)

    @property
    def outputs(self) -> tuple[str, ...]:
        """What `completed` tells: all features of the service in its order, computed ones among them."""
        return self._version.resolved.outputs

    @property
    def join_keys(self) -> tuple[str, ...]:
        """The columns that rows must have."""
        return request_keys(self._version.stages)

    @property
    def stored(self) -> tuple[StoredFeature, ...]:
        """The features that are read, in the service's order."""
        return self._version.resolved.stored

    @property
    def leading(self) -> tuple[StoredFeature, ...]:
        """Those of them that are the key of another view: read first, they lead to it."""
        columns = {column for stage in self._version.stages for column in stage.led_by.values()}
        return tuple(feature for feature in self.stored if feature.column in columns)

    @property
    def on_demand(self) -> tuple[OnDemand, ...]:
        """The views that are computed from the request."""
        return self._version.resolved.on_demand

    @property
    def request_fields(self) -> tuple[str, ...]:
        """What `completed` must be given."""
        return tuple(dict.fromkeys(name for view in self.on_demand for name in view.request))

    def read(self, rows: Rows, *, now: datetime | None = None) -> LookupResult:
        """Look up rows, given as columns or one by one; ages and statuses are those at `now`."""
        version, at = self._current(), _micros(now)
        found = self._read(version.stages[0].compiled, rows, at)
        for stage in version.stages[1:]:
            keys = stage.keys(rows, found)
            found = stage.joined(found, keys, self._read(stage.compiled, keys.columns, at) if len(keys) else None)
        return found if len(version.stages) == 1 else in_order(version.resolved.stored, found)

    async def read_async(self, rows: Rows, *, now: datetime | None = None, waited: float = 0.0) -> LookupResult:
        """The same on an event loop. Of the time for an answer, so many seconds were waited already."""
        version, at = self._current(), _micros(now)
        found = await self._read_async(version.stages[0].compiled, rows, at, waited)
        for stage in version.stages[1:]:
            keys = stage.keys(rows, found)
            more = await self._read_async(stage.compiled, keys.columns, at, waited) if len(keys) else None
            found = stage.joined(found, keys, more)
        return found if len(version.stages) == 1 else in_order(version.resolved.stored, found)

    def _read(self, compiled: CompiledLookup, rows: Rows, at: int) -> LookupResult:
        if _count(rows) <= CHUNK_ROWS:
            request = compiled.key_request(rows)
            return compiled.result(request, self._wire.ask(request.batch), at)
        questions = []

        def batches() -> Iterator[CommandBatch]:
            for chunk in _chunks(rows):
                questions.append(compiled.key_request(chunk))
                yield questions[-1].batch

        replies = self._wire.ask_each(batches())
        return _joined([compiled.result(questions[place], reply, at) for place, reply in enumerate(replies)])

    async def _read_async(self, compiled: CompiledLookup, rows: Rows, at: int, waited: float) -> LookupResult:
        async def read_chunk(chunk: Rows) -> LookupResult:
            request = compiled.key_request(chunk)
            return compiled.result(request, await self._async_wire.ask(request.batch, waited), at)

        if _count(rows) <= CHUNK_ROWS:
            return await read_chunk(rows)
        few = asyncio.Semaphore(CHUNKS_AT_ONCE)

        async def in_turn(chunk: Rows) -> LookupResult:
            async with few:
                return await read_chunk(chunk)

        return _joined(await gather_all(in_turn(chunk) for chunk in _chunks(rows)))

    def completed(self, features: LookupResult, request: Mapping[str, Sequence[Any]]) -> LookupResult:
        """With the on-demand features, by the functions in their definitions; columns as `outputs` has them."""
        return self._version.completion.completed(features, request)

    async def close_async(self) -> None:
        """Close the connections of the running loop."""
        await self._async_wire.close()

    def refresh(self) -> bool:
        """Look at the registry now, and tell whether the service has changed."""
        with self._refreshing:
            return self._refresh()

    def _current(self) -> _Version:
        if time.monotonic() >= self._due and self._refreshing.acquire(blocking=False):
            Thread(target=self._refresh_aside, name="lookup-plan-refresh", daemon=True).start()
        return self._version

    def _refresh_aside(self) -> None:
        try:
            self._refresh()
        except Exception as fault:
            self.refresh_fault = fault
            self._due = time.monotonic() + self._every
            _log.warning("the lookup plan of %s was not refreshed, the last one goes on: %s", self._requested, fault)
        finally:
            self._refreshing.release()

    def _refresh(self) -> bool:
        version = self._look()
        changed = version.resolved != self._version.resolved
        if changed:
            self._version = version
        self.refresh_fault = None
        self._due = time.monotonic() + self._every
        return changed

    def _look(self) -> _Version:
        stored, on_demand = resolved(self._store, self._requested, full_names=self._full_names)
        null = self._store.config.online_store.unwritten_features == "null"
        stages = stages_of(self._store.project, stored, unwritten_is_null=null)
        return _Version(stored, stages, Completion.of(stored, on_demand))


def _count(rows: Rows) -> int:
    return max(map(len, rows.values()), default=0) if isinstance(rows, Mapping) else len(rows)


def _chunks(rows: Rows) -> Iterator[Rows]:
    for start in range(0, _count(rows), CHUNK_ROWS):
        part = slice(start, start + CHUNK_ROWS)
        yield {name: values[part] for name, values in rows.items()} if isinstance(rows, Mapping) else rows[part]


def _joined(parts: list[LookupResult]) -> LookupResult:
    first = parts[0]
    starts = [0, *accumulate(map(len, parts))]
    return LookupResult(
        columns=first.columns,
        numeric=first.numeric,
        numbers=np.concatenate([part.numbers for part in parts]),
        objects={name: np.concatenate([part.objects[name] for part in parts]) for name in first.objects},
        views=first.views,
        times=np.concatenate([part.times for part in parts]),
        states=np.concatenate([part.states for part in parts]),
        asked_at=first.asked_at,
        corrupt=tuple(
            replace(corruption, row=start + corruption.row)
            for start, part in zip(starts, parts, strict=False)
            for corruption in part.corrupt
        ),
    )


def _micros(now: datetime | None) -> int:
    return time.time_ns() // 1000 if now is None else micros_of(now)
