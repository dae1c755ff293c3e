"""The estimators that compete for one model: taught on the same folds side by side, calibrated, then taught by all."""

from __future__ import annotations

from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, replace
from itertools import count

from training.arrays import RowArrays
from training.calibrate import recent_level
from training.estimators import ESTIMATORS, Estimator
from training.graph import Calibration
from training.inputs import Matrix
from training.metrics import Floats
from training.native import AveragedModel, LightGBMModel, Native, XGBoostModel
from training.progress import ShowProgress
from training.specs import ModelSpec
from training.split import folds, folds_by_entity
from training.task import Task
from training.teaching import TrainingRows, Unseen


@dataclass(frozen=True)
class Candidate:
    """A model that may be chosen."""

    name: str
    native: Native
    calibration: Calibration
    unseen: Unseen
    """Its parameters, and the scores that they were chosen by."""
    anybody: Unseen
    """The scores of rows by models that knew the time and not the entity."""
    folds_loss: float

    def answers(self, rows: Matrix, task: Task) -> Floats:
        """Its answers for rows."""
        return self.calibration.applied(self.native.scores(rows), rows, task)


def candidates(
    spec: ModelSpec, taught: RowArrays, plain: Calibration, *, tune: int = 0, show: ShowProgress = lambda *_: None
) -> tuple[str, list[Candidate]]:
    """By what the folds were made, and a candidate of each estimator, the best of `tune` trials."""
    teach = TrainingRows(spec, taught.matrix, taught.labels, plain)
    folds_by, pairs = folds(taught.asked, taught.settled, taught.entity)
    steps, every = count(1), len(ESTIMATORS) * (tune + 1)

    def step() -> None:
        show(f"fit {spec.name}", next(steps), every)

    def candidate(estimator: Estimator) -> Candidate:
        unseen = teach.tuned(estimator, pairs, tune, step) if tune else teach.unseen(estimator, {}, pairs)
        anybody = unseen
        if spec.task.follows_trend and folds_by == "time":
            anybody = teach.unseen(estimator, unseen.params, folds_by_entity(taught.entity))
        native = teach.fitted(estimator, unseen.params)
        step()
        return calibrated(estimator.name, native, unseen, anybody)

    def calibrated(name: str, native: Native, unseen: Unseen, anybody: Unseen) -> Candidate:
        calibration = teach.calibrated(unseen)
        folds_loss = teach.loss(unseen, calibration)
        if spec.task.follows_trend:
            answers = calibration.applied(anybody.scores, taught.matrix, spec.task)
            residuals = spec.task.residuals(taught.labels, answers)
            level = recent_level(residuals, taught.settled, taught.entity)
            calibration = replace(calibration, shift=(level,))
        return Candidate(name, native, calibration, unseen, anybody, folds_loss)

    def average(each: list[Candidate]) -> Iterator[Candidate]:
        """Of a number, the mean of the boosted models, which errs less than either; classes keep to one."""
        of_kind = {type(one.native): one for one in each}
        if spec.task.is_regression and {XGBoostModel, LightGBMModel} <= of_kind.keys():
            first, second = of_kind[XGBoostModel], of_kind[LightGBMModel]
            native = AveragedModel(first.native, second.native)  # type: ignore[arg-type]  # as their kinds say
            unseen = Unseen({}, (first.unseen.scores + second.unseen.scores) / 2)
            anybody = Unseen({}, (first.anybody.scores + second.anybody.scores) / 2)
            yield calibrated(f"{first.name} and {second.name}", native, unseen, anybody)

    show(f"fit {spec.name}", 0, every)
    with ThreadPoolExecutor(len(ESTIMATORS)) as side_by_side:
        each = list(side_by_side.map(candidate, ESTIMATORS))
    return folds_by, [*each, *average(each)]
