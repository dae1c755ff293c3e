"""A challenger must not be worse than the champion."""

from __future__ import annotations

from training.gates import Evidence, Verdict
from training.metrics import losses, margin

NEGLIGIBLE = 1e-4
"""Of the champion's loss. A champion answers in float32, so that even its twin differs from it by a trifle, always."""


def judge(evidence: Evidence) -> Verdict:
    """Its loss is not above the champion's by more than chance between entities would explain."""
    if evidence.champion is None:
        return Verdict(
            "not worse than the champion", "does not apply", "there is no champion that can answer these rows"
        )
    fitted = evidence.fitted
    labels, entity = fitted.rows.labels[fitted.test], fitted.rows.entity[fitted.test]
    task = fitted.spec.task
    ours, theirs = losses(task, labels, fitted.best.answers), losses(task, labels, evidence.champion)
    gain, low, high = margin(ours, theirs, entity)
    least = -NEGLIGIBLE * float(theirs.mean())
    return Verdict(
        "not worse than the champion",
        "failed" if high < least else "passed",
        f"loss {ours.mean():.4f} against {theirs.mean():.4f} of version {evidence.champion_version}: "
        f"{gain:.4f} less, 95 % interval {low:.4f} to {high:.4f}, which must not lie below {least:.6f}",
    )
