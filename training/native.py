"""A fitted model in its library's own form: raw scores out, what each column adds to them, and files without code.

Scores are log-odds for a yes or no, one logit a class, and the logarithm of a price.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol

import lightgbm as lgb
import numpy as np
import numpy.typing as npt
import xgboost as xgb

from training.inputs import Matrix
from training.trees import Trees, averaged, of_lightgbm, of_xgboost

Scores = npt.NDArray[np.float64]
THREADS = 1
"""Of a library, for one model. Two that must meet after every small step cost more than they save: models that are
fitted side by side use the cores better."""

_LAST_LINE = "pandas_categorical:"


class Native(Protocol):
    """A fitted model."""

    def scores(self, rows: Matrix) -> Scores:
        """Raw scores, a column each."""

    def contributions(self, rows: Matrix) -> Scores:
        """What each matrix column adds to each score: (rows, scores, columns)."""

    def save(self, folder: Path) -> tuple[Path, ...]:
        """Write the library's own format, which is no pickle; the files are returned."""


@dataclass(frozen=True)
class XGBoostModel:
    """Gradient boosting by XGBoost."""

    booster: xgb.Booster

    def scores(self, rows: Matrix) -> Scores:
        """Raw scores."""
        raw = np.asarray(self.booster.inplace_predict(rows, predict_type="margin"), np.float64)
        return raw.reshape(len(rows), -1)

    def contributions(self, rows: Matrix) -> Scores:
        """SHAP values."""
        found = np.asarray(self.booster.predict(xgb.DMatrix(rows, nthread=THREADS), pred_contribs=True), np.float64)
        return found.reshape(len(rows), -1, rows.shape[1] + 1)[:, :, :-1]

    def save(self, folder: Path) -> tuple[Path, ...]:
        """UBJ."""
        file = folder / "model.ubj"
        self.booster.save_model(file)
        return (file,)

    def trees(self) -> Trees:
        """As plain arrays."""
        return of_xgboost(self.booster)


@dataclass(frozen=True)
class LightGBMModel:
    """Gradient boosting by LightGBM."""

    booster: lgb.Booster

    def scores(self, rows: Matrix) -> Scores:
        """Raw scores."""
        raw = np.asarray(self.booster.predict(rows, raw_score=True, num_threads=THREADS), np.float64)
        return raw.reshape(len(rows), -1)

    def contributions(self, rows: Matrix) -> Scores:
        """SHAP values."""
        found = np.asarray(self.booster.predict(rows, pred_contrib=True, num_threads=THREADS), np.float64)
        return found.reshape(len(rows), -1, rows.shape[1] + 1)[:, :, :-1]

    def save(self, folder: Path) -> tuple[Path, ...]:
        """LightGBM's text."""
        file = folder / "model.txt"
        file.write_text(self.booster.model_to_string(), encoding="utf-8")
        return (file,)

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

    def scores(self, rows: Matrix) -> Scores:
        """Raw scores."""
        level, gap = self._standardised(rows)
        return np.asarray(level @ self.weights + gap @ self.missing + self.intercept)

    def contributions(self, rows: Matrix) -> Scores:
        """Weight times distance from the mean."""
        level, gap = self._standardised(rows)
        return np.asarray(np.einsum("rc,cs->rsc", level, self.weights) + np.einsum("rc,cs->rsc", gap, self.missing))

    def save(self, folder: Path) -> tuple[Path, ...]:
        """JSON."""
        file = folder / "model.json"
        parts = ("mean", "scale", "weights", "missing", "intercept")
        file.write_text(json.dumps({name: getattr(self, name).tolist() for name in parts}), encoding="utf-8")
        return (file,)

    def _standardised(self, rows: Matrix) -> tuple[Scores, npt.NDArray[np.bool_]]:
        gap = np.isnan(rows)
        return np.where(gap, 0, (rows - self.mean) / self.scale), gap


@dataclass(frozen=True)
class AveragedModel:
    """The mean of two boosted models, each of a library of its own: their errors are not the same."""

    first: XGBoostModel
    second: LightGBMModel

    def scores(self, rows: Matrix) -> Scores:
        """Raw scores."""
        return np.asarray((self.first.scores(rows) + self.second.scores(rows)) / 2)

    def contributions(self, rows: Matrix) -> Scores:
        """The mean of SHAP values."""
        return np.asarray((self.first.contributions(rows) + self.second.contributions(rows)) / 2)

    def save(self, folder: Path) -> tuple[Path, ...]:
        """Each in its own format."""
        return (*self.first.save(folder), *self.second.save(folder))

    def trees(self) -> Trees:
        """As plain arrays."""
        return averaged(self.first.trees(), self.second.trees())


def load_native(files: Mapping[str, bytes]) -> Native:
    """A model from its library's own format, by the names of its files; nothing in them is run."""
    each = [_loaded(name, content) for name, content in sorted(files.items())]
    match each:
        case [only]:
            return only
        case [LightGBMModel() as second, XGBoostModel() as first]:
            return AveragedModel(first, second)
    raise ValueError(f"expected one model, or one of each boosting library, found {', '.join(sorted(files))}")


def _loaded(name: str, content: bytes) -> Native:
    match name:
        case "model.ubj":
            booster = xgb.Booster({"nthread": THREADS})
            booster.load_model(bytearray(content))
            return XGBoostModel(booster)
        case "model.txt":
            return LightGBMModel(lgb.Booster(model_str=_whole(content.decode())))
        case "model.json":
            parts = json.loads(content)
            return LinearModel(**{name: np.asarray(values, np.float64) for name, values in parts.items()})
    raise ValueError(f"expected model.ubj, model.txt or model.json, found {name}")


def _whole(text: str) -> str:
    """LightGBM's text, if it ends as LightGBM's Python package ends it.

    LightGBM itself reads a text that was cut short beyond its end, or takes the trees that are left for the model.
    """
    last = text.rstrip("\n").rpartition("\n")[2]
    if not last.startswith(_LAST_LINE):
        raise ValueError(
            f"expected LightGBM's text to end with a line `{_LAST_LINE}...`, found {last[-40:]!r}. The file was "
            "cut short: train the model again, or roll back to a version whose file is whole."
        )
    return text
