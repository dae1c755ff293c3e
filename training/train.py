"""The whole way: training set, fit, gates, artifact, registry, promotion."""

from __future__ import annotations

import shutil
from collections.abc import Callable
from dataclasses import asdict, dataclass
from datetime import date, datetime
from pathlib import Path

import numpy as np
import numpy.typing as npt

from feature_repo.home import home as home_folder
from feature_repo.store import open_store
from training import artifact, report
from training.arrays import inputs_of
from training.dataset import TrainingSet, training_set, views_of
from training.deployed import NotDeployedError
from training.facts import Facts
from training.fit import Fitted, fit
from training.gates import Evidence, Verdict, verdicts
from training.graph import graph_of
from training.registry import Registry
from training.row_selection import as_moment
from training.specs import ModelSpec, spec_of

Shown = Callable[[str, int, int], None]

GOLDEN = 64
MEDIUM, HIGH = 1.0, 3.0
"""From which multiple of the base rate on a probability is called medium, and high."""


@dataclass(frozen=True)
class Trained:
    """A model that was fitted, examined and registered."""

    fitted: Fitted
    version: str
    verdicts: tuple[Verdict, ...]
    folder: Path
    report: Path

    @property
    def passed(self) -> bool:
        """Whether no gate failed."""
        return not self.failures

    @property
    def failures(self) -> tuple[Verdict, ...]:
        """The gates that failed."""
        return tuple(verdict for verdict in self.verdicts if verdict.outcome == "failed")


def train(
    model: str | ModelSpec,
    *,
    start: date | datetime | str | None = None,
    end: date | datetime | str | None = None,
    test_from: date | datetime | str | None = None,
    rows: TrainingSet | None = None,
    tune: int = 0,
    promote: bool = True,
    home: Path | None = None,
    show: Shown = lambda *_: None,
) -> Trained:
    """Train, examine and register a model; let it serve if no gate fails."""
    spec = model if isinstance(model, ModelSpec) else spec_of(model)
    folder = home or home_folder()
    rows = rows or training_set(spec, start=start, end=end, at_most=spec.most_rows, home=folder, show=show)
    trained = examined(rows, test_from=test_from, tune=tune, home=folder, show=show)
    if promote and trained.passed:
        Registry(folder).promote(spec.name, trained.version, trained.verdicts)
    return trained


def examined(
    rows: TrainingSet,
    *,
    test_from: date | datetime | str | None = None,
    tune: int = 0,
    home: Path,
    show: Shown = lambda *_: None,
) -> Trained:
    """Fit on a training set, judge, write the artifact and the report, register as challenger."""
    spec, store, registry = rows.spec, open_store(), Registry(home)
    views = views_of(store, store.get_feature_service(spec.service))
    champion = registry.champion(spec.name)  # asked first: a registry that is away says so before the work
    fitted = fit(
        rows, inputs_of(views, spec.label.extra), test_from=as_moment(test_from, "test_from"), tune=tune, show=show
    )
    evidence = Evidence(fitted, _answers_of(champion, registry, fitted), champion or "")
    judged = verdicts(evidence)
    place = home / "models" / "latest" / spec.name
    shutil.rmtree(place, ignore_errors=True)
    _write(fitted, place / "model")
    rows.manifest.write(place / "training-set.manifest.json")
    page = report.write(place / "report.html", report.report(fitted, judged, _regions(fitted, home)))
    version = registry.register(fitted, place / "model", page, judged)
    return Trained(fitted, version, judged, place / "model", page)


def _write(fitted: Fitted, folder: Path) -> None:
    spec, manifest = fitted.spec, fitted.training_set.manifest
    taught = fitted.rows.matrix[fitted.split.train]
    sample = np.linspace(0, len(fitted.rows.matrix) - 1, GOLDEN).astype(int)
    golden = np.vstack([fitted.rows.matrix[sample], np.full((1, taught.shape[1]), np.nan, np.float32)])
    answers = fitted.calibration.applied(fitted.native.scores(golden), golden, spec.task)
    base = float(fitted.rows.labels[fitted.split.train].mean())
    card = artifact.Card(
        model=spec.name,
        question=spec.question,
        task=spec.task,
        entity=spec.entity,
        service=spec.service,
        contract=manifest.contract,
        estimator=fitted.estimator,
        inputs=fitted.inputs,
        classes=spec.classes,
        thresholds=(MEDIUM * base, min(HIGH * base, (1 + base) / 2)) if spec.task == "binary" and spec.classes else (),
        when_missing={
            view: {"policy": rule.policy, "up_to_seconds": rule.up_to.total_seconds()}
            for view, rule in spec.when_missing.items()
        },
        centre=tuple(fitted.native.scores(taught[:: max(len(taught) // 2000, 1)]).mean(axis=0).tolist()),
        metrics=fitted.best.figures,
        baseline={"name": fitted.baseline.name, **fitted.baseline.figures},
        coverage=fitted.coverage,
        trained_until=str(fitted.split.at),
        training_set=asdict(manifest),
        intervals=fitted.intervals,
    )
    artifact.write(
        folder,
        fitted.native,
        graph_of(fitted.native, fitted.calibration, spec.task, taught.shape[1]),
        card,
        golden,
        answers,
    )


def _answers_of(champion: str | None, registry: Registry, fitted: Fitted) -> npt.NDArray[np.float64] | None:
    """The champion's answers for the rows that examine, if it reads the same inputs."""
    if champion is None:
        return None
    try:
        loaded = registry.load(fitted.spec.name)
    except (NotDeployedError, artifact.ArtifactError):
        return None
    if loaded.card.inputs != fitted.inputs:
        return None
    return loaded.answers(fitted.rows.matrix[fitted.test]).astype(np.float64)


def _regions(fitted: Fitted, home: Path) -> npt.NDArray[np.int64] | None:
    """The region of each row that examines, as last known."""
    table, key = ("properties", "property_id") if fitted.spec.entity == "property_id" else ("customers", "customer_id")
    known = Facts(home)
    found = known.select(
        f"SELECT {key}, any_value(region_id) AS region_id FROM ({known.newest(table, key)}) GROUP BY ALL"
    )
    region = dict(zip(found[key].to_pylist(), found["region_id"].to_pylist(), strict=True))
    return np.array([region.get(one, -1) for one in fitted.rows.entity[fitted.test].tolist()])
