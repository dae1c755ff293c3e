"""What prices need beyond other answers: something to be counted from, and intervals whose coverage is measured."""

from __future__ import annotations

import numpy as np

from training.arrays import RowArrays
from training.graph import Calibration, Start
from training.inputs import Inputs, Matrix
from training.intervals import Intervals, intervals
from training.metrics import Floats
from training.native import Scores
from training.specs import ModelSpec
from training.split import Rows

LEVELS = (0.5, 0.8, 0.9, 0.95)
"""The levels of which the coverage is told."""


def start_of(spec: ModelSpec, inputs: Inputs, rows: RowArrays) -> Start:
    """What the prices of these rows are counted from."""
    estimate, area = inputs.columns.index(spec.estimate), inputs.columns.index(spec.area)
    paid = rows.labels / rows.matrix[:, area]
    paid = paid[np.isfinite(paid)]
    return Start(estimate, area, float(np.median(paid)) if len(paid) else 1.0, float(np.median(rows.labels)))


def residuals_of(rows: RowArrays, scores: Scores, calibration: Calibration) -> Floats:
    """By how much the logarithms of prices lie above those that scores say."""
    return np.asarray(np.log(rows.labels) - np.log(calibration.applied(scores, rows.matrix, "price")[:, 0]))


def spread_of(spec: ModelSpec, inputs: Inputs, rows: RowArrays, residuals: Floats) -> Intervals:
    """How far off prices may be, from the residuals of rows that it was not trained on."""
    return intervals(residuals - np.median(residuals), *estimate_and_months(spec, inputs, rows.matrix))


def within(spec: ModelSpec, inputs: Inputs, rows: RowArrays, answers: Floats, spread: Intervals, level: float) -> Rows:
    """Which prices lie within their intervals of a level."""
    low, high = spread.bounds(answers, *estimate_and_months(spec, inputs, rows.matrix), level)
    return np.asarray((rows.labels >= low) & (rows.labels <= high))


def coverage_of(
    spec: ModelSpec, inputs: Inputs, rows: RowArrays, answers: Floats, spread: Intervals
) -> dict[str, float]:
    """The share of prices that lie within their intervals, by the level asked."""
    return {f"{level:.0%}": float(within(spec, inputs, rows, answers, spread, level).mean()) for level in LEVELS}


def estimate_and_months(spec: ModelSpec, inputs: Inputs, rows: Matrix) -> tuple[Rows, Floats]:
    """Of each row whether it has an estimate, and how many months ahead it asks."""
    column = inputs.columns.index
    return rows[:, column(spec.estimate)] > 0, rows[:, column("months_ahead")].astype(np.float64)
