"""Probabilities must be right on average."""

from __future__ import annotations

from training.gates import Evidence, GateVerdict

LIMIT = 0.25


def judge(evidence: Evidence) -> GateVerdict:
    """The mean probability is near the rate observed."""
    figures = evidence.fitted.best.figures
    ratio = figures["mean_probability"] / max(figures["base_rate"], 1e-9)
    return GateVerdict(
        "unbiased",
        "passed" if abs(ratio - 1) <= LIMIT else "failed",
        f"the mean probability is {figures['mean_probability']:.4f} where {figures['base_rate']:.4f} was observed, "
        f"{ratio:.2f} times as much; at most {LIMIT:.0%} off is accepted",
    )
