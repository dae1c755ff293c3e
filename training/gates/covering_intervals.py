"""An interval must hold what it promises."""

from __future__ import annotations

import numpy as np

from training.breakdown import GroupResult, results
from training.fit import Fitted
from training.gates import Evidence, GateVerdict
from training.tasks.price import LEVEL

OF_COVERAGE = 0.08
LEAST_ENTITIES = 30


def judge(evidence: Evidence) -> GateVerdict:
    """Intervals of 80 % hold about 80 %, in each group too."""
    fitted = evidence.fitted
    found, far = fitted.coverage[f"{LEVEL:.0%}"], _failing_groups(fitted)
    return GateVerdict(
        "calibrated",
        "passed" if abs(found - LEVEL) <= OF_COVERAGE and not far else "failed",
        f"intervals of 80 % hold {found:.1%} of prices, at most {OF_COVERAGE:.0%} more or less is accepted"
        + "".join(
            f"; {group.name}: {group.figures['coverage_80']:.1%} of {group.entities:,} homes', "
            f"at most {tolerance(group.entities):.0%} more or less"
            for group in far
        ),
    )


def tolerance(entities: int) -> float:
    """How far the coverage of a group may be off: as far as that of all, and by what chance does to so few entities."""
    return OF_COVERAGE + 2 * float(np.sqrt(LEVEL * (1 - LEVEL) / entities))


def is_off(group: GroupResult) -> bool:
    """Whether the intervals of a group, of entities enough to say so, hold much more or less than they promise."""
    coverage = group.figures.get("coverage_80", LEVEL)
    return group.entities >= LEAST_ENTITIES and abs(coverage - LEVEL) > tolerance(group.entities)


def _failing_groups(fitted: Fitted) -> list[GroupResult]:
    by_title = fitted.spec.task.groups(fitted).values()
    return [group for groups in by_title for group in results(fitted, groups) if is_off(group)]
