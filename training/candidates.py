"""The estimators that compete for one model: taught on the same folds side by side, calibrated, then taught by all."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, replace
from itertools import count

from training.arrays import RowArrays
from training.calibrate import recent_level
from training.estimators import ESTIMATORS, Estimator
from training.graph import Calibration
from training.inputs import Matrix
from training.metrics import Floats
from training.native import Native
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
        calibration = teach.calibrated(unseen)
        folds_loss = teach.loss(unseen, calibration)
        if spec.task.follows_trend:
            of_anybody = folds_by_entity(taught.entity)
            anybody = unseen if folds_by == "entity" else teach.unseen(estimator, unseen.params, of_anybody)
            answers = calibration.applied(anybody.scores, taught.matrix, spec.task)
            residuals = spec.task.residuals(taught.labels, answers)
            level = recent_level(residuals, taught.settled, taught.entity)
            calibration = replace(calibration, shift=(level,))
        native = teach.fitted(estimator, unseen.params)
        step()
        return Candidate(estimator.name, native, calibration, unseen, folds_loss)

    show(f"fit {spec.name}", 0, every)
    with ThreadPoolExecutor(len(ESTIMATORS)) as side_by_side:
        return folds_by, list(side_by_side.map(candidate, ESTIMATORS))
