"""The probabilities of several classes must mean what they say."""

from __future__ import annotations

from training.gates import Evidence, GateVerdict

LIMIT = 0.06


def judge(evidence: Evidence) -> GateVerdict:
    """The mean probability of each class is near its share."""
    fitted = evidence.fitted
    labels, answers = fitted.rows.labels[fitted.test].astype(int), fitted.best.answers
    off = max(abs(answers[:, place].mean() - (labels == place).mean()) for place in range(answers.shape[1]))
    return GateVerdict(
        "calibrated",
        "passed" if off <= LIMIT else "failed",
        f"the mean probability of a class is up to {off:.4f} off its share, at most {LIMIT:.4f} is accepted",
    )
