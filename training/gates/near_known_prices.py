"""What has just been sold is worth what was paid: rows that the test does not hold, and that everybody can check."""

from __future__ import annotations

import numpy as np

from training.gates import Evidence, GateVerdict

OFF = 0.15
LEAST_ENTITIES = 30


def judge(evidence: Evidence) -> GateVerdict:
    """At the end of the data the median of value to price is near 1 for those whose price has just become known."""
    population = evidence.population
    ratios = np.empty(0) if population is None else population.just_settled
    if len(ratios) < LEAST_ENTITIES:
        return GateVerdict(
            "near known prices",
            "does not apply",
            f"{len(ratios):,} prices became known shortly before the end of the data, at least {LEAST_ENTITIES} are "
            "wanted",
        )
    low, middle, high = np.quantile(ratios, [0.1, 0.5, 0.9])
    return GateVerdict(
        "near known prices",
        "passed" if abs(middle - 1) <= OFF else "failed",
        f"of {len(ratios):,} entities whose price has just become known the median of value to price is {middle:.3f} "
        f"(a tenth below {low:.2f}, a tenth above {high:.2f}), at most {OFF:.0%} off is accepted",
    )
