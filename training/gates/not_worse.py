"""A challenger must not be worse than the champion."""

from __future__ import annotations

import numpy as np

from training.gates import Evidence, GateVerdict
from training.metrics import margin

NEGLIGIBLE = 1e-4
"""Of the champion's loss. A champion answers in float32, so that even its twin differs from it by a trifle, always."""


def judge(evidence: Evidence) -> GateVerdict:
    """Its loss is not above the champion's by more than chance between entities would explain."""
    if evidence.champion is None:
        return GateVerdict(
            "not worse than the champion", "does not apply", "there is no champion that can answer these rows"
        )
    fitted = evidence.fitted
    # A champion that was trained on later rows would be asked what it has learned by heart.
    unseen = ~np.isnan(evidence.champion[:, 0])
    if unseen.sum() < fitted.spec.enough_rows:
        return GateVerdict(
            "not worse than the champion",
            "does not apply",
            f"{unseen.sum():,} test rows stand after what version {evidence.champion_version} was trained on, at least "
            f"{fitted.spec.enough_rows:,} are wanted",
        )
    test = fitted.rows.where(fitted.test).where(unseen)
    labels, entity, task = test.labels, test.entity, fitted.spec.task
    ours = task.losses(labels, fitted.best.answers[unseen])
    theirs = task.losses(labels, evidence.champion[unseen])
    gain, low, high = margin(ours, theirs, entity)
    least = -NEGLIGIBLE * float(theirs.mean())
    return GateVerdict(
        "not worse than the champion",
        "failed" if high < least else "passed",
        f"loss {ours.mean():.4f} against {theirs.mean():.4f} of version {evidence.champion_version}: "
        f"{gain:.4f} less on {len(labels):,} rows that neither was trained on, 95 % interval {low:.4f} to "
        f"{high:.4f}, which must not lie below {least:.6f}",
    )
