"""A feature that gives the answer by itself most likely looked it up."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt
from scipy.stats import rankdata

from training.gates import Evidence, GateVerdict
from training.metrics import Floats

LIMIT = 0.95
LIMIT_OF_NUMBERS = 0.995


def judge(evidence: Evidence) -> GateVerdict:
    """No single feature ranks labels with an AUC beyond the limit; for numbers, with such a rank correlation."""
    fitted = evidence.fitted
    rows, labels = fitted.rows.matrix[fitted.test].astype(np.float64), fitted.rows.labels[fitted.test]
    is_number = fitted.spec.task.is_regression
    limit = LIMIT_OF_NUMBERS if is_number else LIMIT
    strength = {
        name: _correlation(rows[:, place], labels)
        if is_number
        else max(_auc(rows[:, place], labels == one) for one in np.unique(labels))
        for place, name in enumerate(fitted.inputs.columns)
    }
    name, most = max(strength.items(), key=lambda one: one[1])
    what = "rank correlation" if is_number else "AUC"
    return GateVerdict(
        "no target leak",
        "passed" if most <= limit else "failed",
        f"the strongest feature alone is {name} with {what} {most:.3f}; more than {limit} is not believed",
    )


def _auc(values: Floats, positive: npt.NDArray[np.bool_]) -> float:
    """The AUC of the values in either direction; missing ones stand below all others."""
    ranks = rankdata(np.where(np.isnan(values), -np.inf, values))
    yes, no = positive.sum(), (~positive).sum()
    if not yes or not no:
        return 0.5
    found = (ranks[positive].sum() - yes * (yes + 1) / 2) / (yes * no)
    return float(max(found, 1 - found))


def _correlation(values: Floats, labels: Floats) -> float:
    there = ~np.isnan(values)
    if there.sum() < 30 or np.ptp(values[there]) == 0:
        return 0.0
    return float(abs(np.corrcoef(rankdata(values[there]), rankdata(labels[there]))[0, 1]))
