"""A model must be better than the simplest answer."""

from __future__ import annotations

from training.gates import Evidence, GateVerdict
from training.metrics import margin


def judge(evidence: Evidence) -> GateVerdict:
    """Its loss is below the baseline's; the reason tells whether by more than chance between entities would explain."""
    fitted = evidence.fitted
    labels, entity = fitted.rows.labels[fitted.test], fitted.rows.entity[fitted.test]
    task = fitted.spec.task
    ours, simple = task.losses(labels, fitted.best.answers), task.losses(labels, fitted.baseline.answers)
    gain, low, high = margin(ours, simple, entity)
    doubt = "" if low > 0 else ", which is worse" if high < 0 else ", which may be chance"
    return GateVerdict(
        "beats the baseline",
        "passed" if gain > 0 else "failed",
        f"loss {ours.mean():.4f} against {simple.mean():.4f} of the baseline ({fitted.baseline.name}): "
        f"{abs(gain):.4f} {'less' if gain >= 0 else 'more'}, 95 % interval {low:.4f} to {high:.4f}{doubt}",
    )
