"""What examines must come after all that taught."""

from __future__ import annotations

from training.gates import Evidence, Verdict


def judge(evidence: Evidence) -> Verdict:
    """No row teaches whose label was settled after the examination began. Features were checked as the set was made."""
    fitted = evidence.fitted
    settled = fitted.rows.settled[fitted.split.train].max()
    asked = fitted.rows.asked[fitted.test].min()
    return Verdict(
        "no leakage",
        "passed" if settled <= asked else "failed",
        f"labels that teach were settled by {str(settled)[:16]}, rows that examine are asked from {str(asked)[:16]} on",
    )
