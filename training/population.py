"""Who can be asked about at the end of the data, beside those who test a model.

A test holds those whose label is known. Where these are a few of a kind, such as the homes that were sold again within
a year, its figures say little of all the others, whom the model answers for as well.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime, timedelta
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
import pyarrow as pa
from feast import FeatureStore

from training.facts import Facts
from training.fit import Fitted
from training.metrics import Floats
from training.row_selection import TrainingSetError

if TYPE_CHECKING:
    from training.dataset import TrainingSet
    from training.feature_set import FeatureSet

AT_MOST = 20_000
"""So many entities stand for all, chosen by a hash."""
JUST_SETTLED = timedelta(days=60)
"""A price paid this long ago or less is what its home is worth now, but for the market of two months."""
COMPUTED = timedelta(days=2)
"""What became known this long ago or earlier is in the features of now."""


@dataclass(frozen=True)
class Population:
    """Everybody at one moment."""

    moment: datetime
    features: pa.Table
    """A row an entity, as the scorer would have it."""
    just_settled: Floats
    """Of each entity whose price has just become known, the model's price to it; empty where nothing is such."""
    to_estimate: Floats
    """Of each entity with an estimate of its price, the model's price to that; empty where there is none."""


@dataclass(frozen=True)
class EntitiesAtTheEnd:
    """Who has features at the end of the data that a model is trained on."""

    features: pa.Table | None
    """A row an entity; None if there is nobody to compare with."""
    missing_because: str = ""
    """Why there are none, where a reader of the model's figures must know it."""


def everybody(rows: TrainingSet, store: FeatureStore, home: Path) -> EntitiesAtTheEnd:
    """Who can be asked about at the end of the data; none for rows of somebody's own."""
    if rows.manifest.arguments.get("entities"):
        return EntitiesAtTheEnd(None)
    try:
        return EntitiesAtTheEnd(_at_the_end(rows, store, home)(at_most=AT_MOST).table)
    except TrainingSetError as problem:  # as where a model has several keys, or the snapshots of then are gone
        return EntitiesAtTheEnd(None, str(problem))


def population_of(fitted: Fitted, features: pa.Table | None, store: FeatureStore, home: Path) -> Population | None:
    """How the model's answers for everybody compare with what is known of them."""
    spec, manifest = fitted.spec, fitted.training_set.manifest
    if features is None:
        return None
    moment = datetime.fromisoformat(manifest.data_end)
    estimated = _ratios(fitted, features, spec.estimate) if spec.estimate else np.empty(0)
    if spec.label.settled is None:
        return Population(moment, features, np.empty(0), estimated)
    facts = Facts(home, min(moment - COMPUTED, datetime.fromisoformat(manifest.known_at)), spec.label.tables)
    settled = spec.label.settled(facts, moment - JUST_SETTLED)
    known = _at_the_end(fitted.training_set, store, home)(entities=settled).table if len(settled) else settled
    return Population(moment, features, _ratios(fitted, known, "answer"), estimated)


def _at_the_end(rows: TrainingSet, store: FeatureStore, home: Path) -> Callable[..., FeatureSet]:
    from training.feature_set import feature_set  # noqa: PLC0415  it imports the registry, and that the gates

    moment = datetime.fromisoformat(rows.manifest.data_end)
    request = dict.fromkeys(rows.spec.label.extra, 0.0)
    return partial(feature_set, rows.spec, at=moment, request=request, store=store, home=home)


def _ratios(fitted: Fitted, rows: pa.Table, column: str) -> Floats:
    """The model's answers to the values of a column, where it has any."""
    if not len(rows):
        return np.empty(0)
    matrix = fitted.inputs.matrix(rows)
    answers = fitted.calibration.applied(fitted.native.scores(matrix), matrix, fitted.spec.task)[:, 0]
    values = rows[column].cast(pa.float64()).fill_null(np.nan).to_numpy()
    there = values > 0
    return np.asarray(answers[there] / values[there])
