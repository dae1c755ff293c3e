"""The models that answer: loaded by alias, checked, swapped whole, and kept if a newer one is broken."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime
from functools import cached_property

import numpy as np
import structlog
from feast import FeatureStore
from feast.errors import FeatureServiceNotFoundException

from feature_repo.stores.wire.lookup import LookupPlan
from serving import errors
from serving.layout import Layout
from serving.settings import MODELS, Settings
from training import artifact
from training.deployed import NotDeployedError, deployed
from training.inputs import Input

_log = structlog.get_logger()


@dataclass(frozen=True)
class Serving:
    """A model that answers, since when, and the plan by which its features are looked up."""

    name: str
    version: str
    artifact: artifact.Artifact
    plan: LookupPlan
    since: datetime

    @cached_property
    def layout(self) -> Layout:
        """How its matrix is laid out."""
        return Layout(self.artifact.card.inputs)

    @cached_property
    def features(self) -> Mapping[str, Input]:
        """Its features by name; what the asker says is none."""
        return {one.name: one for one in self.artifact.card.inputs.each if one.view != "request"}

    @cached_property
    def stored_views(self) -> tuple[str, ...]:
        """The views that are looked up; the others are computed, or said by the asker."""
        computed = {view.name for view in self.plan.on_demand} | {"request"}
        return tuple(dict.fromkeys(one.view for one in self.artifact.card.inputs.each if one.view not in computed))


@dataclass
class Models:
    """What serves now. `refresh` may run beside requests: each request keeps the model that it began with."""

    settings: Settings
    store: FeatureStore
    serving: Mapping[str, Serving] = field(default_factory=dict)
    faults: Mapping[str, str] = field(default_factory=dict)
    _broken: dict[str, str] = field(default_factory=dict)

    def of(self, name: str) -> Serving:
        """The model that answers to this name."""
        if name not in self.serving:
            raise errors.not_ready(name, self.faults.get(name, "it is being loaded"))
        return self.serving[name]

    def refresh(self) -> None:
        """Take over what the registry says; a model that cannot be loaded leaves the present one in its place."""
        serving, faults = dict(self.serving), {}
        for name in MODELS:
            try:
                found = deployed(name, self.settings.alias, self.settings.home)
                present = serving.get(name)
                if present and (present.version, present.artifact.sha256) == (found.version, found.sha256):
                    continue
                if self._broken.get(name) == found.sha256:
                    faults[name] = self.faults.get(name, "")
                    continue
                with found.files() as folder:
                    loaded = artifact.load(folder, found.sha256)
                plan = LookupPlan.compile(self.store, loaded.card.service)
                self._require_inputs(loaded, plan)
                # The libraries behind contributions take seconds to load: not at somebody's first question.
                loaded.contributions(np.zeros((1, len(loaded.card.inputs.columns)), np.float32))
                serving[name] = Serving(name, found.version, loaded, plan, datetime.now(UTC))
                self._broken.pop(name, None)
                _log.info("model serves", model=name, version=found.version)
            except artifact.ArtifactError as fault:
                self._broken[name] = found.sha256
                faults[name] = str(fault)
                _log.error("model cannot be loaded", model=name, version=found.version, reason=str(fault))
            except (NotDeployedError, FeatureServiceNotFoundException, OSError) as fault:
                faults[name] = str(fault)
        self.serving, self.faults = serving, faults

    def _require_inputs(self, loaded: artifact.Artifact, plan: LookupPlan) -> None:
        told = {one.name for one in loaded.card.inputs.each if one.view != "request"}
        if missing := told - set(plan.outputs):
            raise artifact.ArtifactError(
                f"the model reads {', '.join(sorted(missing))}, which the service {loaded.card.service} no longer gives"
            )
