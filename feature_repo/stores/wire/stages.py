"""Views whose key is a feature of another view: what is read first, and what its values lead to.

A home's region leads to the market of that region: the key is read with the home's own views, and the market in a
second step, once for each region that occurs.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from itertools import chain
from typing import Any

import numpy as np
import numpy.typing as npt

from feature_repo.stores.wire.compiled import CompiledLookup, Rows
from feature_repo.stores.wire.lookup_result import LookupResult, Status
from feature_repo.stores.wire.resolve import Resolved, StoredFeature
from feature_repo.stores.wire.times import ABSENT


@dataclass(frozen=True)
class Stage:
    """One step of a lookup."""

    compiled: CompiledLookup
    led_by: Mapping[str, str]
    """The keys that earlier steps have read, each with the column that holds it; none in the first step."""

    def keys(self, rows: Rows, found: LookupResult) -> LedKeys:
        """The distinct keys that are to be looked up, and which of them each row leads to."""
        columns = [
            found.objects[self.led_by[name]].tolist() if name in self.led_by else _column(rows, name)
            for name in self.compiled.join_keys
        ]
        of_rows = list(zip(*columns, strict=True))
        distinct = {key: place for place, key in enumerate(dict.fromkeys(key for key in of_rows if None not in key))}
        names = self.compiled.join_keys
        return LedKeys(
            {name: [key[place] for key in distinct] for place, name in enumerate(names)},
            np.array([distinct.get(key, len(distinct)) for key in of_rows], np.int64),
        )

    def joined(self, before: LookupResult, keys: LedKeys, found: LookupResult | None) -> LookupResult:
        """What was read before with what it led to, a row each."""
        absent = self._absent(before.asked_at)
        more = (absent if found is None else _stacked(found, absent)).take(keys.places)
        return LookupResult(
            columns=(*before.columns, *more.columns),
            numeric=(*before.numeric, *more.numeric),
            numbers=np.hstack([before.numbers, more.numbers]),
            objects={**before.objects, **more.objects},
            views=(*before.views, *more.views),
            times=np.hstack([before.times, more.times]),
            states=np.hstack([before.states, more.states]),
            asked_at=before.asked_at,
            corrupt=(*before.corrupt, *more.corrupt),
        )

    def _absent(self, asked_at: int) -> LookupResult:
        """The row of a key that is not known."""
        columns, numeric, views = self.compiled.columns, self.compiled.numeric, self.compiled.views
        return LookupResult(
            columns=columns,
            numeric=numeric,
            numbers=np.full((1, len(numeric)), np.nan),
            objects={name: np.array([None], object) for name in columns if name not in numeric},
            views=views,
            times=np.full((1, len(views)), ABSENT, np.int64),
            states=np.full((1, len(views)), int(Status.NOT_FOUND), np.int8),
            asked_at=asked_at,
        )


@dataclass(frozen=True)
class LedKeys:
    """Keys to look up, as columns, and for each row the place of its key; beyond the last where it has none."""

    columns: Mapping[str, list[Any]]
    places: npt.NDArray[np.int64]

    def __len__(self) -> int:
        return len(next(iter(self.columns.values())))


def stages_of(project: str, resolved: Resolved, *, unwritten_is_null: bool) -> tuple[Stage, ...]:
    """The steps in which the features are read: each view as soon as its keys are known."""
    columns = {feature.feature: feature.column for feature in resolved.stored}
    leading = frozenset(chain.from_iterable(feature.view.asked_by for feature in resolved.stored)) & {*columns}
    known: set[str] = set()
    waiting, stages = list(resolved.stored), []
    while waiting:
        ready = [one for one in waiting if leading & {*one.view.asked_by} <= known]
        if not ready:
            views = ", ".join(sorted({one.view.name for one in waiting}))
            raise ValueError(f"the keys of {views} are features of one another: expected one that a request gives")
        compiled = CompiledLookup.of(
            project, replace(resolved, stored=tuple(ready)), unwritten_is_null=unwritten_is_null,
            exact=frozenset(columns[name] for name in leading),
        )  # fmt: skip
        stages.append(Stage(compiled, {name: columns[name] for name in leading if name in compiled.join_keys}))
        waiting = [one for one in waiting if one not in ready]
        known |= {one.feature for one in ready}
    return tuple(stages) or (Stage(CompiledLookup.of(project, resolved, unwritten_is_null=unwritten_is_null), {}),)


def request_keys(stages: Sequence[Stage]) -> tuple[str, ...]:
    """The join keys that a request must give."""
    names = (name for stage in stages for name in stage.compiled.join_keys if name not in stage.led_by)
    return tuple(dict.fromkeys(names))


def in_order(features: Sequence[StoredFeature], found: LookupResult) -> LookupResult:
    """With the columns in the service's order."""
    return replace(found, columns=tuple(feature.column for feature in features))


def _stacked(first: LookupResult, last: LookupResult) -> LookupResult:
    return replace(
        first,
        numbers=np.concatenate([first.numbers, last.numbers]),
        objects={name: np.concatenate([first.objects[name], last.objects[name]]) for name in first.objects},
        times=np.concatenate([first.times, last.times]),
        states=np.concatenate([first.states, last.states]),
    )


def _column(rows: Rows, name: str) -> Sequence[Any]:
    return rows[name] if isinstance(rows, Mapping) else [row[name] for row in rows]
