"""A probability must mean what it says, and an interval hold what it promises."""

from __future__ import annotations

from training.gates import Evidence, Verdict

LEAST = 0.02
SHARE = 0.25
OF_COVERAGE = 0.08


def judge(evidence: Evidence) -> Verdict:
    """The mean distance of said and seen is small beside the base rate; 80 % intervals hold about 80 %."""
    fitted = evidence.fitted
    match fitted.spec.task:
        case "binary":
            error, base = fitted.best.figures["calibration_error"], fitted.best.figures["base_rate"]
            limit = max(LEAST, SHARE * base)
            return Verdict(
                "calibrated",
                "passed" if error <= limit else "failed",
                f"said and seen are {error:.4f} apart on average, at most {limit:.4f} is accepted",
            )
        case "price":
            found = fitted.coverage["80%"]
            return Verdict(
                "calibrated",
                "passed" if abs(found - 0.8) <= OF_COVERAGE else "failed",
                f"intervals of 80 % hold {found:.1%} of prices, at most {OF_COVERAGE:.0%} more or less is accepted",
            )
    labels, answers = fitted.rows.labels[fitted.test].astype(int), fitted.best.answers
    off = max(abs(answers[:, place].mean() - (labels == place).mean()) for place in range(answers.shape[1]))
    return Verdict(
        "calibrated",
        "passed" if off <= 3 * LEAST else "failed",
        f"the mean probability of a class is up to {off:.4f} off its share, at most {3 * LEAST:.4f} is accepted",
    )
