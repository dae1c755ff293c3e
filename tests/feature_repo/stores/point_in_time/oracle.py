"""What a point-in-time join returns, said in the plainest way: row by row, over all rows. Slow and obvious."""

from __future__ import annotations

from collections.abc import Mapping
from itertools import product
from typing import Any

import pandas as pd
from point_in_time.case import Asked, Case, Either, Row, View


def answer(case: Case) -> tuple[Row | Either, ...]:
    """The features of each entity row, in its order; Either where two rows have an equal right."""
    views = {view.name: view for view in case.views}
    answers: list[Row | Either] = []
    for entity in case.entities:
        own = dict(zip(case.columns, entity, strict=True))
        choices = [newest(views[asked.view], asked, own, case) for asked in case.takes]
        rows: list[Row] = []
        for features in (sum(choice, ()) for choice in product(*choices)):
            row = features + computed(case, own, features)
            if row not in rows:
                rows.append(row)
        answers.append(rows[0] if len(rows) == 1 else Either(tuple(rows)))
    return tuple(answers)


def newest(view: View, asked: Asked, own: Mapping[str, Any], case: Case) -> list[Row]:
    """The features of the view's newest row that the entity row may see; several rows if they tie in both times."""
    best: list[Row] = []
    best_at = None
    for values in view.rows:
        row = dict(zip(view.columns, values, strict=True))
        keys = [(own[asked.join_keys.get(key, key)], row[key]) for key in view.keys]
        if any(wanted is None or wanted != found for wanted, found in keys):
            continue
        moment, event = instant(own[case.moment]), instant(row[view.times[0]])
        created = instant(row[view.created]) if view.created else None
        if moment is None or event is None or event > moment:
            continue
        if view.ttl and event < moment - view.ttl:
            continue
        if case.knowledge_time and view.created and (created is None or created > moment):
            continue
        at = (event, created is not None, created or event)
        features = tuple(row[feature] for feature in asked.features)
        if best_at is None or at > best_at:
            best, best_at = [features], at
        elif at == best_at:
            best.append(features)
    return best or [(None,) * len(asked.features)]


def computed(case: Case, own: Mapping[str, Any], features: Row) -> Row:
    """The on-demand features of one entity row."""
    inputs = {**own, **dict(zip(case.feature_columns, features, strict=False))}
    return tuple(
        view.compute({name: [value] for name, value in inputs.items()})[feature][0]
        for view in case.on_demand
        for feature in view.features
    )


def instant(value: Any) -> pd.Timestamp | None:
    """A time in UTC, as exact as it is given; one without a zone is in UTC."""
    if value is None:
        return None
    time = pd.Timestamp(value)
    return time.tz_localize("UTC") if time.tzinfo is None else time.tz_convert("UTC")
