"""From a training set to an evaluated model: candidates on the same folds, the best one kept, all of them tested."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime

from training.arrays import RowArrays, arrays
from training.baselines import Baseline
from training.candidates import candidates
from training.dataset import TrainingSet
from training.estimators import Params
from training.graph import Calibration
from training.inputs import Inputs
from training.intervals import Intervals
from training.learnable import seasonal
from training.metrics import Floats
from training.native import Native
from training.progress import ShowProgress
from training.specs import ModelSpec
from training.split import Rows, Split, SplitError, split_by_time


@dataclass(frozen=True)
class Evaluation:
    """A way to answer the model's question, and its result on the held-out time."""

    name: str
    answers: Floats
    figures: Mapping[str, float]
    folds_loss: float | None = None
    params: Params | None = None


@dataclass(frozen=True)
class Fitted:
    """The best candidate, all others beside it, and what they were tested on."""

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
    baselines: tuple[Evaluation, ...]
    candidates: tuple[Evaluation, ...]

    @property
    def best(self) -> Evaluation:
        """The chosen candidate."""
        return next(one for one in self.candidates if one.name == self.estimator)

    @property
    def baseline(self) -> Evaluation:
        """The baseline that is hardest to beat."""
        return min(self.baselines, key=lambda simple: simple.figures["loss"])

    @property
    def spec(self) -> ModelSpec:
        """The model."""
        return self.training_set.spec

    @property
    def test(self) -> Rows:
        """The rows to test with."""
        return self.split.test


def fit(
    training_set: TrainingSet,
    inputs: Inputs,
    *,
    test_from: datetime | None = None,
    tune: int = 0,
    show: ShowProgress = lambda *_: None,
) -> Fitted:
    """Compare the estimators, keep the best one, calibrate it, test all of them."""
    spec, rows = training_set.spec, arrays(training_set, inputs)
    split = split_by_time(rows.asked, rows.settled, test_from)
    if without := seasonal(spec, inputs, rows.asked[split.train]):
        inputs = inputs.without(without)
        rows = arrays(training_set, inputs)
    train_rows, held_out = rows.where(split.train), rows.where(split.test)
    if reason := spec.task.unlearnable(train_rows.labels):
        raise SplitError(
            f"{spec.name}: all {len(train_rows.labels):,} training rows {reason}; there is nothing to learn."
        )
    folds_by, competing = candidates(spec, train_rows, spec.task.plain(spec, inputs, train_rows), tune=tune, show=show)
    best = min(competing, key=lambda candidate: candidate.folds_loss)

    def evaluated(
        name: str, answers: Floats, folds_loss: float | None = None, params: Params | None = None
    ) -> Evaluation:
        return Evaluation(name, answers, spec.task.figures(held_out.labels, answers, spec.classes), folds_loss, params)

    answers = {candidate.name: candidate.answers(held_out.matrix, spec.task) for candidate in competing}
    is_scored = best.out_of_fold.is_scored
    scored_rows = train_rows.where(is_scored)
    scored_answers = best.calibration.applied(best.out_of_fold.scores[is_scored], scored_rows.matrix, spec.task)
    spread = spec.task.intervals(spec, inputs, scored_rows, spec.task.residuals(scored_rows.labels, scored_answers))
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
        coverage=spec.task.coverage(spec, inputs, held_out, answers[best.name][:, 0], spread),
        baselines=tuple(
            evaluated(simple.name, _baseline(spec, simple, training_set, split)) for simple in spec.baselines
        ),
        candidates=tuple(
            evaluated(candidate.name, answers[candidate.name], candidate.folds_loss, candidate.out_of_fold.params)
            for candidate in competing
        ),
    )


def _baseline(spec: ModelSpec, simple: Baseline, training_set: TrainingSet, split: Split) -> Floats:
    return spec.task.baseline(simple.answers(training_set.table, split.train, len(spec.classes))[split.test])
