"""Cross-validation: rounds of boosting and parameters, chosen by how models score rows that they were not fitted on."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from functools import cached_property
from typing import Any

import numpy as np

from training.calibrate import calibrated
from training.estimators import SEED, Estimator, Params
from training.graph import Calibration
from training.inputs import Matrix
from training.metrics import Floats
from training.native import Native, Scores
from training.specs import ModelSpec
from training.split import Pairs, Rows


@dataclass(frozen=True)
class OutOfFoldScores:
    """The scores of training rows by models that were fitted on other folds."""

    params: Params
    scores: Scores
    """A row for each training row; NaN for those that no fold tests."""

    @property
    def is_scored(self) -> Rows:
        """The rows that have scores."""
        return ~np.isnan(self.scores[:, 0])


@dataclass(frozen=True)
class CrossValidation:
    """Training rows, and what is measured on them."""

    spec: ModelSpec
    rows: Matrix
    labels: Floats
    plain: Calibration
    """What turns scores into answers before anything is calibrated."""

    @cached_property
    def targets(self) -> Floats:
        """What estimators fit."""
        return self.spec.task.targets(self.labels, self.rows, self.plain)

    def fitted(self, estimator: Estimator, params: Params) -> Native:
        """The estimator, fitted on all rows."""
        return estimator.fit(self.rows, self.targets, self.spec.task, len(self.plain.shift), params)

    def out_of_fold(self, estimator: Estimator, params: Params, pairs: Pairs) -> OutOfFoldScores:
        """With the rounds of boosting of the lowest loss, unless the parameters say how many.

        A model grows no further once more rounds have not lowered the loss.
        """
        choices = (
            [{**params, "rounds": rounds} for rounds in estimator.rounds]
            if estimator.rounds and "rounds" not in params
            else [params]
        )
        growing = [self._grown(estimator, params, train_rows) for train_rows, _ in pairs]
        with ThreadPoolExecutor(len(pairs)) as side_by_side:

            def scored(choice: Params) -> OutOfFoldScores:
                scores = np.full((len(self.rows), len(self.plain.shift)), np.nan)
                folds = side_by_side.map(lambda model, pair: next(model).scores(self.rows[pair[1]]), growing, pairs)
                for (_, test_rows), of_fold in zip(pairs, folds, strict=True):
                    scores[test_rows] = of_fold
                return OutOfFoldScores(choice, scores)

            best = scored(choices[0])
            for choice in choices[1:]:
                more = scored(choice)
                if self.loss(more) >= self.loss(best):
                    break
                best = more
        return best

    def tuned(
        self, estimator: Estimator, pairs: Pairs, trials: int, tried: Callable[[], None] = lambda: None
    ) -> OutOfFoldScores:
        """The best of so many trials, by the loss on the folds; the defaults are the first of them."""
        import optuna  # noqa: PLC0415  only a search needs it

        optuna.logging.set_verbosity(optuna.logging.WARNING)
        results: list[OutOfFoldScores] = []

        def cost(trial: Any) -> float:
            results.append(self.out_of_fold(estimator, estimator.suggest(trial) if trial.number else {}, pairs))
            tried()
            return self.loss(results[-1])

        optuna.create_study(sampler=optuna.samplers.TPESampler(seed=SEED)).optimize(cost, n_trials=trials)
        return min(results, key=self.loss)

    def calibrated(self, scores: OutOfFoldScores) -> Calibration:
        """What makes answers of such scores mean what they say."""
        rows = scores.is_scored
        return calibrated(self.spec.task, scores.scores[rows], self.labels[rows], self.rows[rows], self.plain)

    def loss(self, scores: OutOfFoldScores, calibration: Calibration | None = None) -> float:
        """The mean loss of the rows that have scores."""
        rows = scores.is_scored
        answers = (calibration or self.plain).applied(scores.scores[rows], self.rows[rows], self.spec.task)
        return float(self.spec.task.losses(self.labels[rows], answers).mean())

    def _grown(self, estimator: Estimator, params: Params, train_rows: Rows) -> Iterator[Native]:
        return estimator.grown(
            self.rows[train_rows], self.targets[train_rows], self.spec.task, len(self.plain.shift), params
        )
