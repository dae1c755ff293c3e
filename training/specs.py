"""The models: what each is asked, what it reads, how its answer is told afterwards, what it must reach."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import timedelta

from training.baselines import Baseline
from training.labels import Label
from training.policy import Policy
from training.task import Task


@dataclass(frozen=True)
class ModelSpec:
    """One model. `task` says what is predicted, such as a yes or no, one of `classes`, or a price."""

    name: str
    question: str
    entity: str
    """The join key that the scorer is given."""
    service: str
    label: Label
    task: Task
    baselines: tuple[Baseline, ...]
    """What it must beat, each of them."""
    classes: tuple[str, ...] = ()
    every: timedelta = timedelta(days=7)
    """How often it is asked, in training."""
    estimate: str = ""
    """For prices: the feature that is itself an estimate of the price, so that the model only learns what it misses."""
    area: str = ""
    """For prices: the feature that a price is counted by where there is no estimate."""
    when_missing: Policy = field(default_factory=dict)
    """By view; `fail` where nothing is said."""
    enough_rows: int = 500
    """Fewer rows in the test span make no evidence."""
    enough_positives: int = 30
    most_rows: int = 100_000
    """Rows beyond this many are thinned evenly before training: they are the same customers a week later."""
