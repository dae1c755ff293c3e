"""The rows that teach, and what is found with them: rounds of boosting, parameters, what unseen rows get."""

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
class Unseen:
    """What models said of rows that taught them nothing."""

    params: Params
    scores: Scores
    """A row for each row that teaches; NaN for those that no model was asked about."""

    @property
    def seen(self) -> Rows:
        """The rows that have scores."""
        return ~np.isnan(self.scores[:, 0])


@dataclass(frozen=True)
class TrainingRows:
    """The rows that teach."""

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
        """The estimator, taught by all rows."""
        return estimator.fit(self.rows, self.targets, self.spec.task, len(self.plain.shift), params)

    def unseen(self, estimator: Estimator, params: Params, pairs: Pairs) -> Unseen:
        """With as many rounds of boosting as serve unseen rows best, unless the parameters say how many.

        A model grows no further once more rounds have served unseen rows no better.
        """
        choices = (
            [{**params, "rounds": rounds} for rounds in estimator.rounds]
            if estimator.rounds and "rounds" not in params
            else [params]
        )
        growing = [self._grown(estimator, params, learn) for learn, _ in pairs]
        with ThreadPoolExecutor(len(pairs)) as side_by_side:

            def told(choice: Params) -> Unseen:
                scores = np.full((len(self.rows), len(self.plain.shift)), np.nan)
                folds = side_by_side.map(lambda model, pair: next(model).scores(self.rows[pair[1]]), growing, pairs)
                for (_, asked), of_fold in zip(pairs, folds, strict=True):
                    scores[asked] = of_fold
                return Unseen(choice, scores)

            best = told(choices[0])
            for choice in choices[1:]:
                more = told(choice)
                if self.loss(more) >= self.loss(best):
                    break
                best = more
        return best

    def tuned(
        self, estimator: Estimator, pairs: Pairs, trials: int, tried: Callable[[], None] = lambda: None
    ) -> Unseen:
        """The best of so many trials, by the loss on the folds; the defaults are the first of them."""
        import optuna  # noqa: PLC0415  only a search needs it

        optuna.logging.set_verbosity(optuna.logging.WARNING)
        found: list[Unseen] = []

        def cost(trial: Any) -> float:
            found.append(self.unseen(estimator, estimator.suggest(trial) if trial.number else {}, pairs))
            tried()
            return self.loss(found[-1])

        optuna.create_study(sampler=optuna.samplers.TPESampler(seed=SEED)).optimize(cost, n_trials=trials)
        return min(found, key=self.loss)

    def calibrated(self, told: Unseen) -> Calibration:
        """What makes answers of such scores mean what they say."""
        seen = told.seen
        return calibrated(self.spec.task, told.scores[seen], self.labels[seen], self.rows[seen], self.plain)

    def loss(self, told: Unseen, calibration: Calibration | None = None) -> float:
        """The mean loss of unseen rows."""
        answers = (calibration or self.plain).applied(told.scores[told.seen], self.rows[told.seen], self.spec.task)
        return float(self.spec.task.losses(self.labels[told.seen], answers).mean())

    def _grown(self, estimator: Estimator, params: Params, learn: Rows) -> Iterator[Native]:
        return estimator.grown(self.rows[learn], self.targets[learn], self.spec.task, len(self.plain.shift), params)
