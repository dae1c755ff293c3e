"""A lookup made ready: the command's fixed bytes for each entity, and what stands where in the replies."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import cached_property
from itertools import islice
from typing import Any

import numpy as np
import numpy.typing as npt
from feast.feature_view import DUMMY_ENTITY_ID, DUMMY_ENTITY_VAL

from feature_repo.stores.wire.batching import CommandBatch
from feature_repo.stores.wire.decode import python_value
from feature_repo.stores.wire.diagnosis import NO_HASH, mended
from feature_repo.stores.wire.entity_lookup import EntityLookup, Reply, micros_of_stored, read_many
from feature_repo.stores.wire.errors import CorruptValueError
from feature_repo.stores.wire.lookup_result import (
    Corruption,
    LookupResult,
    Status,
    object_column,
    state_of,
    states_of,
)
from feature_repo.stores.wire.resolve import Resolved, StoredFeature, StoredView

# Up to so many replies are taken apart in Python, more by NumPy.
FEW_REPLIES = 12

_Read = tuple[npt.NDArray[np.float64], npt.NDArray[np.int64], npt.NDArray[np.int8]]
Rows = Mapping[str, Sequence[Any]] | Sequence[Mapping[str, Any]]


@dataclass(frozen=True)
class KeyRequest:
    """The rows of one question: each entity once, and which of them each row is."""

    batch: CommandBatch
    counts: tuple[int, ...]
    places: tuple[list[int] | None, ...]
    rows: int


@dataclass(frozen=True)
class CompiledLookup:
    """Everything that does not depend on the rows."""

    resolved: Resolved
    lookups: tuple[EntityLookup, ...]

    @classmethod
    def of(
        cls, project: str, resolved: Resolved, *, unwritten_is_null: bool = False, exact: frozenset[str] = frozenset()
    ) -> CompiledLookup:
        """Group the features by entity. Columns that are `exact` are read as objects: a float cannot hold each key."""
        groups: dict[tuple[object, ...], list[StoredFeature]] = defaultdict(list)
        for feature in resolved.stored:
            groups[feature.view.join_keys, feature.view.asked_by].append(feature)
        lookups = (
            EntityLookup.of(project, group, unwritten_is_null=unwritten_is_null, exact=exact)
            for group in groups.values()
        )
        return cls(resolved, tuple(lookups))

    @cached_property
    def columns(self) -> tuple[str, ...]:
        """What is read, in the service's order; what only on-demand views need comes last."""
        return tuple(feature.column for feature in self.resolved.stored)

    @cached_property
    def views(self) -> tuple[str, ...]:
        """The views that are read."""
        return tuple(view.name for view in self._views)

    @cached_property
    def join_keys(self) -> tuple[str, ...]:
        """The columns that rows must have."""
        names = (name for lookup in self.lookups for name in lookup.asked_by if name != DUMMY_ENTITY_ID)
        return tuple(dict.fromkeys(names))

    @cached_property
    def numeric(self) -> tuple[str, ...]:
        """The columns that are read as numbers."""
        read = {feature.column for lookup in self.lookups for feature in lookup.numbers}
        return tuple(name for name in self.columns if name in read)

    @cached_property
    def _order(self) -> list[int]:
        read = [feature.column for lookup in self.lookups for feature in lookup.numbers]
        return [read.index(name) for name in self.numeric]

    @cached_property
    def _views(self) -> tuple[StoredView, ...]:
        return tuple(view for lookup in self.lookups for view in lookup.views)

    def key_request(self, rows: Rows) -> KeyRequest:
        """The commands for some rows."""
        columns = self._key_columns(rows)
        commands: list[bytes] = []
        keys: list[bytes] = []
        counts: list[int] = []
        places: list[list[int] | None] = []
        for lookup in self.lookups:
            mine = lookup.layout.of_values([columns[name] for name in lookup.asked_by])
            once = dict.fromkeys(mine)
            if len(once) < len(mine):
                at = {key: place for place, key in enumerate(once)}
                places.append([at[key] for key in mine])
                mine = list(once)
            else:
                places.append(None)
            commands += lookup.commands(mine)
            keys += mine
            counts.append(len(mine))
        return KeyRequest(
            CommandBatch(commands, keys, by_key=True), tuple(counts), tuple(places), len(columns[DUMMY_ENTITY_ID])
        )

    def result(self, request: KeyRequest, replies: Sequence[Reply], now: int) -> LookupResult:
        """What the replies say."""
        try:
            if len(replies) <= FEW_REPLIES:
                self._check(request, replies)
            elif set(map(type, replies)) - {list}:
                raise CorruptValueError(NO_HASH)
            return self._result(request, replies, now)
        except CorruptValueError:
            sound, corrupt = self.diagnosed(request, replies)
            if not corrupt:
                raise
            lookup_result = self._result(request, sound, now)
            for corruption in corrupt:
                lookup_result.states[corruption.row, self.views.index(corruption.view)] = Status.CORRUPT
            return replace(lookup_result, corrupt=corrupt)

    def diagnosed(self, request: KeyRequest, replies: Sequence[Reply]) -> tuple[list[Reply], tuple[Corruption, ...]]:
        """The replies without the views that are corrupt, and of each row what was."""
        sound: list[Reply] = []
        corrupt: list[Corruption] = []
        for lookup, count, places in zip(self.lookups, request.counts, request.places, strict=True):
            first = len(sound)
            better, reasons = mended(lookup, replies[first : first + count])
            sound += better
            for row, number in enumerate(range(request.rows) if places is None else places):
                for view, at in enumerate(lookup.views):
                    if reason := reasons.get((number, view)):
                        corrupt.append(Corruption(row, at.name, reason))
        return sound, tuple(corrupt)

    def _check(self, request: KeyRequest, replies: Sequence[Reply]) -> None:
        """Raise if a few replies are not whole; `read_many` does it for many."""
        try:
            list(map(b"".join, replies))  # type: ignore[arg-type]  # refuses None, and what is no list, at no cost
        except TypeError:
            remaining = iter(replies)
            for lookup, count in zip(self.lookups, request.counts, strict=True):
                for reply in islice(remaining, count):
                    if not isinstance(reply, list):
                        raise CorruptValueError(NO_HASH) from None
                    lookup.check(reply)

    def _result(self, request: KeyRequest, replies: Sequence[Reply], now: int) -> LookupResult:
        mine = list(by_lookup(request, replies))
        objects = {
            feature.column: object_column([python_value(reply[place], feature.kind, feature.feature) for reply in part])
            for lookup, part in zip(self.lookups, mine, strict=True)
            for place, feature in lookup.other_places
        }
        if not mine:
            # a service of on-demand views alone
            numbers, times, states = (
                np.empty((request.rows, 0)),
                np.empty((request.rows, 0), np.int64),
                np.empty((request.rows, 0), np.int8),
            )
        elif 0 < len(replies) <= FEW_REPLIES:
            numbers, times, states = self._read_few(mine, now)
        else:
            numbers, times, states = self._read_many(mine, now)
        return LookupResult(self.columns, self.numeric, numbers, objects, self.views, times, states, now)

    def _read_many(self, replies: Sequence[Sequence[Reply]], now: int) -> _Read:
        parts = [read_many(lookup, mine) for lookup, mine in zip(self.lookups, replies, strict=True)]
        numbers, times, filled = (np.concatenate(part, axis=1) for part in zip(*parts, strict=True))
        ttls = np.array([view.ttl_micros for view in self._views], np.int64)
        return numbers.take(self._order, axis=1), times, states_of(times, filled, ttls, now)

    def _read_few(self, replies: Sequence[Sequence[Reply]], now: int) -> _Read:
        """In Python: for few rows, calling NumPy takes longer than the work."""
        numbers, times, states = [], [], []
        for row in zip(*replies, strict=True):
            values: list[float] = []
            moments: list[int] = []
            filled: list[bool] = []
            for lookup, reply in zip(self.lookups, row, strict=True):
                values += lookup.number_columns.read_few(reply)
                moments += map(micros_of_stored, reply[: len(lookup.views)])
                filled += [any(map(reply.__getitem__, places)) for places in lookup.places]
            numbers.append([values[place] for place in self._order])
            times.append(moments)
            judged = zip(moments, filled, self._views, strict=True)
            states.append([state_of(moment, some, view.ttl_micros, now) for moment, some, view in judged])
        return np.array(numbers, np.float64), np.array(times, np.int64), np.array(states, np.int8)

    def _key_columns(self, rows: Rows) -> Mapping[str, Sequence[Any]]:
        names = self.join_keys
        if isinstance(rows, Mapping):
            if missing := [name for name in names if name not in rows]:
                raise KeyError(f"expected the join keys {', '.join(names)}, found none called {', '.join(missing)}")
            columns = {name: _listed(rows[name]) for name in names}
            count = len(next(iter(rows.values()), ()))
            if uneven := [name for name in names if len(columns[name]) != count]:
                raise ValueError(f"expected columns of one length, {count}, found another in {', '.join(uneven)}")
        else:
            try:
                columns = {name: [row[name] for row in rows] for name in names}
            except KeyError as missing:
                raise KeyError(f"expected {', '.join(names)} in each row, found one without {missing}") from None
            count = len(rows)
        return {**columns, DUMMY_ENTITY_ID: [DUMMY_ENTITY_VAL] * count}


def _listed(values: Sequence[Any]) -> Sequence[Any]:
    return values.tolist() if isinstance(values, np.ndarray) else values


def by_lookup(request: KeyRequest, replies: Sequence[Reply]) -> Iterator[Sequence[Reply]]:
    """Each lookup's replies, one for each row."""
    first = 0
    for count, places in zip(request.counts, request.places, strict=True):
        mine = replies[first : first + count]
        first += count
        yield mine if places is None else [mine[place] for place in places]
