"""How good answers are, whatever the task: the reliability of probabilities, and the margin between two losses."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

Floats = npt.NDArray[np.float64]

BINS = 10
DRAWS = 1000


def reliability(labels: Floats, probabilities: Floats) -> list[tuple[float, float, int]]:
    """Mean probability, observed rate and rows, in bins of equal size."""
    order = np.argsort(probabilities, kind="stable")
    return [
        (float(probabilities[part].mean()), float(labels[part].mean()), len(part))
        for part in np.array_split(order, BINS)
        if len(part)
    ]


def calibration_error(labels: Floats, probabilities: Floats) -> float:
    """The mean distance of probability and observed rate over bins of equal size."""
    bins = reliability(labels, probabilities)
    return sum(abs(probability - rate) * rows for probability, rate, rows in bins) / len(labels)


def margin(better: Floats, worse: Floats, entity: npt.NDArray[np.int64], seed: int = 7) -> tuple[float, float, float]:
    """By how much the first losses lie below the second, and the bounds of its 95 % interval.

    Entities are drawn, not rows: one customer's weeks are one observation.
    """
    _, place = np.unique(entity, return_inverse=True)
    gain = np.bincount(place, worse - better)
    rows = np.bincount(place)
    rng = np.random.default_rng(seed)
    drawn = np.empty(DRAWS)
    for draw in range(DRAWS):
        times = rng.poisson(1.0, len(gain))
        drawn[draw] = float(times @ gain) / max(float(times @ rows), 1.0)
    low, high = np.quantile(drawn, [0.025, 0.975])
    return float((worse - better).mean()), float(low), float(high)
