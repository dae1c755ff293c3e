"""Lookup -> feature matrix: what was looked up, with what is computed, what requests give, and what if they say."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime

import numpy as np
import numpy.typing as npt

from feature_repo.stores.wire.lookup_result import LookupResult
from serving.feature_lookup import FeatureLookup
from serving.matrix_layout import MatrixLayout
from training.inputs import Matrix


@dataclass(frozen=True)
class FeatureMatrix:
    """The rows that a model scores: as many for each request as it has moments."""

    lookup: FeatureLookup
    moments: Sequence[Sequence[datetime]]
    features: LookupResult
    """By name, a row for each row of the matrix."""
    rows: Matrix
    rows_per_request: int


def feature_matrix(lookup: FeatureLookup) -> FeatureMatrix:
    """The matrix of the requests whose features were looked up."""
    model, requests = lookup.group.model, lookup.group.requests
    moments = [model.shape.moments(each.moment) for each in requests]
    features = completed_features(lookup, moments)
    requested = {
        each.name: np.repeat([float(getattr(valid.request, each.name)) for valid in requests], len(moments[0]))
        for each in model.spec.request
    }
    return FeatureMatrix(lookup, moments, features, _rows(model.layout, features, requested), len(moments[0]))


def completed_features(lookup: FeatureLookup, moments: Sequence[Sequence[datetime]]) -> LookupResult:
    """A row for each moment: with what is computed from it, by the functions that training ran, and what if it says."""
    model, requests, stored = lookup.group.model, lookup.group.requests, lookup.result
    count = len(moments[0])
    features = stored if count == 1 else stored.take(np.repeat(np.arange(len(stored)), count))
    features = model.plan.completed(features, {"request_timestamp": [moment for those in moments for moment in those]})
    if not any(each.request.features for each in requests):
        return features
    numbers, objects = features.numbers.copy(), {name: values.copy() for name, values in features.objects.items()}
    for place, valid in enumerate(requests):
        rows = slice(place * count, (place + 1) * count)
        for name, value in (valid.request.features or {}).items():
            if name in objects:
                objects[name][rows] = value
            else:
                numbers[rows, features.numeric.index(name)] = np.nan if value is None else value
    return replace(features, numbers=numbers, objects=objects)


def _rows(layout: MatrixLayout, features: LookupResult, requested: Mapping[str, npt.NDArray[np.float64]]) -> Matrix:
    rows = np.empty((len(features), layout.width), np.float32)
    rows[:, layout.numbers] = features.numbers.take(layout.sources(features.numeric), axis=1)
    for category in layout.categories:
        rows[:, category.columns] = features.objects[category.name][:, None] == category.values
    for name, place in layout.requested:
        rows[:, place] = requested[name]
    return rows
