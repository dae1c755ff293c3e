"""The models: what each is asked, what it reads, how its answer is told afterwards, what it must reach."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import timedelta
from typing import Literal

from feature_repo.services import CONTACT_TIMING_V1, MOVE_PROBABILITY_V1, PROPERTY_VALUE_V1, TRANSACTION_TYPE_V1
from training.baselines import Baseline, BaseRate, ClassShares, LastPrice, RateBy, RegionsRate
from training.labels import Label, contact_timing, move_probability, property_value, transaction_type
from training.policy import Policy, WhenMissing

Task = Literal["binary", "multiclass", "price"]


@dataclass(frozen=True)
class ModelSpec:
    """One model. `task` says what is predicted: a yes or no, one of `classes`, or a price."""

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


_GO_ON = WhenMissing("default")
_WEEK_OLD = WhenMissing("last_known", up_to=timedelta(days=14))

MOVE_PROBABILITY = ModelSpec(
    name="move_probability",
    question="Will this customer sell a home within 180 days?",
    entity="customer_id",
    service=MOVE_PROBABILITY_V1.name,
    label=move_probability.LABEL,
    task="binary",
    baselines=(BaseRate(),),
    classes=("LOW", "MEDIUM", "HIGH"),
    when_missing={"behavioural": _WEEK_OLD, "transactional": _WEEK_OLD},
)
TRANSACTION_TYPE = ModelSpec(
    name="transaction_type",
    question="Which kind of deal comes next?",
    entity="customer_id",
    service=TRANSACTION_TYPE_V1.name,
    label=transaction_type.LABEL,
    task="multiclass",
    baselines=(ClassShares(), ClassShares(by_region_and_season=True)),
    classes=transaction_type.CLASSES,
    when_missing={"behavioural": _WEEK_OLD, "transactional": _WEEK_OLD},
    enough_rows=200,
)
CONTACT_TIMING = ModelSpec(
    name="contact_timing",
    question="When to reach this customer?",
    entity="customer_id",
    service=CONTACT_TIMING_V1.name,
    label=contact_timing.LABEL,
    task="binary",
    baselines=(BaseRate(), RateBy("hour_of_day", "everybody's rate of that hour")),
    when_missing={"behavioural": _GO_ON},
)
PROPERTY_VALUE = ModelSpec(
    name="property_value",
    question="What is this home worth, now and in the months ahead?",
    entity="property_id",
    service=PROPERTY_VALUE_V1.name,
    label=property_value.LABEL,
    task="price",
    baselines=(
        LastPrice("estimated_value", "living_area_sqft", ("latitude", "longitude")),
        RegionsRate("region_price_per_sqft", "living_area_sqft"),
    ),
    estimate="estimated_value",
    area="living_area_sqft",
    when_missing={"property": WhenMissing("last_known", up_to=timedelta(days=92))},
    enough_rows=200,
)

MODELS = (MOVE_PROBABILITY, TRANSACTION_TYPE, CONTACT_TIMING, PROPERTY_VALUE)


def spec_of(model: str) -> ModelSpec:
    """The model of that name."""
    for spec in MODELS:
        if spec.name == model:
            return spec
    raise ValueError(f"there is no model {model!r}; there are {', '.join(spec.name for spec in MODELS)}")
