"""The estimators that compete for one model: cross-validated on the same folds, calibrated, then fitted on all rows."""

from __future__ import annotations

from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, replace
from itertools import count

from training.arrays import RowArrays
from training.calibrate import recent_level
from training.cross_validation import CrossValidation, OutOfFoldScores
from training.estimators import ESTIMATORS, Estimator
from training.graph import Calibration
from training.inputs import Matrix
from training.metrics import Floats
from training.native import AveragedModel, LightGBMModel, Native, XGBoostModel
from training.progress import ShowProgress
from training.specs import ModelSpec
from training.split import folds, folds_by_entity
from training.task import Task


@dataclass(frozen=True)
class Candidate:
    """A model that may be chosen."""

    name: str
    native: Native
    calibration: Calibration
    out_of_fold: OutOfFoldScores
    """Its parameters, and the scores that they were chosen by."""
    by_entity: OutOfFoldScores
    """The scores of rows by models that knew the time and not the entity."""
    folds_loss: float

    def answers(self, rows: Matrix, task: Task) -> Floats:
        """Its answers for rows."""
        return self.calibration.applied(self.native.scores(rows), rows, task)


def candidates(
    spec: ModelSpec, train_rows: RowArrays, plain: Calibration, *, tune: int = 0, show: ShowProgress = lambda *_: None
) -> tuple[str, list[Candidate]]:
    """By what the folds were made, and a candidate of each estimator, the best of `tune` trials."""
    validation = CrossValidation(spec, train_rows.matrix, train_rows.labels, plain)
    folds_by, pairs = folds(train_rows.asked, train_rows.settled, train_rows.entity)
    steps, every = count(1), len(ESTIMATORS) * (tune + 1)

    def step() -> None:
        show(f"fit {spec.name}", next(steps), every)

    def candidate(estimator: Estimator) -> Candidate:
        out_of_fold = (
            validation.tuned(estimator, pairs, tune, step) if tune else validation.out_of_fold(estimator, {}, pairs)
        )
        by_entity = out_of_fold
        if spec.task.follows_trend and folds_by == "time":
            by_entity = validation.out_of_fold(estimator, out_of_fold.params, folds_by_entity(train_rows.entity))
        native = validation.fitted(estimator, out_of_fold.params)
        step()
        return calibrated(estimator.name, native, out_of_fold, by_entity)

    def calibrated(name: str, native: Native, out_of_fold: OutOfFoldScores, by_entity: OutOfFoldScores) -> Candidate:
        calibration = validation.calibrated(out_of_fold)
        folds_loss = validation.loss(out_of_fold, calibration)
        if spec.task.follows_trend:
            answers = calibration.applied(by_entity.scores, train_rows.matrix, spec.task)
            residuals = spec.task.residuals(train_rows.labels, answers)
            level = recent_level(residuals, train_rows.settled, train_rows.entity)
            calibration = replace(calibration, shift=(level,))
        return Candidate(name, native, calibration, out_of_fold, by_entity, folds_loss)

    def average(each: list[Candidate]) -> Iterator[Candidate]:
        """Of a number, the mean of the boosted models, which errs less than either; classes keep to one."""
        of_kind = {type(candidate.native): candidate for candidate in each}
        if spec.task.is_regression and {XGBoostModel, LightGBMModel} <= of_kind.keys():
            first, second = of_kind[XGBoostModel], of_kind[LightGBMModel]
            native = AveragedModel(first.native, second.native)  # type: ignore[arg-type]  # as their kinds say
            out_of_fold = OutOfFoldScores({}, (first.out_of_fold.scores + second.out_of_fold.scores) / 2)
            by_entity = OutOfFoldScores({}, (first.by_entity.scores + second.by_entity.scores) / 2)
            yield calibrated(f"{first.name} and {second.name}", native, out_of_fold, by_entity)

    show(f"fit {spec.name}", 0, every)
    with ThreadPoolExecutor(len(ESTIMATORS)) as side_by_side:
        each = list(side_by_side.map(candidate, ESTIMATORS))
    return folds_by, [*each, *average(each)]
