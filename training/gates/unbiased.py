"""Answers must be right on average: not a tenth too low wherever a market has moved."""

from __future__ import annotations

from training.breakdown import interval_groups
from training.gates import Evidence, Verdict

OF_PRICES = 0.05
OF_A_GROUP = 0.10
OF_PROBABILITIES = 0.25
LEAST_ENTITIES = 30


def judge(evidence: Evidence) -> Verdict:
    """The median price is near the price paid, in each group too; the mean probability is near the rate observed."""
    fitted = evidence.fitted
    found = fitted.best.figures
    match fitted.spec.task:
        case "price":
            groups = {
                group.name: group.figures["median_ratio"]
                for group in interval_groups(fitted)
                if group.entities >= LEAST_ENTITIES
            }
            far = {name: ratio for name, ratio in groups.items() if abs(ratio - 1) > OF_A_GROUP}
            return Verdict(
                "unbiased",
                "failed" if abs(found["median_ratio"] - 1) > OF_PRICES or far else "passed",
                f"the median of value to price is {found['median_ratio']:.3f}, at most {OF_PRICES:.0%} off is accepted"
                + "".join(f"; {name}: {ratio:.3f}, at most {OF_A_GROUP:.0%}" for name, ratio in far.items()),
            )
        case "binary":
            ratio = found["mean_probability"] / max(found["base_rate"], 1e-9)
            return Verdict(
                "unbiased",
                "passed" if abs(ratio - 1) <= OF_PROBABILITIES else "failed",
                f"the mean probability is {found['mean_probability']:.4f} where {found['base_rate']:.4f} was observed, "
                f"{ratio:.2f} times as much; at most {OF_PROBABILITIES:.0%} off is accepted",
            )
    return Verdict("unbiased", "does not apply", "the mean probability of each class is judged under `calibrated`")
