"""Prices must be right on average: not a tenth too low wherever a market has moved."""

from __future__ import annotations

from training.breakdown import results
from training.gates import Evidence, GateVerdict

OF_ALL = 0.05
OF_A_GROUP = 0.10
LEAST_ENTITIES = 30


def judge(evidence: Evidence) -> GateVerdict:
    """The median price is near the price paid, in each group too."""
    fitted = evidence.fitted
    median = fitted.best.figures["median_ratio"]
    far = {
        group.name: group.figures["median_ratio"]
        for groups in fitted.spec.task.groups(fitted).values()
        for group in results(fitted, groups)
        if group.entities >= LEAST_ENTITIES and abs(group.figures["median_ratio"] - 1) > OF_A_GROUP
    }
    return GateVerdict(
        "unbiased",
        "failed" if abs(median - 1) > OF_ALL or far else "passed",
        f"the median of value to price is {median:.4f}, at most {OF_ALL:.0%} off is accepted"
        + "".join(f"; {name}: {ratio:.3f}, at most {OF_A_GROUP:.0%}" for name, ratio in far.items()),
    )
