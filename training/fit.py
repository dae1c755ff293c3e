"""From a training set to an examined model: candidates on the same folds, the best one calibrated, all examined."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from datetime import datetime

import numpy as np
import numpy.typing as npt
from feast.base_feature_view import BaseFeatureView
from feast.types import String

from feature_repo.fields import contract_of, features_of
from training.baselines import baseline
from training.calibrate import calibrated, recent_level
from training.dataset import TrainingSet
from training.estimators import ESTIMATORS, Native, Params
from training.graph import Calibration, Start
from training.inputs import Input, Inputs, Matrix
from training.intervals import Intervals, intervals
from training.metrics import Floats, figures
from training.specs import ModelSpec
from training.split import Rows, Split, SplitError, folds, split_by_time
from training.teaching import Teaching

Shown = Callable[[str, int, int], None]


@dataclass(frozen=True)
class Examined:
    """An answer to the model's question, and how it fared on the held-out time."""

    name: str
    answers: Floats
    figures: Mapping[str, float]
    folds_loss: float | None = None
    params: Params | None = None


@dataclass(frozen=True)
class RowArrays:
    """The rows as arrays."""

    matrix: Matrix
    labels: Floats
    asked: npt.NDArray[np.datetime64]
    settled: npt.NDArray[np.datetime64]
    entity: npt.NDArray[np.int64]


@dataclass(frozen=True)
class Fitted:
    """The best candidate, all others beside it, and what they were examined on."""

    training_set: TrainingSet
    inputs: Inputs
    rows: RowArrays
    split: Split
    folds_by: str
    native: Native
    estimator: str
    calibration: Calibration
    intervals: Intervals | None
    coverage: Mapping[str, float]
    baseline: Examined
    candidates: tuple[Examined, ...]

    @property
    def best(self) -> Examined:
        """The chosen candidate."""
        return next(one for one in self.candidates if one.name == self.estimator)

    @property
    def spec(self) -> ModelSpec:
        """The model."""
        return self.training_set.spec

    @property
    def test(self) -> Rows:
        """The rows that examine."""
        return self.split.test


def inputs_of(views: list[BaseFeatureView], extra: tuple[str, ...]) -> Inputs:
    """The inputs of a service, from its features' declarations."""
    found = []
    for view in views:
        taken = {field.name for field in view.projection.features}
        for field in features_of(view):
            if field.name in taken:
                categories = contract_of(field).allowed if field.dtype == String else ()
                found.append(Input(field.name, view.name, "category" if categories else "number", categories))
    order = {field.name: place for place, field in enumerate(f for v in views for f in v.projection.features)}
    found.sort(key=lambda one: order[one.name])
    return Inputs((*found, *(Input(name, "request", "number") for name in extra)))


def fit(
    training_set: TrainingSet,
    inputs: Inputs,
    *,
    test_from: datetime | None = None,
    tune: int = 0,
    show: Shown = lambda *_: None,
) -> Fitted:
    """Compare the estimators, keep the best one, calibrate it, examine all of them."""
    spec, rows = training_set.spec, arrays(training_set, inputs)
    split = split_by_time(rows.asked, rows.settled, test_from)
    train = split.train
    if spec.task != "price" and len(np.unique(rows.labels[train])) < 2:
        raise SplitError(
            f"{spec.name}: all {train.sum():,} rows that teach have the same label; there is nothing to learn."
        )
    plain = _plain(spec, inputs, rows, train)
    teach = Teaching(spec, inputs, rows.matrix[train], rows.labels[train], plain)
    folds_by, pairs = folds(rows.asked[train], rows.settled[train], rows.entity[train])

    name, simple = baseline(spec, inputs, rows.matrix, rows.labels, train)
    simple = np.clip(simple, 1e-4, None) if spec.task != "price" else simple
    examined, kept = [], {}
    for place, estimator in enumerate(ESTIMATORS):
        show(f"fit {spec.name}", place, len(ESTIMATORS))
        unseen = teach.tuned(estimator, pairs, tune) if tune else teach.unseen(estimator, {}, pairs)
        seen = unseen.seen
        calibration = calibrated(spec.task, unseen.scores[seen], teach.labels[seen], teach.rows[seen], plain)
        folds_loss = teach.loss(unseen, calibration)
        native = teach.fitted(estimator, unseen.params)
        if spec.task == "price":
            anybody = teach.unseen(estimator, unseen.params, folds_by_entity(rows.entity[train])[1])
            residuals = teach.targets - calibration.slope * anybody.scores[:, 0]
            level = recent_level(residuals, rows.settled[train], rows.entity[train])
            calibration = replace(calibration, shift=(level,))
        answers = calibration.applied(native.scores(rows.matrix[split.test]), rows.matrix[split.test], spec.task)
        examined.append(
            Examined(
                estimator.name,
                answers,
                figures(spec.task, rows.labels[split.test], answers, spec.classes),
                folds_loss,
                unseen.params,
            )
        )
        kept[estimator.name] = (native, calibration, unseen)
    show(f"fit {spec.name}", len(ESTIMATORS), len(ESTIMATORS))
    best = min(examined, key=lambda one: one.folds_loss or 0.0)
    native, calibration, unseen = kept[best.name]
    spread = None
    if spec.task == "price":
        residuals = teach.targets - calibration.slope * unseen.scores[:, 0]
        spread = _intervals(spec, inputs, rows, train, unseen.seen, residuals)
    return Fitted(
        training_set=training_set,
        inputs=inputs,
        rows=rows,
        split=split,
        folds_by=folds_by,
        native=native,
        estimator=best.name,
        calibration=calibration,
        intervals=spread,
        coverage=_coverage(spec, spread, inputs, rows, split.test, best.answers[:, 0]) if spread else {},
        baseline=Examined(
            name, simple[split.test], figures(spec.task, rows.labels[split.test], simple[split.test], spec.classes)
        ),
        candidates=tuple(examined),
    )


def folds_by_entity(entity: npt.NDArray[np.int64]) -> tuple[str, list[tuple[Rows, Rows]]]:
    """Folds in which no one teaches about themselves, whatever the time."""
    never = np.zeros(len(entity), "datetime64[us]")
    return folds(never, np.ones(len(entity), "datetime64[us]"), entity)


def arrays(training_set: TrainingSet, inputs: Inputs) -> RowArrays:
    """The columns of a training set as arrays."""
    table, spec = training_set.table, training_set.spec

    def moments(name: str) -> npt.NDArray[np.datetime64]:
        return np.asarray(table[name].to_numpy()).astype("datetime64[us]")

    return RowArrays(
        inputs.matrix(table),
        table["label"].to_numpy().astype(np.float64),
        moments("event_timestamp"),
        moments("label_until"),
        table[spec.entity].to_numpy(),
    )


def _plain(spec: ModelSpec, inputs: Inputs, rows: RowArrays, train: Rows) -> Calibration:
    if spec.task == "price":
        place, area = inputs.columns.index(spec.estimate), inputs.columns.index(spec.area)
        paid = rows.labels[train] / rows.matrix[train, area]
        rate = float(np.median(paid[np.isfinite(paid)])) if np.isfinite(paid).any() else 1.0
        return Calibration(1.0, (0.0,), Start(place, area, rate, float(np.median(rows.labels[train]))))
    return Calibration(1.0, (0.0,) * max(len(spec.classes) if spec.task == "multiclass" else 1, 1))


def _told_and_months(inputs: Inputs, matrix: Matrix, spec: ModelSpec) -> tuple[Rows, Floats]:
    return matrix[:, inputs.columns.index(spec.estimate)] > 0, matrix[:, inputs.columns.index("months_ahead")].astype(
        np.float64
    )


def _intervals(
    spec: ModelSpec, inputs: Inputs, rows: RowArrays, train: Rows, seen: Rows, residuals: Floats
) -> Intervals:
    told, months = _told_and_months(inputs, rows.matrix[train][seen], spec)
    return intervals(residuals[seen] - np.median(residuals[seen]), told, months)


def _coverage(
    spec: ModelSpec, spread: Intervals, inputs: Inputs, rows: RowArrays, test: Rows, value: Floats
) -> dict[str, float]:
    """The share of prices within the interval, by the level asked."""
    told, months = _told_and_months(inputs, rows.matrix[test], spec)
    found = {}
    for level in (0.5, 0.8, 0.9, 0.95):
        low, high = spread.bounds(value, told, months, level)
        found[f"{level:.0%}"] = float(((rows.labels[test] >= low) & (rows.labels[test] <= high)).mean())
    return found
