"""The models: one a file, what each is asked, its label, what it reads, how a test is judged."""

from __future__ import annotations

import re

from feature_repo.catalogues import Catalogue
from training.models import contact_timing, move_probability, property_value, transaction_type
from training.specs import ModelSpec

BATCH = "batch"
"""What a route is called already."""


def _check(spec: ModelSpec) -> str:
    """Why a model cannot have its name, which its route and its key in a batch derive from."""
    if spec.name == BATCH or not re.fullmatch("[a-z][a-z0-9_]*", spec.name):
        return (
            f"{spec.name!r} can be no model's name: expected small letters, digits and underscores, and not {BATCH!r}, "
            "which is a route of its own"
        )
    return ""


MODELS: Catalogue[ModelSpec] = Catalogue(
    "MODELS", (move_probability.SPEC, transaction_type.SPEC, contact_timing.SPEC, property_value.SPEC), ModelSpec,
    check=_check,
)  # fmt: skip


def model_names() -> tuple[str, ...]:
    """The names of the models."""
    return tuple(spec.name for spec in MODELS)


def spec_of(model: str) -> ModelSpec:
    """The model of that name."""
    return MODELS.named(model)
