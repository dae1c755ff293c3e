"""A probability must mean what it says, and an interval hold what it promises."""

from __future__ import annotations

import numpy as np

from training.breakdown import LEVEL, GroupResult, interval_groups
from training.fit import Fitted
from training.gates import Evidence, Verdict

LEAST = 0.02
SHARE = 0.25
OF_COVERAGE = 0.08
LEAST_ENTITIES = 30


def judge(evidence: Evidence) -> Verdict:
    """Probabilities are near the rates observed; intervals of 80 % hold about 80 %, in each group too."""
    fitted = evidence.fitted
    match fitted.spec.task:
        case "binary":
            error, base = fitted.best.figures["calibration_error"], fitted.best.figures["base_rate"]
            limit = max(LEAST, SHARE * base)
            return Verdict(
                "calibrated",
                "passed" if error <= limit else "failed",
                f"probability and observed rate are {error:.4f} apart on average, at most {limit:.4f} is accepted",
            )
        case "price":
            found, far = fitted.coverage["80%"], _failing_groups(fitted)
            return Verdict(
                "calibrated",
                "passed" if abs(found - LEVEL) <= OF_COVERAGE and not far else "failed",
                f"intervals of 80 % hold {found:.1%} of prices, at most {OF_COVERAGE:.0%} more or less is accepted"
                + "".join(
                    f"; {group.name}: {group.figures['coverage_80']:.1%} of {group.entities:,} homes', "
                    f"at most {tolerance(group.entities):.0%} more or less"
                    for group in far
                ),
            )
    labels, answers = fitted.rows.labels[fitted.test].astype(int), fitted.best.answers
    off = max(abs(answers[:, place].mean() - (labels == place).mean()) for place in range(answers.shape[1]))
    return Verdict(
        "calibrated",
        "passed" if off <= 3 * LEAST else "failed",
        f"the mean probability of a class is up to {off:.4f} off its share, at most {3 * LEAST:.4f} is accepted",
    )


def tolerance(entities: int) -> float:
    """How far the coverage of a group may be off: as far as that of all, and by what chance does to so few entities."""
    return OF_COVERAGE + 2 * float(np.sqrt(LEVEL * (1 - LEVEL) / entities))


def _failing_groups(fitted: Fitted) -> list[GroupResult]:
    return [
        group
        for group in interval_groups(fitted)
        if group.entities >= LEAST_ENTITIES and abs(group.figures["coverage_80"] - LEVEL) > tolerance(group.entities)
    ]
