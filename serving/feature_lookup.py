"""Valid requests -> features: looked up online, and judged by the model's policy for values that are old or missing."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace

import numpy as np
import numpy.typing as npt

from feature_repo.stores.wire.lookup_result import Floats, LookupResult, Status
from feature_repo.stores.wire.times import datetime_of
from serving import errors
from serving.request_validation import RequestGroup
from serving.serving_model import ServingModel
from serving.staleness import stale
from training.unknown_keys import unknown_keys

_SKEW = 60_000_000
"""Microseconds by which the clocks of two machines may differ, and nothing is wrong."""
_STALE = int(Status.STALE)  # NumPy takes ten times as long over an enumeration's
Objects = Mapping[str, npt.NDArray[np.object_]]
KeyColumns = Mapping[str, Sequence[int | str]]


@dataclass(frozen=True)
class FeatureLookup:
    """The stored features of requests, a row each, and what is wrong with them."""

    group: RequestGroup
    result: LookupResult
    degraded: tuple[tuple[str, ...], ...]
    problems: tuple[errors.ProblemError | None, ...]

    def take(self, rows: Sequence[int]) -> FeatureLookup:
        """Some rows, in their order."""
        if len(rows) == len(self.problems):
            return self
        degraded, problems = tuple(self.degraded[row] for row in rows), tuple(self.problems[row] for row in rows)
        return FeatureLookup(self.group.take(rows), self.result.take(rows), degraded, problems)


async def look_up(group: RequestGroup, waited: float = 0.0) -> FeatureLookup:
    """The newest values; so many seconds of the time for the lookup were waited already."""
    result = await group.model.plan.read_async(group.key_columns(), now=group.requests[0].moment, waited=waited)
    return _without_future(judged(group, result))


def judged(group: RequestGroup, result: LookupResult, moments: npt.NDArray[np.int64] | None = None) -> FeatureLookup:
    """Values that are too old or missing, met as the model's card says. `moments` if the rows stand at several."""
    count = len(result)
    if result.states.max() < _STALE:
        return FeatureLookup(group, result, ((),) * count, (None,) * count)
    numbers, objects = result.numbers.copy(), {name: values.copy() for name, values in result.objects.items()}
    model, keys = group.model, group.key_columns()
    degraded: list[tuple[str, ...]] = [()] * count
    problems: list[errors.ProblemError | None] = [None] * count
    for row in np.flatnonzero((result.states >= _STALE).any(axis=1)).tolist():
        if (result.states[row] == Status.NOT_FOUND).all():
            problems[row] = errors.unseen({name: str(column[row]) for name, column in keys.items()})
            continue
        notes: list[str] = []
        refused: dict[str, str] = {}
        for view, state in zip(result.views, result.states[row].tolist(), strict=True):
            if state < _STALE:
                continue
            if state == Status.CORRUPT:
                reason = next(each.reason for each in result.corrupt if (each.row, each.view) == (row, view))
                problems[row] = errors.corrupt(f"{view} of {_entity(keys, row)}: {reason}")
                break
            moment = result.asked_at if moments is None else int(moments[row])
            age = (moment - int(result.event_times[view][row])) / 1e6 if state == Status.STALE else None
            rule = model.artifact.card.when_missing.get(view, {"policy": "fail"})
            description = f"{view}: missing" if age is None else stale(view, age, is_present=moments is None)
            if rule["policy"] == "last_known" and age is not None and age <= rule["up_to_seconds"]:
                notes.append(f"{description}, used as last known")
            elif rule["policy"] == "default":
                notes.append(f"{description}, taken as unknown")
                _forget(view, row, model, result.numeric, numbers, objects)
            else:
                refused[view] = description
        degraded[row] = tuple(notes)
        if refused and problems[row] is None:
            problems[row] = _refusal(model, result, keys, row, refused)
    return FeatureLookup(group, replace(result, numbers=numbers, objects=objects), tuple(degraded), tuple(problems))


def _without_future(lookup: FeatureLookup) -> FeatureLookup:
    """Values from after the clock are refused: no answer of that moment could have rested on them."""
    result = lookup.result
    if result.times.max() <= result.asked_at + _SKEW:
        return lookup
    problems = list(lookup.problems)
    for row in np.flatnonzero((result.times > result.asked_at + _SKEW).any(axis=1)).tolist():
        view = result.views[int(result.times[row].argmax())]
        stood, clock = datetime_of(int(result.times[row].max())), datetime_of(result.asked_at)
        problems[row] = problems[row] or errors.away(
            f"{view}: its values are of {stood.isoformat()}, after the scorer's clock, {clock.isoformat()}. "
            "Set the clock right, or TIDEMARK_NOW; the past is asked about with as_of.",
            60,
        )
    return replace(lookup, problems=tuple(problems))


def _refusal(
    model: ServingModel, result: LookupResult, keys: KeyColumns, row: int, refused: Mapping[str, str]
) -> errors.ProblemError:
    """Why the model does not answer for a row: a key that nobody knows, or views that may have values again later."""
    states = result.states[row].tolist()
    missing = [view for view, state in zip(result.views, states, strict=True) if state == Status.NOT_FOUND]
    if unknown := unknown_keys(model.spec.join_keys, model.keys_of_views, missing, refused):
        return errors.unseen({name: str(keys[name][row]) for name in unknown}, of_several=len(keys) > 1)
    return errors.away(f"{'; '.join(refused.values())}, and {model.name} does not answer from that", 60)


def _entity(keys: KeyColumns, row: int) -> str:
    return ", ".join(f"{name} {column[row]}" for name, column in keys.items())


def _forget(
    view: str, row: int, model: ServingModel, numeric: Sequence[str], numbers: Floats, objects: Objects
) -> None:
    """Take a view's values as unknown."""
    for each in model.features.values():
        if each.view == view and each.name in numeric:
            numbers[row, numeric.index(each.name)] = np.nan
        elif each.view == view and each.name in objects:
            objects[each.name][row] = None
