"""The models: one a file, what each is asked, its label, what it reads, how a test is judged."""

from __future__ import annotations

from training.models import contact_timing, move_probability, property_value, transaction_type
from training.specs import ModelSpec

MODELS: tuple[ModelSpec, ...] = (
    move_probability.SPEC,
    transaction_type.SPEC,
    contact_timing.SPEC,
    property_value.SPEC,
)
NAMES: tuple[str, ...] = tuple(spec.name for spec in MODELS)


def spec_of(model: str) -> ModelSpec:
    """The model of that name."""
    for spec in MODELS:
        if spec.name == model:
            return spec
    raise ValueError(f"there is no model {model!r}; there are {', '.join(spec.name for spec in MODELS)}")
