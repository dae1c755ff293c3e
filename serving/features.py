"""What a model is told of an entity: from the online store, or as it stood at a moment in the past."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import UTC, datetime

import numpy as np
import pyarrow as pa
from feast import FeatureStore

from feature_repo.stores.wire.found import Found, Status
from feature_repo.stores.wire.times import ABSENT, micros_of
from serving import errors
from serving.models import Serving
from training.leakage import times_of

HOUR = 3_600_000_000


@dataclass(frozen=True)
class Told:
    """Stored features, a row for each entity, and what was wrong with them."""

    found: Found
    degraded: tuple[tuple[str, ...], ...]
    problems: tuple[errors.ProblemError | None, ...]


async def online(model: Serving, ids: Sequence[int], now: datetime) -> Told:
    """The newest values, judged by the model's policy for values that are old or missing."""
    found = await model.plan.read_async({model.artifact.card.entity: list(ids)}, now=now)
    return judged(model, found, ids)


def offline(store: FeatureStore, model: Serving, ids: Sequence[int], moments: Sequence[datetime]) -> Told:
    """What was known at those moments, by the very join that makes training sets."""
    card = model.artifact.card
    stored = [one for one in card.inputs.each if one.view in model.stored_views]
    rows = pa.table(
        {
            card.entity: pa.array(ids, pa.int64()),
            "event_timestamp": pa.array([moment.astimezone(UTC) for moment in moments], pa.timestamp("us", "UTC")),
        }
    )
    job = store.get_historical_features(entity_df=rows, features=[f"{one.view}:{one.name}" for one in stored])
    answer = job.to_arrow_with_times()  # type: ignore[attr-defined]  # what our offline store adds
    told = {one.name: answer[one.name] for one in stored}
    numeric = tuple(one.name for one in stored if not pa.types.is_string(told[one.name].type))
    times = np.stack(
        [
            answer[times_of(view)[0]].cast(pa.timestamp("us", "UTC")).cast(pa.int64()).fill_null(ABSENT).to_numpy()
            for view in model.stored_views
        ],
        axis=1,
    )
    found = Found(
        columns=tuple(told),
        numeric=numeric,
        numbers=np.stack([told[name].cast(pa.float64()).to_numpy() for name in numeric], axis=1),
        objects={name: np.array(told[name].to_pylist(), object) for name in told if name not in numeric},
        views=model.stored_views,
        times=times,
        states=np.where(times == ABSENT, Status.NOT_FOUND, Status.PRESENT).astype(np.int8),
        asked_at=micros_of(moments[0]),
    )
    return judged(model, found, ids)


def judged(model: Serving, found: Found, ids: Sequence[int]) -> Told:
    """Values that are too old or missing, met as the model's card says."""
    card = model.artifact.card
    numbers, objects = found.numbers.copy(), {name: values.copy() for name, values in found.objects.items()}
    degraded: list[tuple[str, ...]] = []
    problems: list[errors.ProblemError | None] = []
    for row, entity in enumerate(ids):
        states = dict(zip(found.views, found.states[row].tolist(), strict=True))
        if all(state == Status.NOT_FOUND for state in states.values()):
            degraded.append(())
            problems.append(errors.unseen(card.entity, str(entity)))
            continue
        notes, problem = [], None
        for view, state in states.items():
            if state in (Status.PRESENT, Status.NULL):
                continue
            age = (found.asked_at - int(found.event_times[view][row])) / 1e6 if state == Status.STALE else None
            rule = card.when_missing.get(view, {"policy": "fail"})
            what = f"{view}: stale, {age / 86400:.1f} days old" if age is not None else f"{view}: missing"
            if rule["policy"] == "last_known" and age is not None and age <= rule["up_to_seconds"]:
                notes.append(f"{what}, used as last known")
            elif rule["policy"] == "default":
                notes.append(f"{what}, taken as unknown")
                for one in card.inputs.each:
                    if one.view == view and one.name in found.numeric:
                        numbers[row, found.numeric.index(one.name)] = np.nan
                    elif one.view == view and one.name in objects:
                        objects[one.name][row] = None
            else:
                problem = errors.away(f"{what}, and {card.model} does not answer from that", 60)
        degraded.append(tuple(notes))
        problems.append(problem)
    return Told(replace(found, numbers=numbers, objects=objects), tuple(degraded), tuple(problems))


def completed(model: Serving, found: Found, moments: Sequence[datetime]) -> Found:
    """With what is computed from the moment asked about, by the functions that training ran."""
    return model.plan.completed(found, {"request_timestamp": list(moments)})


def hours_of_week(moment: datetime) -> list[datetime]:
    """The 168 full hours that follow."""
    first = (micros_of(moment) // HOUR + 1) * HOUR
    return [datetime.fromtimestamp((first + hour * HOUR) / 1e6, UTC) for hour in range(168)]
