"""From a training set to the arrays that estimators learn from: one matrix, in the order that its service gives."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
from feast import FeatureView
from feast.base_feature_view import BaseFeatureView
from feast.types import String

from feature_repo.fields import contract_of, features_of
from training import past
from training.dataset import TrainingSet
from training.entity_keys import entity_numbers
from training.inputs import Input, Inputs, Matrix
from training.metrics import Floats
from training.specs import ModelSpec
from training.split import Rows


@dataclass(frozen=True)
class RowArrays:
    """The rows as arrays."""

    matrix: Matrix
    labels: Floats
    asked: npt.NDArray[np.datetime64]
    settled: npt.NDArray[np.datetime64]
    entity: npt.NDArray[np.int64]

    def where(self, chosen: Rows) -> RowArrays:
        """Some of the rows."""
        return RowArrays(
            self.matrix[chosen], self.labels[chosen], self.asked[chosen], self.settled[chosen], self.entity[chosen]
        )


def inputs_of(views: Iterable[BaseFeatureView], extra: tuple[str, ...]) -> Inputs:
    """The inputs of a service, from its features' declarations; `extra` are those that a request gives.

    A feature that is the key of another view leads there, and is no input.
    """
    views = list(views)
    found, keys = [], past.leading_keys(views)
    for view in views:
        declared = {field.name: field for field in features_of(view)}
        for field in (declared[taken.name] for taken in view.projection.features if taken.name not in keys):
            categories = contract_of(field).allowed if field.dtype == String else ()
            found.append(Input(field.name, view.name, "category" if categories else "number", categories))
    return Inputs((*found, *(Input(name, "request", "number") for name in extra)))


def inputs_without(spec: ModelSpec, views: Sequence[BaseFeatureView], left_out: Sequence[str]) -> Inputs:
    """The inputs of a model but those left out; what its task or the scorer cannot do without must stay."""
    inputs = inputs_of(views, spec.label.extra)
    needed = {name for name in (*spec.label.extra, spec.estimate, spec.area) if name}
    if refused := [name for name in left_out if name in needed]:
        raise ValueError(
            f"{spec.name}: cannot leave out {', '.join(refused)}: expected any input but {', '.join(sorted(needed))}, "
            "which answers are counted from"
        )
    rest = inputs.without(left_out)
    stored = {view.name for view in views if isinstance(view, FeatureView)}
    if not any(each.view in stored for each in rest.each):
        raise ValueError(
            f"{spec.name}: cannot leave out every feature of {', '.join(sorted(stored))}: expected one to stay, by "
            "which the scorer knows an entity that it has seen"
        )
    return rest


def arrays(training_set: TrainingSet, inputs: Inputs) -> RowArrays:
    """The columns of a training set as arrays."""
    table, spec = training_set.table, training_set.spec

    def moments(name: str) -> npt.NDArray[np.datetime64]:
        return np.asarray(table[name].to_numpy()).astype("datetime64[us]")

    return RowArrays(
        matrix=inputs.matrix(table),
        labels=table["label"].to_numpy().astype(np.float64),
        asked=moments("event_timestamp"),
        settled=moments("label_until"),
        entity=entity_numbers(table, spec.join_keys),
    )
