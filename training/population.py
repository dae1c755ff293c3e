"""Who can be asked about at the end of the data, beside those who test a model.

A test holds those whose label is known. Where these are a few of a kind, such as the homes that were sold again within
a year, its figures say little of all the others, whom the model answers for as well.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta
from functools import partial
from pathlib import Path

import numpy as np
import pyarrow as pa
from feast import FeatureStore

from training.facts import Facts
from training.fit import Fitted
from training.metrics import Floats
from training.row_selection import TrainingSetError

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


def population_of(fitted: Fitted, store: FeatureStore, home: Path) -> Population | None:
    """Who has features at the end of the data that the model was trained on; none for rows of somebody's own."""
    from training.feature_set import feature_set  # noqa: PLC0415  it imports the registry, and that the gates

    spec, manifest = fitted.spec, fitted.training_set.manifest
    if manifest.arguments.get("entities"):
        return None
    moment = datetime.fromisoformat(manifest.data_end)
    now = partial(feature_set, spec, request=dict.fromkeys(spec.label.extra, 0.0), store=store, home=home)
    try:
        everybody = now(at=moment, at_most=AT_MOST).table
    except TrainingSetError:
        return None  # a span far before the data's end, whose snapshots are gone: there is nobody to compare with
    estimated = _ratios(fitted, everybody, spec.estimate) if spec.estimate else np.empty(0)
    if spec.label.settled is None:
        return Population(moment, everybody, np.empty(0), estimated)
    facts = Facts(home, min(moment - COMPUTED, datetime.fromisoformat(manifest.known_at)))
    settled = spec.label.settled(facts, moment - JUST_SETTLED)
    known = now(at=moment, entities=settled).table if len(settled) else settled
    return Population(moment, everybody, _ratios(fitted, known, "answer"), estimated)


def _ratios(fitted: Fitted, rows: pa.Table, column: str) -> Floats:
    """The model's answers to the values of a column, where it has any."""
    if not len(rows):
        return np.empty(0)
    matrix = fitted.inputs.matrix(rows)
    answers = fitted.calibration.applied(fitted.native.scores(matrix), matrix, fitted.spec.task)[:, 0]
    values = rows[column].cast(pa.float64()).fill_null(np.nan).to_numpy()
    there = values > 0
    return np.asarray(answers[there] / values[there])
