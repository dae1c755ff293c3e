"""The rows that teach, and what is found with them: rounds of boosting, parameters, what unseen rows get."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property
from typing import Any

import numpy as np

from training.estimators import Estimator, Native, Params, Scores
from training.graph import Calibration
from training.inputs import Inputs, Matrix
from training.metrics import Floats, losses
from training.specs import ModelSpec
from training.split import Rows

Pairs = list[tuple[Rows, Rows]]


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
class Teaching:
    """The rows that teach."""

    spec: ModelSpec
    inputs: Inputs
    rows: Matrix
    labels: Floats
    plain: Calibration

    @cached_property
    def targets(self) -> Floats:
        """What estimators fit."""
        return self._targets(self.rows, self.labels)

    def fitted(self, estimator: Estimator, params: Params, learn: Rows | slice = slice(None)) -> Native:
        """The estimator, taught by some of the rows, or by all."""
        rows, labels = self.rows[learn], self.labels[learn]
        return estimator.fit(rows, self._targets(rows, labels), self.spec.task, len(self.spec.classes), params)

    def unseen(self, estimator: Estimator, params: Params, pairs: Pairs) -> Unseen:
        """With as many rounds of boosting as serve unseen rows best, unless the parameters say how many.

        Fewer rounds are the first ones of more: each model is fitted once.
        """
        choices = estimator.rounds if "rounds" not in params else ()
        scores = {rounds: np.full((len(self.rows), len(self.plain.shift)), np.nan) for rounds in choices or (None,)}
        for learn, asked in pairs:
            model = self.fitted(estimator, params, learn)
            for rounds, told in scores.items():
                told[asked] = model.scores(self.rows[asked], rounds)
        found = [Unseen({**params, "rounds": rounds} if rounds else params, told) for rounds, told in scores.items()]
        return min(found, key=self.loss)

    def tuned(self, estimator: Estimator, pairs: Pairs, trials: int) -> Unseen:
        """The best of so many trials, by the loss on the folds; the defaults are the first of them."""
        import optuna  # noqa: PLC0415  only a search needs it

        optuna.logging.set_verbosity(optuna.logging.WARNING)
        tried: list[Unseen] = []

        def cost(trial: Any) -> float:
            tried.append(self.unseen(estimator, dict(estimator.suggest(trial)) if trial.number else {}, pairs))
            return self.loss(tried[-1])

        optuna.create_study(sampler=optuna.samplers.TPESampler(seed=7)).optimize(cost, n_trials=trials)
        return min(tried, key=self.loss)

    def loss(self, told: Unseen, calibration: Calibration | None = None) -> float:
        """The mean loss of unseen rows."""
        answers = (calibration or self.plain).applied(told.scores[told.seen], self.rows[told.seen], self.spec.task)
        return float(losses(self.spec.task, self.labels[told.seen], answers).mean())

    def _targets(self, rows: Matrix, labels: Floats) -> Floats:
        return np.log(labels) - np.log(self.plain.start.of(rows)) if self.plain.start else labels
