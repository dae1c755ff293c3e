"""A model that answers: its artifact, its specification, and the plan by which its features are looked up."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from functools import cached_property

from feature_repo.stores.wire.lookup import LookupPlan
from serving.answer_shapes import AnswerShape
from serving.answers import shape_of
from serving.matrix_layout import MatrixLayout
from serving.request_types import request_type
from serving.schemas import PredictionRequest
from serving.services import WatchedService
from training.artifact import Artifact
from training.inputs import Input
from training.specs import ModelSpec


@dataclass(frozen=True)
class ServingModel:
    """One version of a model, and since when it answers."""

    spec: ModelSpec
    version: str
    artifact: Artifact
    plan: LookupPlan
    since: datetime
    service: WatchedService

    @cached_property
    def name(self) -> str:
        """What it is called."""
        return self.spec.name

    @cached_property
    def shape(self) -> AnswerShape:
        """How it answers."""
        return shape_of(self.spec.task)

    @cached_property
    def request_type(self) -> type[PredictionRequest]:
        """What its requests may hold."""
        return request_type(self.spec)

    @cached_property
    def layout(self) -> MatrixLayout:
        """How its matrix is laid out."""
        return MatrixLayout(self.artifact.card.inputs)

    @cached_property
    def features(self) -> Mapping[str, Input]:
        """Its features by name; what a request gives is none."""
        return {each.name: each for each in self.artifact.card.inputs.each if each.view != "request"}

    @cached_property
    def stored_views(self) -> tuple[str, ...]:
        """The views that are looked up; the others are computed, or a request gives their values."""
        return tuple(dict.fromkeys(feature.view.name for feature in self.plan.stored))

    @cached_property
    def keys_of_views(self) -> Mapping[str, tuple[str, ...]]:
        """By stored view the columns that its keys come from."""
        return {feature.view.name: feature.view.asked_by for feature in self.plan.stored}
