"""From a training set to an examined model: candidates on the same folds, the best one kept, all examined."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import datetime

import numpy as np

from training.arrays import RowArrays, arrays
from training.baselines import baseline
from training.candidates import candidates
from training.dataset import TrainingSet
from training.estimators import Params
from training.graph import Calibration
from training.inputs import Inputs
from training.intervals import Intervals
from training.metrics import Floats, figures
from training.native import Native
from training.prices import coverage_of, residuals_of, spread_of, start_of
from training.specs import ModelSpec
from training.split import Rows, Split, SplitError, split_by_time

Shown = Callable[[str, int, int], None]
RAREST = 1e-4
"""The least that a baseline may call a probability: a loss must stay finite."""


@dataclass(frozen=True)
class Examined:
    """An answer to the model's question, and how it fared on the held-out time."""

    name: str
    answers: Floats
    figures: Mapping[str, float]
    folds_loss: float | None = None
    params: Params | None = None


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
    taught, held_out = rows.where(split.train), rows.where(split.test)
    if spec.task != "price" and len(np.unique(taught.labels)) < 2:
        raise SplitError(
            f"{spec.name}: all {len(taught.labels):,} rows that teach have the same label; there is nothing to learn."
        )
    folds_by, found = candidates(spec, taught, _plain(spec, inputs, taught), tune=tune, show=show)
    best = min(found, key=lambda one: one.folds_loss)

    def examined(name: str, answers: Floats, folds_loss: float | None = None, params: Params | None = None) -> Examined:
        return Examined(name, answers, figures(spec.task, held_out.labels, answers, spec.classes), folds_loss, params)

    answers = {one.name: one.answers(held_out.matrix, spec.task) for one in found}
    name, simple = baseline(spec, inputs, rows.matrix, rows.labels, split.train)
    spread = None
    if spec.task == "price":
        seen, residuals = best.unseen.seen, residuals_of(taught, best.unseen.scores, best.calibration)
        spread = spread_of(spec, inputs, taught.where(seen), residuals[seen])
    return Fitted(
        training_set=training_set,
        inputs=inputs,
        rows=rows,
        split=split,
        folds_by=folds_by,
        native=best.native,
        estimator=best.name,
        calibration=best.calibration,
        intervals=spread,
        coverage=coverage_of(spec, inputs, held_out, answers[best.name][:, 0], spread) if spread else {},
        baseline=examined(
            name, simple[split.test] if spec.task == "price" else np.clip(simple[split.test], RAREST, None)
        ),
        candidates=tuple(examined(one.name, answers[one.name], one.folds_loss, one.unseen.params) for one in found),
    )


def _plain(spec: ModelSpec, inputs: Inputs, taught: RowArrays) -> Calibration:
    if spec.task == "price":
        return Calibration(1.0, (0.0,), start_of(spec, inputs, taught))
    return Calibration(1.0, (0.0,) * (len(spec.classes) if spec.task == "multiclass" else 1))
