"""Few rows prove nothing."""

from __future__ import annotations

from training.gates import Evidence, GateVerdict


def judge(evidence: Evidence) -> GateVerdict:
    """Enough rows to test with."""
    fitted, spec = evidence.fitted, evidence.fitted.spec
    labels = fitted.rows.labels[fitted.test]
    return GateVerdict(
        "enough rows",
        "passed" if len(labels) >= spec.enough_rows else "failed",
        f"{len(labels):,} test rows, at least {spec.enough_rows:,} are wanted",
    )
