"""Few positives prove nothing, however many rows there are."""

from __future__ import annotations

from training.gates import Evidence, GateVerdict, enough_rows


def judge(evidence: Evidence) -> GateVerdict:
    """Enough rows to test with, and enough positives among them."""
    fitted, spec = evidence.fitted, evidence.fitted.spec
    of_rows, positives = enough_rows.judge(evidence), int(fitted.rows.labels[fitted.test].sum())
    return GateVerdict(
        of_rows.gate,
        of_rows.outcome if positives >= spec.enough_positives else "failed",
        f"{of_rows.reason}; {positives:,} of them are positive, at least {spec.enough_positives:,} are wanted",
    )
