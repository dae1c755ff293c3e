"""Feature sets: what was known of entities at a moment, without labels, to score a portfolio offline.

The features are those of a training set at that moment, and a champion's predictions on them those that the scorer
gives with `as_of`; entities that it would refuse to answer for are left out, and counted.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from pathlib import Path
from typing import TYPE_CHECKING

import duckdb
import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from feast import FeatureStore, FeatureView, FileSource
from feast.base_feature_view import BaseFeatureView

from feature_repo.home import home as home_folder
from feature_repo.store import open_store
from training import past
from training.artifact import BEYOND, Artifact
from training.dataset import joined_features, service_of, views_of
from training.deployed import CHAMPION, deployed
from training.policy import FAIL
from training.prices import estimate_and_months
from training.registry import Registry
from training.row_selection import MOMENT, TrainingSetError, arrow, as_moment, day_of, given_rows, thinned, with_columns
from training.specs import ModelSpec, spec_of

if TYPE_CHECKING:
    import pandas as pd
    import polars as pl

Shown = Callable[[str, int, int], None]
LEVEL = 0.8
"""The share of prices that the intervals of predictions are to hold."""


@dataclass(frozen=True)
class FeatureSet:
    """Rows of entity, event_timestamp and features, ordered by moment and entity."""

    spec: ModelSpec
    table: pa.Table
    unanswered: int
    """How many rows are left out: the scorer would not answer them, for want of features that are fresh enough."""


def feature_set(
    model: str | ModelSpec,
    *,
    at: date | datetime | str | None = None,
    entities: pa.Table | pd.DataFrame | pl.DataFrame | None = None,
    request: Mapping[str, float] | None = None,
    at_most: int | None = None,
    store: FeatureStore | None = None,
    home: Path | None = None,
    show: Shown = lambda *_: None,
) -> FeatureSet:
    """What was known of each entity at a moment: of all that have features then, or of those in a table of one's own.

    The table has the entity's join key, `event_timestamp` unless `at` says it for all, and whatever else; its columns
    stay. `request` gives the inputs that a request brings (`months_ahead`), for all rows, where no column does.
    `at_most` keeps so many of all entities, chosen by a hash.
    """
    spec = model if isinstance(model, ModelSpec) else spec_of(model)
    folder, store = home or home_folder(), store or open_store()
    service = service_of(store, spec.service)
    views, moment = views_of(store, service), as_moment(at, "at")
    show("rows", 0, 1)
    if entities is not None:
        rows = given_rows(_at(entities, moment), spec, labelled=False)
    elif moment is not None:
        rows = _everybody(spec, views, moment, folder)
        rows = rows if at_most is None else thinned(rows, spec.entity, at_most)
    else:
        raise TrainingSetError(f"{spec.name}: expected a moment (`at`) or entity rows, found neither")
    rows = with_columns(rows, _requested(spec, rows, request or {}))
    rows = rows.sort_by([("event_timestamp", "ascending"), (spec.entity, "ascending")])
    show("rows", 1, 1)
    features, answered = past.apply(joined_features(spec, store, views, rows, show), views, spec.when_missing)
    inputs = [field.name for view in views for field in view.projection.features]
    kept = features.filter(pa.array(answered))
    table = kept.select([*rows.column_names, *(name for name in inputs if name not in rows.column_names)])
    return FeatureSet(spec, table, len(rows) - len(table))


def scored(features: FeatureSet, *, home: Path | None = None, alias: str = CHAMPION) -> pa.Table:
    """The rows with the predictions of the model that bears the alias: what the scorer would have answered then."""
    folder = home or home_folder()
    version = deployed(features.spec.name, alias, folder).version
    model = Registry(folder).load(features.spec.name, alias)
    if missing := [name for name in model.card.inputs.names if name not in features.table.column_names]:
        raise TrainingSetError(
            f"{features.spec.name} version {version} reads {', '.join(missing)}, which its service no longer gives: "
            "train it anew."
        )
    for name, (_, high) in model.card.ranges.items():
        try:
            asked = features.table[name].cast(pa.float64())
        except (pa.ArrowInvalid, pa.ArrowNotImplementedError) as problem:
            raise TrainingSetError(f"{name}: expected numbers, found {features.table[name].type}: {problem}") from None
        if (farthest := pc.max(asked).as_py() or 0) > high + BEYOND:
            raise TrainingSetError(
                f"{features.spec.name} version {version} was trained with {name} up to {high:.1f}, found {farthest:g}: "
                "the scorer would refuse to answer. Ask for less, or train on a longer time."
            )
    columns = {"model_version": pa.array([version] * len(features.table))} | predictions(model, features.table)
    return with_columns(features.table, columns)


def predictions(model: Artifact, table: pa.Table) -> dict[str, pa.Array]:
    """A model's answers as columns, under the names that the scorer has for them."""
    card = model.card
    rows = card.inputs.matrix(table)
    answers = model.answers(rows).astype(np.float64) if len(rows) else np.empty((0, max(len(card.centre), 1)))
    if card.task == "multiclass":
        best = answers.argmax(axis=1)
        return {
            "predicted_value": pa.array(answers.max(axis=1, initial=0)),
            "predicted_class": pa.array(np.array(card.classes, object)[best], pa.string()),
            **{f"probability_{name}": pa.array(answers[:, place]) for place, name in enumerate(card.classes)},
        }
    columns = {"predicted_value": pa.array(answers[:, 0])}
    if card.thresholds:
        place = np.searchsorted(card.thresholds, answers[:, 0], side="right")
        columns["predicted_class"] = pa.array(np.array(card.classes, object)[place], pa.string())
    if card.intervals:
        group = estimate_and_months(spec_of(card.model), card.inputs, rows)
        low, high = card.intervals.bounds(answers[:, 0], *group, LEVEL)
        columns |= {"interval_low": pa.array(low), "interval_high": pa.array(high)}
    return columns


def _everybody(spec: ModelSpec, views: list[BaseFeatureView], moment: datetime, home: Path) -> pa.Table:
    """Every entity that has a snapshot by the moment which the model's policy would still use."""
    files: list[str] = []
    for view in views:
        source = view.batch_source if isinstance(view, FeatureView) else None
        if not isinstance(view, FeatureView) or not isinstance(source, FileSource) or view.join_keys != [spec.entity]:
            continue
        rule = spec.when_missing.get(view.name, FAIL)
        oldest = moment - max(view.ttl or timedelta(days=36500), rule.up_to) - timedelta(days=1)
        folder = Path(source.path)
        partitions = sorted(folder.glob("*=*/*.parquet")) if folder.is_dir() else []
        files += [str(file) for file in partitions if oldest.date() <= day_of(file) <= moment.date()]
    if not files:
        raise TrainingSetError(
            f"{spec.name}: no snapshot of {', '.join(view.name for view in views if isinstance(view, FeatureView))} is "
            f"published in {home} that would be known at {moment.isoformat()}: compute the days before it with "
            "`tidemark features`, or choose another moment."
        )
    with duckdb.connect() as connection:
        known = connection.execute(
            f'SELECT DISTINCT "{spec.entity}" FROM read_parquet(?, hive_partitioning = false) ORDER BY 1', [files]
        ).fetchnumpy()[spec.entity]
    return pa.table({spec.entity: known, "event_timestamp": pa.array([moment] * len(known), MOMENT)})


def _at(entities: pa.Table | pd.DataFrame | pl.DataFrame, moment: datetime | None) -> pa.Table:
    """The rows, at the moment if they say none of their own."""
    table = arrow(entities)
    if moment is None:
        return table
    if "event_timestamp" in table.column_names:
        raise TrainingSetError("expected either `at` or a column event_timestamp in the entity rows, found both")
    return table.append_column("event_timestamp", pa.array([moment] * len(table), MOMENT))


def _requested(spec: ModelSpec, rows: pa.Table, request: Mapping[str, float]) -> dict[str, pa.Array]:
    if unknown := [name for name in request if name not in spec.label.extra]:
        expected = ", ".join(spec.label.extra) or "nothing beside the entity and the moment"
        raise TrainingSetError(f"{spec.name}: a request gives {expected}, found {', '.join(unknown)}")
    if twice := [name for name in request if name in rows.column_names]:
        raise TrainingSetError(f"{spec.name}: {', '.join(twice)} is given for all rows and is a column as well: choose")
    if missing := [name for name in spec.label.extra if name not in request and name not in rows.column_names]:
        raise TrainingSetError(
            f"{spec.name}: expected {', '.join(missing)}, which each request to the model gives: a column of the "
            f"entity rows, or one value for all (--request {missing[0]}=0)"
        )
    return {name: pa.array([float(value)] * len(rows)) for name, value in request.items()}
