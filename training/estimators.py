"""The estimators that compete: each library behind one shape, raw scores out, missing values in its own best way.

Scores are log-odds for a yes or no, one logit a class, and the logarithm of a price. Classes are not reweighted:
that would move the probabilities, and they are what is sold here.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Protocol

import lightgbm as lgb
import numpy as np
import numpy.typing as npt
import xgboost as xgb
from sklearn.linear_model import LogisticRegression, Ridge

from training.inputs import Matrix
from training.specs import Task
from training.trees import Trees, of_lightgbm, of_xgboost

Scores = npt.NDArray[np.float64]
Params = Mapping[str, Any]
SEED = 7
THREADS = 2
FEW = 10_000
ROUNDS = (30, 60, 120, 240, 480)


class Native(Protocol):
    """A fitted model in its library's own form."""

    def scores(self, rows: Matrix, rounds: int | None = None) -> Scores:
        """Raw scores, a column each; of boosting, by its first so many rounds."""

    def contributions(self, rows: Matrix) -> Scores:
        """What each matrix column adds to each score: (rows, scores, columns)."""

    def save(self, folder: Path) -> Path:
        """Write the library's own format, which is no pickle; the file's place is returned."""


class Estimator(Protocol):
    """How to fit one."""

    @property
    def name(self) -> str:
        """The library and kind."""

    @property
    def rounds(self) -> tuple[int, ...]:
        """How many rounds of boosting to choose from, on the folds; none where there are no rounds."""

    def fit(self, rows: Matrix, labels: Scores, task: Task, classes: int, params: Params) -> Native:
        """Fit it. `params` replace defaults."""

    def suggest(self, trial: Any) -> Params:
        """Parameters to try, from an Optuna trial."""


@dataclass(frozen=True)
class XGBoostModel:
    """Gradient boosting by XGBoost."""

    booster: xgb.Booster

    def scores(self, rows: Matrix, rounds: int | None = None) -> Scores:
        """Raw scores."""
        raw = np.asarray(
            self.booster.inplace_predict(rows, iteration_range=(0, rounds or 0), predict_type="margin"), np.float64
        )
        return raw.reshape(len(rows), -1)

    def contributions(self, rows: Matrix) -> Scores:
        """SHAP values."""
        found = np.asarray(self.booster.predict(xgb.DMatrix(rows), pred_contribs=True), np.float64)
        return found.reshape(len(rows), -1, rows.shape[1] + 1)[:, :, :-1]

    def save(self, folder: Path) -> Path:
        """UBJ."""
        file = folder / "model.ubj"
        self.booster.save_model(file)
        return file

    def trees(self) -> Trees:
        """As plain arrays."""
        return of_xgboost(self.booster)


@dataclass(frozen=True)
class LightGBMModel:
    """Gradient boosting by LightGBM."""

    booster: lgb.Booster

    def scores(self, rows: Matrix, rounds: int | None = None) -> Scores:
        """Raw scores."""
        raw = np.asarray(
            self.booster.predict(rows, raw_score=True, num_iteration=rounds, num_threads=THREADS), np.float64
        )
        return raw.reshape(len(rows), -1)

    def contributions(self, rows: Matrix) -> Scores:
        """SHAP values."""
        found = np.asarray(self.booster.predict(rows, pred_contrib=True, num_threads=THREADS), np.float64)
        return found.reshape(len(rows), -1, rows.shape[1] + 1)[:, :, :-1]

    def save(self, folder: Path) -> Path:
        """LightGBM's text."""
        file = folder / "model.txt"
        file.write_text(self.booster.model_to_string(), encoding="utf-8")
        return file

    def trees(self) -> Trees:
        """As plain arrays."""
        return of_lightgbm(self.booster)


@dataclass(frozen=True)
class LinearModel:
    """A linear model over standardised columns and, for each column with gaps, whether it is missing."""

    mean: Scores
    scale: Scores
    weights: Scores
    """(columns, scores)"""
    missing: Scores
    """(columns, scores): what a missing value adds."""
    intercept: Scores

    def scores(self, rows: Matrix, rounds: int | None = None) -> Scores:  # noqa: ARG002  there are no rounds
        """Raw scores."""
        level, gap = self._standardised(rows)
        return np.asarray(level @ self.weights + gap @ self.missing + self.intercept)

    def contributions(self, rows: Matrix) -> Scores:
        """Weight times distance from the mean."""
        level, gap = self._standardised(rows)
        return np.asarray(np.einsum("rc,cs->rsc", level, self.weights) + np.einsum("rc,cs->rsc", gap, self.missing))

    def _standardised(self, rows: Matrix) -> tuple[Scores, npt.NDArray[np.bool_]]:
        gap = np.isnan(rows)
        return np.where(gap, 0, (rows - self.mean) / self.scale), gap

    def save(self, folder: Path) -> Path:
        """JSON."""
        file = folder / "model.json"
        parts = ("mean", "scale", "weights", "missing", "intercept")
        file.write_text(json.dumps({name: getattr(self, name).tolist() for name in parts}), encoding="utf-8")
        return file


def load_native(file: Path) -> Native:
    """A model from its library's own format: by the name of the file, and nothing in it is run."""
    match file.name:
        case "model.ubj":
            booster = xgb.Booster()
            booster.load_model(file)
            return XGBoostModel(booster)
        case "model.txt":
            return LightGBMModel(lgb.Booster(model_str=file.read_text(encoding="utf-8")))
        case "model.json":
            parts = json.loads(file.read_text(encoding="utf-8"))
            return LinearModel(**{name: np.asarray(values, np.float64) for name, values in parts.items()})
    raise ValueError(f"expected model.ubj, model.txt or model.json, found {file.name}")


@dataclass(frozen=True)
class XGBoost:
    """Missing values take the side that serves best at each split."""

    name: str = "xgboost"
    rounds: tuple[int, ...] = ROUNDS

    def fit(self, rows: Matrix, labels: Scores, task: Task, classes: int, params: Params) -> XGBoostModel:
        """Fit it."""
        asked = {
            "objective": {"binary": "binary:logistic", "multiclass": "multi:softprob", "price": "reg:pseudohubererror"}[
                task
            ],
            "huber_slope": 0.3,
            "base_score": 0.0 if task == "price" else 0.5,
            "eta": 0.05,
            "max_depth": _size(task, len(rows), small=5, large=6),
            "min_child_weight": 5,
            "subsample": 0.8,
            "colsample_bytree": 0.6,
            "lambda": 5.0,
            "tree_method": "hist",
            "nthread": THREADS,
            "seed": SEED,
            "rounds": self.rounds[-1],
            **params,
        }
        if task == "multiclass":
            asked["num_class"] = classes
        if task != "price":
            del asked["huber_slope"]
        rounds = asked.pop("rounds")
        return XGBoostModel(xgb.train(asked, xgb.DMatrix(rows, labels), num_boost_round=rounds))

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

    def fit(self, rows: Matrix, labels: Scores, task: Task, classes: int, params: Params) -> LightGBMModel:
        """Fit it, with thresholds that float32 can hold: a lower one divides the same float32 values."""
        asked = {
            "objective": {"binary": "binary", "multiclass": "multiclass", "price": "huber"}[task],
            "alpha": 0.3,
            "learning_rate": 0.04,
            "num_leaves": _size(task, len(rows), small=15, large=31),
            "min_data_in_leaf": 10 if task == "price" else 40,
            "bagging_fraction": 0.8,
            "bagging_freq": 1,
            "feature_fraction": 0.6,
            "lambda_l2": 5.0,
            "num_threads": THREADS,
            "seed": SEED,
            "deterministic": True,
            "force_row_wise": True,
            "verbosity": -1,
            "rounds": self.rounds[-1],
            **params,
        }
        if task == "multiclass":
            asked["num_class"] = classes
        rounds = asked.pop("rounds")
        fitted = lgb.train(asked, lgb.Dataset(rows, labels, free_raw_data=True), num_boost_round=rounds)
        return LightGBMModel(lgb.Booster(model_str=_in_float32(fitted.model_to_string())))

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

    def fit(self, rows: Matrix, labels: Scores, task: Task, classes: int, params: Params) -> LinearModel:
        """Fit it.."""
        gap = np.isnan(rows)
        with np.errstate(invalid="ignore"):
            mean = np.where(
                gap.all(axis=0), 0, np.nansum(rows, axis=0, dtype=np.float64) / np.maximum((~gap).sum(axis=0), 1)
            )
        spread = np.sqrt(np.where(gap, 0, (rows - mean) ** 2).sum(axis=0) / np.maximum((~gap).sum(axis=0), 1))
        scale = np.where(spread > 0, spread, 1.0)
        wide = np.hstack([np.where(gap, 0, (rows - mean) / scale), gap])
        if task == "price":
            fitted = Ridge(alpha=params.get("alpha", 10.0)).fit(wide, labels)
            weights, intercept = fitted.coef_.reshape(1, -1), np.atleast_1d(fitted.intercept_)
        else:
            fitted = LogisticRegression(C=params.get("C", 0.1), max_iter=500).fit(wide, labels)
            weights, intercept = fitted.coef_, fitted.intercept_
            if task == "multiclass":
                weights, intercept = _for_all(weights, intercept, fitted.classes_, classes)
        half = rows.shape[1]
        return LinearModel(
            mean.astype(np.float64), scale.astype(np.float64), weights[:, :half].T, weights[:, half:].T, intercept
        )

    def suggest(self, trial: Any) -> Params:
        """Parameters to try."""
        return {
            "C": trial.suggest_float("C", 1e-3, 10, log=True),
            "alpha": trial.suggest_float("alpha", 0.1, 1e3, log=True),
        }


ESTIMATORS: tuple[Estimator, ...] = (Linear(), XGBoost(), LightGBM())


def _size(task: Task, rows: int, small: int, large: int) -> int:
    """How fine trees are: for a price as its rows allow; for a yes or no, mostly noise, in between."""
    if task != "price":
        return (small + large) // 2
    return small if rows < FEW else large


def _for_all(weights: Scores, intercept: Scores, seen: Scores, classes: int) -> tuple[Scores, Scores]:
    """Classes that no training row had get the lowest of scores."""
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
