"""Models that were made, and which of them serves: MLflow, on SQLite unless a server is named."""

from __future__ import annotations

import json
import os
import warnings
from collections.abc import Sequence
from dataclasses import asdict, dataclass, field
from pathlib import Path

from feature_repo.home import home as home_folder
from feature_repo.masking import masked
from training import artifact, version_status
from training.deployed import CHALLENGER, CHAMPION, PINNED, deployed, registry_address
from training.fit import Fitted
from training.gates import GateVerdict
from training.headlines import BIAS
from training.moved import models_folder, was_moved
from training.version_status import VersionStatus

os.environ.setdefault("MLFLOW_DISABLE_TELEMETRY", "true")
os.environ.setdefault("GIT_PYTHON_REFRESH", "quiet")
# A server that is away: seconds, not the four minutes of MLflow's default.
os.environ.setdefault("MLFLOW_HTTP_REQUEST_MAX_RETRIES", "3")

import mlflow
from mlflow.entities import Experiment
from mlflow.entities.model_registry import ModelVersion
from mlflow.exceptions import MlflowException

BEFORE = "before"
"""The tag of a champion that names the version it took over from."""
PAGE = "report.html"
"""The page of a model, beside its artifact."""
GATES = "gates"
"""The tag of a version that holds the verdicts of its gates."""
DESCRIPTION = "mlflow.note.content"
"""The tag of an experiment that MLflow's pages show as its description."""


def latest_folder(home: Path, model: str) -> Path:
    """What was trained last in a home, whether it serves or not: artifact, page, manifest of the training set."""
    return home / "models" / "latest" / model


class RegistryError(ValueError):
    """What was asked of the registry cannot be done."""


@dataclass(frozen=True)
class Registry:
    """The registry of a home, or the one that is named, or that the settings name."""

    home: Path
    server: str | None = field(default=None, repr=False)

    @classmethod
    def of(cls, home: Path | None = None) -> Registry:
        """The registry of this home."""
        return cls(home or home_folder())

    @property
    def _address(self) -> str:
        return registry_address(self.home, self.server)

    @property
    def client(self) -> mlflow.MlflowClient:
        """MLflow's own."""
        self.home.mkdir(parents=True, exist_ok=True)
        with warnings.catch_warnings():
            # MLflow's own affair, which would stand above the answer.
            warnings.filterwarnings("ignore", "The ``noload`` loader strategy")
            return mlflow.MlflowClient(self._address)

    def register(
        self,
        fitted: Fitted,
        folder: Path,
        report: Path,
        verdicts: Sequence[GateVerdict],
        *,
        left_out: Sequence[str] = (),
        note: str = "",
    ) -> str:
        """Log a run with its figures and files, and register its model as the challenger; the version is returned.

        The note is the version's description, which MLflow's pages show and change.
        """
        client, spec = self.client, fitted.spec
        run = client.create_run(self._experiment(client, spec.name), run_name=f"{spec.name} {fitted.estimator}")
        try:
            for candidate in fitted.candidates:
                for figure, value in candidate.figures.items():
                    client.log_metric(run.info.run_id, f"{candidate.name}.{figure}", value)
            for figure, value in fitted.baseline.figures.items():
                client.log_metric(run.info.run_id, f"baseline.{figure}", value)
            for figure, value in fitted.best.figures.items():
                client.log_metric(run.info.run_id, figure, value)
            answered = fitted.rows.labels[fitted.test], fitted.best.answers
            client.log_metric(run.info.run_id, BIAS, spec.task.bias(*answered))
            for level, share in fitted.coverage.items():
                client.log_metric(run.info.run_id, f"coverage_{level.rstrip('%')}", share)
            for name, value in {
                "estimator": fitted.estimator,
                "test_from": str(fitted.split.at)[:16],
                "folds_by": fitted.folds_by,
                "training_set": fitted.training_set.manifest.sha256,
                "code": fitted.training_set.manifest.code,
                **({"left_out": ", ".join(left_out)} if left_out else {}),
                **{f"params.{key}": value for key, value in (fitted.best.params or {}).items()},
            }.items():
                client.log_param(run.info.run_id, name, value)
            for verdict in verdicts:
                client.set_tag(run.info.run_id, f"gate: {verdict.gate}", f"{verdict.outcome}: {verdict.reason}")
            client.log_artifacts(run.info.run_id, str(folder), "model")
            try:
                client.create_registered_model(spec.name, description=spec.question)
            except MlflowException as problem:
                if problem.error_code != "RESOURCE_ALREADY_EXISTS":
                    raise
            made = client.create_model_version(
                spec.name,
                f"{run.info.artifact_uri}/model",
                run.info.run_id,
                tags={
                    PINNED: artifact.sha256_of(folder),
                    GATES: json.dumps([asdict(verdict) for verdict in verdicts]),
                },
                description=note or None,
            )
            version_status.show_registered(report, str(made.version), note)
            client.log_artifact(run.info.run_id, str(report))
        except BaseException:
            client.set_terminated(run.info.run_id, "FAILED")
            raise
        client.set_registered_model_alias(spec.name, CHALLENGER, made.version)
        client.set_terminated(run.info.run_id)
        return str(made.version)

    def promote_evaluated(self, model: str, version: str) -> None:
        """Let a version serve whose gates, as judged when it was registered, did not fail."""
        failed = self.failed_gates(model, version)
        if failed is None:
            raise RegistryError(
                f"{model}: version {version} has no verdicts of its gates, so it is not promoted. Train it again, or "
                f"promote it by hand: `tidemark models --promote {model}:{version}`."
            )
        if failed:
            raise RegistryError(
                f"{model}: version {version} is not promoted, since its gates failed: {'; '.join(failed)}"
            )
        self.promote(model, version)

    def failed_gates(self, model: str, version: str) -> list[str] | None:
        """The gates that a version failed when it was registered, and why; None if no verdicts are recorded."""
        tag = self._version(self.client, model, version).tags.get(GATES)
        if tag is None:
            return None
        return [
            f"{verdict['gate']}: {verdict['reason']}" for verdict in json.loads(tag) if verdict["outcome"] == "failed"
        ]

    def promote(self, model: str, version: str) -> None:
        """Let a version serve, whatever its gates said."""
        client = self.client
        before = self.champion(model)
        made = self._version(client, model, version)
        if before and before != version:
            client.set_model_version_tag(model, made.version, BEFORE, before)
        client.set_registered_model_alias(model, CHAMPION, made.version)
        self.show_status(model)

    def roll_back(self, model: str) -> str:
        """Let the version serve that did before the present champion; it is returned."""
        client, present = self.client, self.champion(model)
        if present is None:
            raise RegistryError(f"{model} has no champion to roll back from.")
        before = self._version(client, model, present).tags.get(BEFORE)
        if not before:
            raise RegistryError(
                f"{model}: version {present} took over from no other; there is nothing to roll back to."
            )
        client.set_registered_model_alias(model, CHAMPION, before)
        self.show_status(model)
        return str(before)

    def show_status(self, model: str) -> None:
        """Let the page of the version trained last in this home say which version it is, and whether that serves."""
        folder = latest_folder(self.home, model)
        if not (folder / PAGE).exists() or not (folder / "model" / artifact.MANIFEST).exists():
            return
        sha256 = artifact.sha256_of(folder / "model")
        for version in self.versions(model):
            if version.tags.get(PINNED) == sha256:
                unknown = [{"gate": "unknown", "outcome": "failed", "reason": "no verdicts are recorded"}]
                judged = json.loads(version.tags.get(GATES) or json.dumps(unknown))
                failures = [f"{gate['gate']}: {gate['reason']}" for gate in judged if gate["outcome"] == "failed"]
                champion, note = self.champion(model), version.description or ""
                status = VersionStatus(model, str(version.version), note, champion, failures)
                version_status.show_on(folder / PAGE, status)
                return

    def champion(self, model: str) -> str | None:
        """The version that serves, if any does."""
        try:
            return str(self.client.get_model_version_by_alias(model, CHAMPION).version)
        except MlflowException as problem:
            if problem.error_code in ("RESOURCE_DOES_NOT_EXIST", "INVALID_PARAMETER_VALUE"):
                return None
            raise RegistryError(masked(f"the registry {self._address} does not answer: {problem}")) from problem

    def load(self, model: str, alias: str = CHAMPION) -> artifact.Artifact:
        """The artifact that bears the alias, through the safe loader."""
        found = deployed(model, alias, self.home, mlflow=self.server)
        with found.files() as folder:
            return artifact.load(folder, found.sha256)

    def versions(self, model: str) -> list[ModelVersion]:
        """Every version, the newest first."""
        found = self.client.search_model_versions(f"name = '{model}'")
        return sorted(found, key=lambda one: -int(one.version))

    def run_of(self, version: ModelVersion) -> tuple[dict[str, float], dict[str, str]]:
        """The figures and the parameters that a version's run logged; none where it has no run."""
        if not version.run_id:
            return {}, {}
        data = self.client.get_run(version.run_id).data
        return dict(data.metrics), dict(data.params)

    def _experiment(self, client: mlflow.MlflowClient, name: str) -> str:
        """The experiment that a model's runs belong to, with its files in this home unless a server keeps them."""
        local = self._address.startswith("sqlite:")
        experiment = client.get_experiment_by_name(name)
        if experiment and local and was_moved(experiment.artifact_location, name, self.home):
            _set_aside(client, experiment, models_folder(self.home) / name)
            experiment = None
        if experiment:
            return str(experiment.experiment_id)
        place = (models_folder(self.home) / name).as_uri() if local else None
        return str(client.create_experiment(name, artifact_location=place))

    def _version(self, client: mlflow.MlflowClient, model: str, version: str) -> ModelVersion:
        try:
            return client.get_model_version(model, version)
        except MlflowException as problem:
            raise RegistryError(f"{model} has no version {version}: {masked(problem.message)}") from problem


def _set_aside(client: mlflow.MlflowClient, experiment: Experiment, here: Path) -> None:
    """Free the name of an experiment whose files belong to another home: MLflow cannot change where they lie."""
    identity = experiment.experiment_id
    note = f"Runs of before this home was moved or copied. Their files lie in {here}, each in the folder of its run."
    client.set_experiment_tag(identity, DESCRIPTION, note)
    client.rename_experiment(identity, f"{experiment.name} (before the home was moved, {identity})")
