"""What a model must reach before it serves: one rule a file.

A rule answers passed or failed with its reason, or that it does not apply; it never passes by not having looked.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Literal

from training.fit import Fitted
from training.metrics import Floats
from training.population import Population


@dataclass(frozen=True)
class GateVerdict:
    """What a rule says."""

    gate: str
    outcome: Literal["passed", "failed", "does not apply"]
    reason: str


@dataclass(frozen=True)
class Evidence:
    """What rules judge by."""

    fitted: Fitted
    champion: Floats | None = None
    """The present champion's answers for the test rows, if there is one that can answer them."""
    champion_version: str = ""
    population: Population | None = None
    """Everybody at the end of the data, if the rows are the model's own population."""


Judge = Callable[[Evidence], GateVerdict]


def verdicts(evidence: Evidence) -> tuple[GateVerdict, ...]:
    """What every rule of the task says."""
    return tuple(judge(evidence) for judge in evidence.fitted.spec.task.gates())
