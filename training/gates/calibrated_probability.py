"""A probability must mean what it says."""

from __future__ import annotations

from training.gates import Evidence, GateVerdict

LEAST = 0.02
SHARE = 0.25


def judge(evidence: Evidence) -> GateVerdict:
    """Probabilities are near the rates observed."""
    figures = evidence.fitted.best.figures
    error, base = figures["calibration_error"], figures["base_rate"]
    limit = max(LEAST, SHARE * base)
    return GateVerdict(
        "calibrated",
        "passed" if error <= limit else "failed",
        f"probability and observed rate are {error:.4f} apart on average, at most {limit:.4f} is accepted",
    )
