"""The models: what each is asked, what it reads, how its answer is told afterwards, what it must reach."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import timedelta

from feast import Entity

from feature_repo.entities import is_text
from training.baselines import Baseline
from training.labels import Label
from training.policy import Policy
from training.task import Task


@dataclass(frozen=True)
class RequestInput:
    """An input of a model that each request gives: a number, and which numbers it may be."""

    name: str
    description: str
    ge: float
    le: float
    default: float = 0.0
    example: float = 0.0


@dataclass(frozen=True)
class Segment:
    """What results are shown by: the values of a column of the training set, or ranges of it."""

    title: str
    column: str
    edges: tuple[float, ...] = ()
    """Where ranges begin after the first, if it is ranges."""
    names: tuple[str, ...] = ()
    """What the ranges are called, one more than edges."""


@dataclass(frozen=True)
class ModelSpec:
    """One model. `task` says what is predicted, such as a yes or no, one of `classes`, or a price."""

    name: str
    domain: str
    question: str
    keys: tuple[Entity, ...]
    """The entities whose keys a request gives: one, or several."""
    service: str
    label: Label
    task: Task
    baselines: tuple[Baseline, ...]
    """What it must beat, each of them."""
    request: tuple[RequestInput, ...] = ()
    """The inputs that a request gives: the `extra` columns of the label."""
    season: tuple[str, ...] = ()
    """Inputs that tell the season of a moment: left out of a training on too short a span to tell it from a trend."""
    segments: tuple[Segment, ...] = ()
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

    def __post_init__(self) -> None:
        given = tuple(each.name for each in self.request)
        if given != self.label.extra:
            raise ValueError(f"{self.name}: expected the request to give {self.label.extra}, found {given}")

    @property
    def join_keys(self) -> tuple[str, ...]:
        """The columns that say of whom a row is."""
        return tuple(entity.join_key for entity in self.keys)

    @property
    def text_keys(self) -> tuple[str, ...]:
        """Those of them that are strings."""
        return tuple(entity.join_key for entity in self.keys if is_text(entity))

    @property
    def path(self) -> str:
        """Its name in a URL."""
        return self.name.replace("_", "-")
