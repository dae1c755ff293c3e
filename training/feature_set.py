"""Feature sets: what was known of entities at a moment, without labels, to score a portfolio offline.

The features are those of a training set at that moment, and a champion's predictions on them those that the scorer
gives with `as_of`; entities that it would refuse to answer for are left out, each with its reason.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from pathlib import Path
from typing import TYPE_CHECKING

import duckdb
import pyarrow as pa
from feast import FeatureStore, FeatureView, FileSource
from feast.base_feature_view import BaseFeatureView

from feature_repo.home import home as home_folder
from feature_repo.store import open_store
from training import past
from training.arrays import inputs_of
from training.dataset import RowCheck, joined_features, service_of, views_of
from training.freshness import Freshness
from training.models import spec_of
from training.policy import FAIL
from training.progress import ShowProgress
from training.row_selection import (
    MOMENT,
    TrainingSetError,
    arrow,
    as_moment,
    day_of,
    given_rows,
    require_one_source_of_keys,
    thinned,
    with_columns,
)
from training.specs import ModelSpec

if TYPE_CHECKING:
    import pandas as pd
    import polars as pl

REASON = "left_out_reason"
"""The column that says why a row is left out."""
SHOWN = 3
"""So many of the rows that are left out are named in a message."""


@dataclass(frozen=True)
class FeatureSet:
    """Rows of entity, event_timestamp and features, in the order in which the rows were given."""

    spec: ModelSpec
    table: pa.Table
    freshness: Freshness
    """Of the rows of the table."""
    left_out: pa.Table
    """The rows that the scorer would not answer, for want of features that are fresh enough, with `REASON`."""
    views: tuple[BaseFeatureView, ...] = ()
    """The views of the model's service."""

    def needed_views(self, names: Collection[str]) -> list[str]:
        """Of the stored views those of these names, and those that lead to them."""
        needed = {*names, *(view.name for view in past.with_leading(self.views, names))}
        return [view for view in self.freshness.ttl if view in needed]

    @property
    def unanswered(self) -> int:
        """How many rows are left out."""
        return len(self.left_out)

    @property
    def left_out_summary(self) -> str:
        """The first of the rows that are left out, each with its reason."""
        first = self.left_out.slice(0, SHOWN)
        named = [
            f"{', '.join(f'{key} {row[key]}' for key in self.spec.join_keys)} ({row[REASON]})"
            for row in first.select([*self.spec.join_keys, REASON]).to_pylist()
        ]
        return ", ".join(named) + (", ..." if len(self.left_out) > SHOWN else "")


def feature_set(
    model: str | ModelSpec,
    *,
    at: date | datetime | str | None = None,
    entities: pa.Table | pd.DataFrame | pl.DataFrame | None = None,
    request: Mapping[str, float] | None = None,
    at_most: int | None = None,
    check: RowCheck = lambda _: None,
    needed_views: Collection[str] | None = None,
    store: FeatureStore | None = None,
    home: Path | None = None,
    show: ShowProgress = lambda *_: None,
) -> FeatureSet:
    """What was known of each entity at a moment: of all that have features then, or of those in a table of one's own.

    The table has the entity's join key, `event_timestamp` unless `at` says it for all, and whatever else; its columns
    stay. `request` gives the inputs that a request brings (`months_ahead`), for all rows, where no column does.
    An entity may stand in several rows, as for several months ahead: each is answered. `check` is called with the rows
    before their features are looked up, and may raise. `needed_views` are those that a row is left out for want of;
    all of the service if nothing is said, where a version may read fewer.
    `at_most` keeps so many of all entities, chosen by a hash.
    """
    spec = model if isinstance(model, ModelSpec) else spec_of(model)
    folder = home or home_folder()
    store = store or open_store(folder)
    service = service_of(store, spec.service)
    views, moment = views_of(store, service), as_moment(at, "at")
    require_one_source_of_keys(spec, views)
    show("rows", 0, 1)
    if entities is None and moment is None:
        raise TrainingSetError(f"{spec.name}: expected a moment (`at`) or entity rows, found neither")
    given = None if entities is None else given_rows(_at(entities, moment), spec, labelled=False)
    requested = _requested(spec, [] if given is None else given.column_names, request or {})
    if given is None:
        assert moment is not None  # noqa: S101  else there would be rows
        given = _everybody(spec, views, moment, folder)
        given = given if at_most is None else thinned(given, spec.join_keys, at_most)
    rows = with_columns(given, {name: pa.array([value] * len(given)) for name, value in requested.items()})
    check(rows)
    show("rows", 1, 1)
    joined = joined_features(spec, store, views, rows, show, with_ages=True)
    needed = views if needed_views is None else past.with_leading(views, needed_views)
    features, _ = past.apply(joined, views, spec.when_missing)
    _, answered = past.apply(joined, needed, spec.when_missing)
    freshness, refused_by = Freshness.of(joined, views, spec.join_keys), Freshness.of(joined, needed, spec.join_keys)
    inputs = inputs_of(views, ()).names
    refused = refused_by.where(pa.array(~answered)).refusals(spec.when_missing, spec.name)
    return FeatureSet(
        spec,
        table=with_columns(rows, {name: features[name] for name in inputs}).filter(pa.array(answered)),
        freshness=freshness.where(pa.array(answered)),
        left_out=rows.filter(pa.array(~answered)).append_column(REASON, pa.array(refused, pa.string())),
        views=tuple(views),
    )


def _everybody(spec: ModelSpec, views: list[BaseFeatureView], moment: datetime, home: Path) -> pa.Table:
    """Every entity that has a snapshot by the moment which the model's policy would still use."""
    own: list[str] = []
    files: dict[tuple[str, ...], list[str]] = defaultdict(list)
    for view in views:
        source = view.batch_source if isinstance(view, FeatureView) else None
        if not isinstance(view, FeatureView) or not isinstance(source, FileSource):
            continue
        if not set(view.join_keys) <= {*spec.join_keys}:
            continue
        own.append(view.name)
        rule = spec.when_missing.get(view.name, FAIL)
        oldest = moment - max(view.ttl or timedelta(days=36500), rule.up_to) - timedelta(days=1)
        folder = Path(source.path)
        partitions = sorted(folder.glob("*=*/*.parquet")) if folder.is_dir() else []
        files[tuple(view.join_keys)] += [
            str(file) for file in partitions if oldest.date() <= day_of(file) <= moment.date()
        ]
    if not any(files.values()):
        raise TrainingSetError(
            f"{spec.name}: no snapshot of {', '.join(own)} is published in {home} that would be known at "
            f"{moment.isoformat()}: compute the days before it with `tidemark features`, or choose another moment."
        )
    if len(spec.join_keys) > 1:
        raise TrainingSetError(
            f"{spec.name} answers for {' and '.join(spec.join_keys)} together, and no table says which belong "
            "together: give the entity rows."
        )
    key, of_key = spec.join_keys[0], files[spec.join_keys]
    with duckdb.connect() as connection:
        known = connection.sql(
            f'SELECT DISTINCT "{key}" FROM read_parquet(?, hive_partitioning = false) ORDER BY 1', params=[of_key]
        ).to_arrow_table()
    return known.append_column("event_timestamp", pa.array([moment] * len(known), MOMENT))


def _at(entities: pa.Table | pd.DataFrame | pl.DataFrame, moment: datetime | None) -> pa.Table:
    """The rows, at the moment if they say none of their own."""
    table = arrow(entities)
    if moment is None:
        return table
    if "event_timestamp" in table.column_names:
        raise TrainingSetError("expected either `at` or a column event_timestamp in the entity rows, found both")
    return table.append_column("event_timestamp", pa.array([moment] * len(table), MOMENT))


def _requested(spec: ModelSpec, columns: Sequence[str], request: Mapping[str, float]) -> dict[str, float]:
    """What a request gives for all rows, beside the columns that the rows have."""
    if unknown := [name for name in request if name not in spec.label.extra]:
        expected = ", ".join(spec.label.extra) or "nothing beside the entity and the moment"
        raise TrainingSetError(f"{spec.name}: a request gives {expected}, found {', '.join(unknown)}")
    if twice := [name for name in request if name in columns]:
        raise TrainingSetError(f"{spec.name}: {', '.join(twice)} is given for all rows and is a column as well: choose")
    if missing := [name for name in spec.label.extra if name not in request and name not in columns]:
        raise TrainingSetError(
            f"{spec.name}: expected {', '.join(missing)}, which each request to the model gives: a column of the "
            f"entity rows, or one value for all (--request {missing[0]}=0)"
        )
    return {name: float(value) for name, value in request.items()}
