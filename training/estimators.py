"""The estimators that compete: each library behind one shape, missing values in its own best way.

Classes are not reweighted: that would move the probabilities, and they are what is sold here.
"""

from __future__ import annotations

import threading
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from itertools import pairwise
from typing import Any, Protocol

import lightgbm as lgb
import numpy as np
import xgboost as xgb
from sklearn.linear_model import LogisticRegression, Ridge

from training.inputs import Matrix
from training.native import THREADS, LightGBMModel, LinearModel, Native, Scores, XGBoostModel
from training.task import Task

Params = Mapping[str, Any]
SEED = 7
FEW = 10_000
ROUNDS = (30, 60, 120, 240, 480, 960)
_ONE_AT_A_TIME = threading.Lock()
"""Of LightGBM's data sets: folds are fitted side by side, and two under construction have crashed a process."""


class Estimator(Protocol):
    """How to fit a model."""

    @property
    def name(self) -> str:
        """The library and kind."""

    @property
    def rounds(self) -> tuple[int, ...]:
        """After how many rounds of boosting to look at a model, fewest first; none where there are no rounds."""

    def fit(self, rows: Matrix, labels: Scores, task: Task, outputs: int, params: Params) -> Native:
        """Fit it. `params` replace defaults."""

    def grown(self, rows: Matrix, labels: Scores, task: Task, outputs: int, params: Params) -> Iterator[Native]:
        """The one model after each of `rounds`, or after those that `params` ask for. It is looked at, then grows."""

    def suggest(self, trial: Any) -> Params:
        """Parameters to try, from an Optuna trial."""


@dataclass(frozen=True)
class XGBoost:
    """Missing values take the side that serves best at each split."""

    name: str = "xgboost"
    rounds: tuple[int, ...] = ROUNDS

    def fit(self, rows: Matrix, labels: Scores, task: Task, outputs: int, params: Params) -> XGBoostModel:
        """Fit it."""
        *_, last = self.grown(rows, labels, task, outputs, params)
        return last

    def grown(self, rows: Matrix, labels: Scores, task: Task, outputs: int, params: Params) -> Iterator[XGBoostModel]:
        """Grow it."""
        asked = {
            "eta": 0.05,
            "max_depth": _size(task, len(rows), small=5, large=6),
            "min_child_weight": 5,
            "subsample": 0.8,
            "colsample_bytree": 0.6,
            "lambda": 5.0,
            "tree_method": "hist",
            "nthread": THREADS,
            "seed": SEED,
            # Else chance goes on from wherever the thread at hand has left it.
            "seed_per_iteration": True,
            **task.estimation(self.name, outputs),
            **{name: value for name, value in params.items() if name != "rounds"},
        }
        train_data = xgb.DMatrix(rows, labels, nthread=THREADS)
        booster = xgb.Booster(asked, [train_data])
        for first, last in pairwise((0, *_stages(self.rounds, params))):
            for done in range(first, last):
                booster.update(train_data, done)
            yield XGBoostModel(booster)

    def suggest(self, trial: Any) -> Params:
        """Parameters to try."""
        return {
            "eta": trial.suggest_float("eta", 0.02, 0.15, log=True),
            "max_depth": trial.suggest_int("max_depth", 3, 8),
            "min_child_weight": trial.suggest_float("min_child_weight", 1, 50, log=True),
            "subsample": trial.suggest_float("subsample", 0.5, 1),
            "colsample_bytree": trial.suggest_float("colsample_bytree", 0.3, 1),
            "lambda": trial.suggest_float("lambda", 0.1, 50, log=True),
        }


@dataclass(frozen=True)
class LightGBM:
    """Missing values take the side that serves best at each split."""

    name: str = "lightgbm"
    rounds: tuple[int, ...] = ROUNDS

    def fit(self, rows: Matrix, labels: Scores, task: Task, outputs: int, params: Params) -> LightGBMModel:
        """Fit it, with thresholds that float32 can hold: a lower one divides the same float32 values."""
        *_, last = self.grown(rows, labels, task, outputs, params)
        return LightGBMModel(lgb.Booster(model_str=_in_float32(last.booster.model_to_string())))

    def grown(self, rows: Matrix, labels: Scores, task: Task, outputs: int, params: Params) -> Iterator[LightGBMModel]:
        """Grow it."""
        asked = {
            "learning_rate": 0.04,
            "num_leaves": _size(task, len(rows), small=15, large=31),
            "min_data_in_leaf": 40,
            "bagging_fraction": 0.8,
            "bagging_freq": 1,
            "feature_fraction": 0.6,
            "lambda_l2": 5.0,
            "num_threads": THREADS,
            "seed": SEED,
            "deterministic": True,
            "force_row_wise": True,
            "verbosity": -1,
            **task.estimation(self.name, outputs),
            **{name: value for name, value in params.items() if name != "rounds"},
        }
        with _ONE_AT_A_TIME:
            booster = lgb.Booster(asked, lgb.Dataset(rows, labels))
        for first, last in pairwise((0, *_stages(self.rounds, params))):
            for _ in range(first, last):
                booster.update()
            yield LightGBMModel(booster)

    def suggest(self, trial: Any) -> Params:
        """Parameters to try."""
        return {
            "learning_rate": trial.suggest_float("learning_rate", 0.02, 0.15, log=True),
            "num_leaves": trial.suggest_int("num_leaves", 7, 63, log=True),
            "min_data_in_leaf": trial.suggest_int("min_data_in_leaf", 5, 200, log=True),
            "bagging_fraction": trial.suggest_float("bagging_fraction", 0.5, 1),
            "feature_fraction": trial.suggest_float("feature_fraction", 0.3, 1),
            "lambda_l2": trial.suggest_float("lambda_l2", 0.1, 50, log=True),
        }


@dataclass(frozen=True)
class Linear:
    """Scikit-learn's logistic or ridge regression, told apart which values are missing."""

    name: str = "linear"
    rounds: tuple[int, ...] = ()

    def fit(self, rows: Matrix, labels: Scores, task: Task, outputs: int, params: Params) -> LinearModel:
        """Fit it."""
        gap = np.isnan(rows)
        there = np.maximum((~gap).sum(axis=0), 1)
        mean = np.where(gap, 0, rows).sum(axis=0, dtype=np.float64) / there
        spread = np.sqrt(np.where(gap, 0, (rows - mean) ** 2).sum(axis=0) / there)
        scale = np.where(spread > 0, spread, 1.0)
        wide = np.hstack([np.where(gap, 0, (rows - mean) / scale), gap])
        if task.is_regression:
            fitted = Ridge(alpha=params.get("alpha", 10.0)).fit(wide, labels)
            weights, intercept = fitted.coef_.reshape(1, -1), np.atleast_1d(fitted.intercept_)
        else:
            # A few steps of Newton's, where L-BFGS takes hundreds.
            fitted = LogisticRegression(C=params.get("C", 0.1), solver="newton-cholesky", tol=1e-6).fit(wide, labels)
            weights, intercept = fitted.coef_, fitted.intercept_
            if outputs > 1:
                weights, intercept = _for_all(weights, intercept, fitted.classes_, outputs)
        half = rows.shape[1]
        return LinearModel(mean, scale, weights[:, :half].T, weights[:, half:].T, intercept)

    def grown(self, rows: Matrix, labels: Scores, task: Task, outputs: int, params: Params) -> Iterator[LinearModel]:
        """Fit it: it does not grow."""
        yield self.fit(rows, labels, task, outputs, params)

    def suggest(self, trial: Any) -> Params:
        """Parameters to try."""
        return {
            "C": trial.suggest_float("C", 1e-3, 10, log=True),
            "alpha": trial.suggest_float("alpha", 0.1, 1e3, log=True),
        }


ESTIMATORS: tuple[Estimator, ...] = (Linear(), XGBoost(), LightGBM())


def _stages(rounds: tuple[int, ...], params: Params) -> tuple[int, ...]:
    return (params["rounds"],) if "rounds" in params else rounds


def _size(task: Task, rows: int, small: int, large: int) -> int:
    """How fine trees are: for a number as its rows allow; for a class, mostly noise, in between."""
    if not task.is_regression:
        return (small + large) // 2
    return small if rows < FEW else large


def _for_all(weights: Scores, intercept: Scores, seen: Scores, classes: int) -> tuple[Scores, Scores]:
    """Classes that no training row had get the lowest of scores."""
    if len(seen) == 2:  # of two classes scikit-learn tells the odds of the second
        weights, intercept = np.vstack([-weights, weights]) / 2, np.concatenate([-intercept, intercept]) / 2
    whole, lowest = np.zeros((classes, weights.shape[1])), np.full(classes, -20.0)
    whole[seen.astype(int)], lowest[seen.astype(int)] = weights, intercept
    return whole, lowest


def _in_float32(text: str) -> str:
    """A LightGBM model whose thresholds are the next float32 at or below."""
    lines = text.split("\n")
    for place, line in enumerate(lines):
        if line.startswith("threshold="):
            values = np.array(line.removeprefix("threshold=").split(), np.float64)
            near = values.astype(np.float32)
            low = np.where(near.astype(np.float64) > values, np.nextafter(near, np.float32(-np.inf)), near)
            lines[place] = "threshold=" + " ".join(repr(float(value)) for value in low)
    # The sizes of trees are offsets into the text, and LightGBM reads without them.
    return "\n".join(line for line in lines if not line.startswith("tree_sizes="))
