"""The models that answer: loaded by alias, checked, swapped whole, and kept if a newer one is broken.

Whatever one model, the registry or Feast does, the others serve: each look at a model ends in a version that answers,
in a version that goes on, or in a `Fault` that `/health/ready` and the metrics name. What failed because of its
surroundings is tried at the next look; only bytes that are wrong are remembered, until they change. A look that hangs
is left alone until it ends, and the next one begins after that.
"""

from __future__ import annotations

import time
from collections.abc import Hashable, Mapping
from concurrent.futures import Future
from dataclasses import dataclass, field
from datetime import UTC, datetime
from functools import partial

import structlog
from feast import FeatureStore

from feature_repo.masking import masked
from serving import errors, metrics
from serving.model_looks import ModelLook
from serving.services import ServiceError, WatchedService
from serving.serving_model import ServingModel
from serving.settings import Settings
from training import artifact
from training.deployed import (
    Deployed,
    NotDeployedError,
    OversizedFileError,
    RegistryLimits,
    UntrainedError,
    deployed,
    registry_address,
)
from training.models import model_names, spec_of
from training.trial import SECONDS as TRIAL_SECONDS
from training.trial import Trial

_STAGES = 3
"""Of a look, each of which may take so long as the registry may: the registry, the files, Feast's registry."""
_GRACE_SECONDS = 2.0
"""What keeps a bound of its own has so long to say itself what was late."""
FETCH_AGAIN_SECONDS = 60.0
"""What a server sent may have been wrong on its way only: it is fetched again, but not at every look."""
_log = structlog.get_logger()


@dataclass(frozen=True)
class Fault:
    """What stands between a model and its champion, and of which kind that is."""

    kind: str
    reason: str


_REGISTRY, _FILES, _SERVICE, _UNTRAINED, _UNEXPECTED = "registry", "files", "service", "untrained", "unexpected"
_KINDS: tuple[tuple[type[Exception], str], ...] = (
    (UntrainedError, _UNTRAINED),
    (NotDeployedError, _REGISTRY),
    (artifact.UnreadableArtifactError, _FILES),
    (artifact.ArtifactError, "artifact"),
    (ServiceError, _SERVICE),
)
FAULT_KINDS = (*(kind for _, kind in _KINDS if kind != _UNTRAINED), _UNEXPECTED)
"""Kinds of faults; that a model was never trained is none."""


@dataclass(frozen=True)
class _Rejected:
    """A version whose bytes are wrong. It is not parsed again until they change, or a server may send others."""

    deployed: Deployed
    files: Hashable
    reason: str
    again_at: float

    def holds_for(self, version: Deployed) -> bool:
        if version != self.deployed:
            return False
        folder = version.local_folder()
        return artifact.identity(folder) == self.files if folder else time.monotonic() < self.again_at


_Look = ModelLook[ServingModel | None]


@dataclass
class Models:
    """What serves now. `refresh` may run beside requests: each request keeps the model that it began with."""

    settings: Settings
    store: FeatureStore
    serving: Mapping[str, ServingModel] = field(default_factory=dict)
    faults: Mapping[str, Fault] = field(default_factory=dict)
    refreshed_at: datetime | None = None
    """When the registry was last looked at to the end."""
    _began: float = field(default_factory=time.monotonic)
    _rejected: dict[str, _Rejected] = field(default_factory=dict)
    _overdue: dict[str, tuple[_Look, Trial]] = field(default_factory=dict)
    """Looks that hang, each with the trial that it may be in."""
    _closing: Future[None] = field(default_factory=Future)

    def of(self, name: str) -> ServingModel:
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
        absent = (name for name in model_names() if name not in self.serving and not self._is_untrained(name))
        return {name: self._reason(name) for name in absent}

    @property
    def overdue(self) -> str | None:
        """What is wrong with the refreshing itself; None as long as it goes on."""
        within = self.settings.refresh_seconds + (self.settings.registry_seconds + _GRACE_SECONDS) * _STAGES * len(
            model_names()
        )
        waited = time.monotonic() - self._began
        if waited <= within:
            return None
        last = self.refreshed_at.isoformat(timespec="seconds") if self.refreshed_at else "never"
        return (
            f"expected a look at the registry within {within:g} s of the last one, found none for {waited:.0f} s; the "
            f"last was {last}. What serves goes on, and no new version is taken: see the log, or restart the scorer."
        )

    def refresh(self) -> None:
        """Take over what the registry says; what cannot be taken over leaves the present version in its place."""
        trial = Trial()
        try:
            for name in model_names():
                if self._closing.done():
                    return
                if not self._refresh(name, trial):
                    trial = Trial()  # the one that there was stays with the look that hangs
        finally:
            trial.close()
        self.refreshed_at, self._began = datetime.now(UTC), time.monotonic()
        metrics.REFRESHED_AT.set(self.refreshed_at.timestamp())

    def close(self) -> None:
        """Begin no further look, and wait for none."""
        if not self._closing.done():
            self._closing.set_result(None)

    def _refresh(self, name: str, trial: Trial) -> bool:
        """Whether the look at the model came to an end; it is not begun again before it has."""
        if name in self._overdue:
            look, its_trial = self._overdue.pop(name)
        else:
            look, its_trial = _Look(name, partial(self._look, name, trial)), trial
        ended = look.wait(self._closing)
        if not ended:
            self._overdue[name] = look, its_trial
            if not self._closing.done():
                self._note(name, Fault(look.stage.kind, _hangs(look)))
            return its_trial is not trial
        if its_trial is not trial:
            its_trial.close()
        try:
            if serving := look.result():
                self.serving = {**self.serving, name: serving}
                _log.info("model serves", model=name, version=serving.version)
            self._note(name, None)
        except Exception as problem:  # whatever it is, the other models are looked at, and the next look comes
            self._note(name, _fault_of(problem), problem)
        return True

    def _note(self, name: str, fault: Fault | None, problem: Exception | None = None) -> None:
        if fault and fault != self.faults.get(name):
            say = _log.info if fault.kind == _UNTRAINED else _log.error
            trace = problem if fault.kind == _UNEXPECTED else None
            say("model is not taken over", model=name, **fault.__dict__, exc_info=trace)
        others = {other: its for other, its in self.faults.items() if other != name}
        self.faults = {**others, name: fault} if fault else others
        metrics.count_model(name, FAULT_KINDS, fault.kind if fault else None, serves=name in self.serving)

    def _look(self, name: str, trial: Trial, look: _Look) -> ServingModel | None:
        """The champion if another version than it serves, or raise what prevents it."""
        seconds = self.settings.registry_seconds + _GRACE_SECONDS
        address = registry_address(self.settings.home, self.settings.mlflow)
        look.begin(_REGISTRY, f"asking the registry {masked(address)}", seconds)
        champion = deployed(name, self.settings.alias, self.settings.home, self._limits, self.settings.mlflow)
        present = self.serving.get(name)
        if present and (present.version, present.artifact.sha256) == (champion.version, champion.sha256):
            look.begin(_SERVICE, f"reading the service {present.artifact.card.service} from Feast's registry", seconds)
            present.service.require_unchanged()
            return None
        loaded = self._loaded(champion, trial, look)
        look.begin(_SERVICE, f"reading the service {loaded.card.service} from Feast's registry", seconds)
        service = WatchedService(self.store, loaded.card.service, self.settings.service_seconds)
        self._rejected.pop(name, None)
        plan = service.plan(loaded.card.inputs)
        return ServingModel(spec_of(name), champion.version, loaded, plan, datetime.now(UTC), service)

    @property
    def _limits(self) -> RegistryLimits:
        return RegistryLimits(self.settings.registry_seconds, self.settings.most_model_file_bytes)

    def _loaded(self, champion: Deployed, trial: Trial, look: _Look) -> artifact.Artifact:
        seconds, most_bytes = self.settings.registry_seconds, self.settings.most_model_file_bytes
        look.begin(
            _FILES,
            f"reading the files of version {champion.version} at {masked(champion.source)}",
            seconds + _GRACE_SECONDS,
        )
        rejected = self._rejected.get(champion.model)
        if rejected and rejected.holds_for(champion):
            raise artifact.ArtifactError(rejected.reason)
        files: Hashable = None
        try:
            with champion.files(self._limits) as folder:
                files = artifact.identity(folder)
                artifact.require_readable(folder, most_bytes)
                look.begin(_FILES, f"loading version {champion.version}", TRIAL_SECONDS)
                trial.require_sound(folder, champion.sha256, most_bytes)
                loaded = artifact.load(folder, champion.sha256, most_bytes)
                if loaded.card.model != champion.model:
                    raise artifact.ArtifactError(f"expected the model {champion.model}, found {loaded.card.model}")
                loaded.require_contributions()
        except artifact.UnreadableArtifactError:
            raise
        except (artifact.ArtifactError, OversizedFileError) as fault:
            reason = f"version {champion.version}: {fault}"
            again_at = time.monotonic() + FETCH_AGAIN_SECONDS
            self._rejected[champion.model] = _Rejected(champion, files, reason, again_at)
            raise artifact.ArtifactError(reason) from fault
        return loaded

    def _is_untrained(self, name: str) -> bool:
        fault = self.faults.get(name)
        return name not in self.serving and fault is not None and fault.kind == _UNTRAINED

    def _reason(self, name: str) -> str:
        fault = self.faults.get(name)
        return fault.reason if fault else "it is being loaded"


def _fault_of(problem: Exception) -> Fault:
    kind = next((kind for kind_of, kind in _KINDS if isinstance(problem, kind_of)), _UNEXPECTED)
    reason = str(problem) if kind != _UNEXPECTED else f"{type(problem).__name__}: {problem}"
    return Fault(kind, masked(reason))


def _hangs(look: _Look) -> str:
    stage = look.stage
    return (
        f"{stage.doing} takes longer than {stage.seconds:g} s. Its result is taken when it comes, and the registry is "
        "asked again after that. Look at the mount or the server, or raise TIDEMARK_REGISTRY_SECONDS."
    )
