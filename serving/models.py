"""The models that answer: loaded by alias, checked, swapped whole, and kept if a newer one is broken.

Whatever one model, the registry or Feast does, the others serve: each look at a model ends in a version that answers,
in a version that goes on, or in a `Fault` that `/health/ready` and the metrics name. What failed because of its
surroundings is tried at the next look; only bytes that are wrong are remembered, until they change.
"""

from __future__ import annotations

import time
from collections.abc import Hashable, Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime
from functools import cached_property

import structlog
from feast import FeatureStore

from feature_repo.stores.wire.lookup import LookupPlan
from serving import errors, metrics
from serving.answer import AnswerShape
from serving.answers import SHAPES
from serving.layout import Layout
from serving.services import ServiceError, WatchedService
from serving.settings import Settings
from training import artifact
from training.deployed import Deployed, NotDeployedError, UntrainedError, deployed
from training.inputs import Input
from training.models import NAMES, spec_of
from training.specs import ModelSpec
from training.trial import Trial

FETCH_AGAIN_SECONDS = 60.0
"""What a server sent may have been wrong on its way only: it is fetched again, but not at every look."""
_log = structlog.get_logger()


@dataclass(frozen=True)
class Fault:
    """What stands between a model and its champion, and of which kind that is."""

    kind: str
    reason: str


_KINDS: tuple[tuple[type[Exception], str], ...] = (
    (UntrainedError, "untrained"),
    (NotDeployedError, "registry"),
    (artifact.UnreadableArtifactError, "files"),
    (artifact.ArtifactError, "artifact"),
    (ServiceError, "service"),
)
_UNTRAINED, _UNEXPECTED = "untrained", "unexpected"
FAULT_KINDS = (*(kind for _, kind in _KINDS if kind != _UNTRAINED), _UNEXPECTED)
"""Kinds of faults; that a model was never trained is none."""


@dataclass(frozen=True)
class Serving:
    """A model that answers, since when, and the plan by which its features are looked up."""

    name: str
    version: str
    artifact: artifact.Artifact
    plan: LookupPlan
    since: datetime
    service: WatchedService

    @cached_property
    def spec(self) -> ModelSpec:
        """What it is asked."""
        return spec_of(self.name)

    @cached_property
    def shape(self) -> AnswerShape:
        """How it answers."""
        return SHAPES[self.spec.task]

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


@dataclass(frozen=True)
class _Rejected:
    """A version whose bytes are wrong. It is not parsed again until they change, or a server may send others."""

    deployed: Deployed
    files: Hashable
    reason: str
    again_at: float

    def holds_for(self, found: Deployed) -> bool:
        if found != self.deployed:
            return False
        folder = found.local_folder()
        return artifact.identity(folder) == self.files if folder else time.monotonic() < self.again_at


@dataclass
class Models:
    """What serves now. `refresh` may run beside requests: each request keeps the model that it began with."""

    settings: Settings
    store: FeatureStore
    serving: Mapping[str, Serving] = field(default_factory=dict)
    faults: Mapping[str, Fault] = field(default_factory=dict)
    refreshed_at: datetime | None = None
    """When the registry was last looked at to the end."""
    _rejected: dict[str, _Rejected] = field(default_factory=dict)
    _closed: bool = False

    def of(self, name: str) -> Serving:
        """The model that answers to this name."""
        if name not in self.serving:
            raise errors.not_ready(name, self._reason(name))
        return self.serving[name]

    @property
    def untrained(self) -> Mapping[str, str]:
        """Models of which there is no version to serve, and why: nobody waits for them."""
        return {name: fault.reason for name, fault in self.faults.items() if self._is_untrained(name)}

    @property
    def missing(self) -> Mapping[str, str]:
        """Models that should answer and do not, and why."""
        absent = (name for name in NAMES if name not in self.serving and not self._is_untrained(name))
        return {name: self._reason(name) for name in absent}

    def refresh(self) -> None:
        """Take over what the registry says; what cannot be taken over leaves the present version in its place."""
        with Trial() as trial:
            for name in NAMES:
                if self._closed:
                    return
                self._refresh(name, trial)
        self.refreshed_at = datetime.now(UTC)
        metrics.REFRESHED_AT.set(self.refreshed_at.timestamp())

    def close(self) -> None:
        """Begin no further look."""
        self._closed = True

    def _refresh(self, name: str, trial: Trial) -> None:
        try:
            self._take_over(name, trial)
            fault = None
        except Exception as problem:  # whatever it is, the other models are looked at, and the next look comes
            fault = self._fault_of(name, problem)
        others = {other: its for other, its in self.faults.items() if other != name}
        self.faults = {**others, name: fault} if fault else others
        metrics.count_model(name, FAULT_KINDS, fault.kind if fault else None, serves=name in self.serving)

    def _take_over(self, name: str, trial: Trial) -> None:
        """Let the champion serve, or raise what prevents it."""
        found = deployed(name, self.settings.alias, self.settings.home)
        present = self.serving.get(name)
        if present and (present.version, present.artifact.sha256) == (found.version, found.sha256):
            present.service.require_unchanged()
            return
        loaded = self._loaded(found, trial)
        service = WatchedService(self.store, loaded.card.service, self.settings.service_seconds)
        serving = Serving(name, found.version, loaded, service.plan(loaded.card.inputs), datetime.now(UTC), service)
        self.serving = {**self.serving, name: serving}
        self._rejected.pop(name, None)
        _log.info("model serves", model=name, version=found.version)

    def _loaded(self, found: Deployed, trial: Trial) -> artifact.Artifact:
        rejected = self._rejected.get(found.model)
        if rejected and rejected.holds_for(found):
            raise artifact.ArtifactError(rejected.reason)
        with found.files() as folder:
            files = artifact.identity(folder)
            try:
                trial.require_sound(folder, found.sha256)
                loaded = artifact.load(folder, found.sha256)
                if loaded.card.model != found.model:
                    raise artifact.ArtifactError(f"expected the model {found.model}, found {loaded.card.model}")
                loaded.require_contributions()
            except artifact.UnreadableArtifactError:
                raise
            except artifact.ArtifactError as fault:
                reason = f"version {found.version}: {fault}"
                self._rejected[found.model] = _Rejected(found, files, reason, time.monotonic() + FETCH_AGAIN_SECONDS)
                raise artifact.ArtifactError(reason) from fault
        return loaded

    def _fault_of(self, name: str, problem: Exception) -> Fault:
        kind = next((kind for kind_of, kind in _KINDS if isinstance(problem, kind_of)), _UNEXPECTED)
        reason = str(problem) if kind != _UNEXPECTED else f"{type(problem).__name__}: {problem}"
        fault = Fault(kind, reason)
        if fault != self.faults.get(name):
            say = _log.info if kind == _UNTRAINED else _log.error
            say("model is not taken over", model=name, **fault.__dict__, exc_info=kind == _UNEXPECTED)
        return fault

    def _is_untrained(self, name: str) -> bool:
        fault = self.faults.get(name)
        return name not in self.serving and fault is not None and fault.kind == _UNTRAINED

    def _reason(self, name: str) -> str:
        fault = self.faults.get(name)
        return fault.reason if fault else "it is being loaded"
