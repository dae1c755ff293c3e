"""What a model is told of an entity: from the online store, or as it stood at a moment in the past."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta

import numpy as np
import numpy.typing as npt
import pyarrow as pa
from feast import FeatureStore

from feature_repo.entities import is_text
from feature_repo.stores.wire.lookup_result import Floats, LookupResult, Status
from feature_repo.stores.wire.times import ABSENT, datetime_of, micros_of
from serving import errors
from serving.models import Serving
from serving.questions import Question
from serving.staleness import stale
from training import past
from training.leakage import times_of
from training.policy import WhenMissing
from training.unknown_keys import unknown_keys

MICROSECOND = timedelta(microseconds=1)
_SKEW = 60_000_000
"""Microseconds by which the clocks of two machines may differ, and nothing is wrong."""
_STALE = int(Status.STALE)  # NumPy takes ten times as long over an enumeration's
Objects = Mapping[str, npt.NDArray[np.object_]]
KeyColumns = Mapping[str, Sequence[int | str]]


@dataclass(frozen=True)
class FeatureLookup:
    """Stored features, a row for each entity, and what was wrong with them."""

    found: LookupResult
    degraded: tuple[tuple[str, ...], ...]
    problems: tuple[errors.ProblemError | None, ...]

    def take(self, rows: Sequence[int]) -> FeatureLookup:
        """Some rows, in their order."""
        if len(rows) == len(self.problems):
            return self
        degraded = tuple(self.degraded[row] for row in rows)
        return FeatureLookup(self.found.take(rows), degraded, tuple(self.problems[row] for row in rows))


async def online(model: Serving, keys: KeyColumns, now: datetime, waited: float = 0.0) -> FeatureLookup:
    """The newest values, judged by the model's policy for values that are old or missing."""
    found = await model.plan.read_async(keys, now=now, waited=waited)
    return _without_the_future(judged(model, found, keys))


def _without_the_future(features: FeatureLookup) -> FeatureLookup:
    """Values from after the clock are refused: no answer of that moment could have rested on them."""
    lookup = features.found
    if lookup.times.max() <= lookup.asked_at + _SKEW:
        return features
    problems = list(features.problems)
    for row in np.flatnonzero((lookup.times > lookup.asked_at + _SKEW).any(axis=1)).tolist():
        view = lookup.views[int(lookup.times[row].argmax())]
        stood, clock = datetime_of(int(lookup.times[row].max())), datetime_of(lookup.asked_at)
        problems[row] = problems[row] or errors.away(
            f"{view}: its values are of {stood.isoformat()}, after the scorer's clock, {clock.isoformat()}. "
            "Set the clock right, or TIDEMARK_NOW; the past is asked about with as_of.",
            60,
        )
    return replace(features, problems=tuple(problems))


def offline(store: FeatureStore, model: Serving, keys: KeyColumns, moments: Sequence[datetime]) -> FeatureLookup:
    """What was known at those moments, by the very lookup that makes training sets."""
    card, stored = model.artifact.card, model.plan.stored
    views = [
        store.registry.get_feature_view(view, store.project, allow_cache=True)[
            [each.feature for each in stored if each.view.name == view]
        ]
        for view in model.stored_views
    ]
    policy = {view: WhenMissing.of(rule) for view, rule in card.when_missing.items()}
    rows = pa.table(
        {
            **{
                entity.join_key: pa.array(keys[entity.join_key], pa.string() if is_text(entity) else pa.int64())
                for entity in model.spec.keys
            },
            "event_timestamp": pa.array([moment.astimezone(UTC) for moment in moments], pa.timestamp("us", "UTC")),
        }
    )
    answer = past.lookup(store, views, rows, policy, with_ages=True)
    times = _times(answer, model.stored_views)
    told = {each.column: answer[each.feature] for each in stored}
    leading = {each.column for each in model.plan.leading}
    numeric = tuple(name for name in told if name not in leading and not pa.types.is_string(told[name].type))
    asked_at = np.array([micros_of(moment) for moment in moments])
    ttl = np.array([view.ttl / MICROSECOND if view.ttl else np.inf for view in views])
    found = LookupResult(
        columns=tuple(told),
        numeric=numeric,
        numbers=np.stack([told[name].cast(pa.float64()).to_numpy() for name in numeric], axis=1),
        objects={name: np.array(told[name].to_pylist(), object) for name in told if name not in numeric},
        views=model.stored_views,
        times=times,
        states=np.where(
            times == ABSENT, Status.NOT_FOUND, np.where(asked_at[:, None] - times > ttl, _STALE, Status.PRESENT)
        ).astype(np.int8),
        asked_at=int(asked_at[0]),
    )
    return judged(model, found, keys, asked_at)


def _times(answer: pa.Table, views: Sequence[str]) -> npt.NDArray[np.int64]:
    """When each view's values stood, in microseconds; ABSENT where there are none."""
    return np.stack(
        [
            answer[times_of(view)[0]].cast(pa.timestamp("us", "UTC")).cast(pa.int64()).fill_null(ABSENT).to_numpy()
            for view in views
        ],
        axis=1,
    )


def judged(
    model: Serving, found: LookupResult, keys: KeyColumns, moments: npt.NDArray[np.int64] | None = None
) -> FeatureLookup:
    """Values that are too old or missing, met as the model's card says. `moments` if the rows stand at several."""
    if found.states.max() < _STALE:
        return FeatureLookup(found, ((),) * len(found), (None,) * len(found))
    numbers, objects = found.numbers.copy(), {name: values.copy() for name, values in found.objects.items()}
    degraded: list[tuple[str, ...]] = [()] * len(found)
    problems: list[errors.ProblemError | None] = [None] * len(found)
    for row in np.flatnonzero((found.states >= _STALE).any(axis=1)).tolist():
        if (found.states[row] == Status.NOT_FOUND).all():
            problems[row] = errors.unseen({name: str(column[row]) for name, column in keys.items()})
            continue
        notes: list[str] = []
        refused: dict[str, str] = {}
        for view, state in zip(found.views, found.states[row].tolist(), strict=True):
            if state < _STALE:
                continue
            if state == Status.CORRUPT:
                reason = next(one.reason for one in found.corrupt if (one.row, one.view) == (row, view))
                problems[row] = errors.corrupt(f"{view} of {_entity(keys, row)}: {reason}")
                break
            moment = found.asked_at if moments is None else int(moments[row])
            age = (moment - int(found.event_times[view][row])) / 1e6 if state == Status.STALE else None
            rule = model.artifact.card.when_missing.get(view, {"policy": "fail"})
            what = f"{view}: missing" if age is None else stale(view, age, is_present=moments is None)
            if rule["policy"] == "last_known" and age is not None and age <= rule["up_to_seconds"]:
                notes.append(f"{what}, used as last known")
            elif rule["policy"] == "default":
                notes.append(f"{what}, taken as unknown")
                _forget(view, row, model, found.numeric, numbers, objects)
            else:
                refused[view] = what
        degraded[row] = tuple(notes)
        if refused and problems[row] is None:
            problems[row] = _refusal(model, found, keys, row, refused)
    return FeatureLookup(replace(found, numbers=numbers, objects=objects), tuple(degraded), tuple(problems))


def _refusal(
    model: Serving, found: LookupResult, keys: KeyColumns, row: int, refused: Mapping[str, str]
) -> errors.ProblemError:
    """Why the model does not answer for a row: a key that nobody knows, or views that may have values again later."""
    states = found.states[row].tolist()
    missing = [view for view, state in zip(found.views, states, strict=True) if state == Status.NOT_FOUND]
    if unknown := unknown_keys(model.spec.join_keys, model.keys_of_views, missing, refused):
        return errors.unseen({name: str(keys[name][row]) for name in unknown}, of_several=len(keys) > 1)
    return errors.away(f"{'; '.join(refused.values())}, and {model.name} does not answer from that", 60)


def _entity(keys: KeyColumns, row: int) -> str:
    return ", ".join(f"{name} {column[row]}" for name, column in keys.items())


def completed(
    model: Serving, found: LookupResult, questions: Sequence[Question], moments: Sequence[Sequence[datetime]]
) -> LookupResult:
    """A row for each moment: with what is computed from it, by the functions that training ran, and what if it says."""
    each = len(moments[0])
    whole = found if each == 1 else found.take(np.repeat(np.arange(len(found)), each))
    whole = model.plan.completed(whole, {"request_timestamp": [one for those in moments for one in those]})
    if not any(one.ask.features for one in questions):
        return whole
    numbers, objects = whole.numbers.copy(), {name: values.copy() for name, values in whole.objects.items()}
    for place, question in enumerate(questions):
        rows = slice(place * each, (place + 1) * each)
        for name, value in (question.ask.features or {}).items():
            if name in objects:
                objects[name][rows] = value
            else:
                numbers[rows, whole.numeric.index(name)] = np.nan if value is None else value
    return replace(whole, numbers=numbers, objects=objects)


def _forget(view: str, row: int, model: Serving, numeric: Sequence[str], numbers: Floats, objects: Objects) -> None:
    """Take a view's values as unknown."""
    for one in model.features.values():
        if one.view == view and one.name in numeric:
            numbers[row, numeric.index(one.name)] = np.nan
        elif one.view == view and one.name in objects:
            objects[one.name][row] = None
