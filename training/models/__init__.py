"""The models: one a file, what each is asked, its label, what it reads, how a test is judged."""

from __future__ import annotations

from feature_repo.catalogues import Catalogue
from training.models import contact_timing, move_probability, property_value, transaction_type
from training.specs import ModelSpec

MODELS: Catalogue[ModelSpec] = Catalogue(
    "MODELS", (move_probability.SPEC, transaction_type.SPEC, contact_timing.SPEC, property_value.SPEC), ModelSpec
)


def model_names() -> tuple[str, ...]:
    """The names of the models."""
    return tuple(spec.name for spec in MODELS)


def spec_of(model: str) -> ModelSpec:
    """The model of that name."""
    return MODELS.named(model)
