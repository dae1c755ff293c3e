"""Few rows prove nothing."""

from __future__ import annotations

from training.gates import Evidence, Verdict


def judge(evidence: Evidence) -> Verdict:
    """Enough rows to test with, and for a binary question enough positives."""
    fitted, spec = evidence.fitted, evidence.fitted.spec
    labels = fitted.rows.labels[fitted.test]
    reason = f"{len(labels):,} test rows, at least {spec.enough_rows:,} are wanted"
    enough = len(labels) >= spec.enough_rows
    if spec.task == "binary":
        positives = int(labels.sum())
        enough = enough and positives >= spec.enough_positives
        reason += f"; {positives:,} of them are positive, at least {spec.enough_positives:,} are wanted"
    return Verdict("enough rows", "passed" if enough else "failed", reason)
