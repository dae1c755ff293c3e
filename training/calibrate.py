"""From raw scores to answers that mean what they say, fitted to scores of rows that the model was not fitted on."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta

import numpy as np
import numpy.typing as npt
from scipy.optimize import minimize

from training.graph import Calibration
from training.metrics import Floats
from training.task import Task

RECENT = timedelta(days=28)
LEAST = 20


def calibrated(
    task: Task, scores: Floats, labels: Floats, rows: npt.NDArray[np.float32], plain: Calibration
) -> Calibration:
    """Slope and shift that make the loss of these scores least; the slope alone where `recent_level` says the shift."""
    moving = () if task.follows_trend else plain.shift

    def cost(at: Floats) -> float:
        tried = replace(plain, slope=float(at[0]), shift=tuple(at[1:].tolist()) or plain.shift)
        return float(task.losses(labels, tried.applied(scores, rows, task)).mean())

    bounds = [(0.05, task.largest_slope)] + [(-5.0, 5.0)] * len(moving)
    result = minimize(cost, np.array([1.0, *moving]), method="L-BFGS-B", bounds=bounds)
    return replace(plain, slope=float(result.x[0]), shift=tuple(result.x[1:].tolist()) or plain.shift)


def recent_level(residuals: Floats, settled: npt.NDArray[np.datetime64], entity: npt.NDArray[np.int64]) -> float:
    """By how much prices of the last weeks lie above what the model says of them, as far as that is no chance.

    Trees do not extrapolate: a market that moved on at the end of the training is met by this alone. Few sales move
    it little: it is shrunk by its own standard error, as James and Stein do.
    """
    last = settled >= settled.max() - np.timedelta64(RECENT)
    level, homes = float(np.median(residuals[last])), len(np.unique(entity[last]))
    if homes < LEAST or level == 0:
        return 0.0
    spread = 1.4826 * float(np.median(np.abs(residuals[last] - level)))
    error = 1.2533 * spread / homes**0.5  # of a median
    return float(level * max(0.0, 1 - (error / level) ** 2))
