"""The whole way: training set, fit, gates, artifact, registry, promotion."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from datetime import date, datetime
from pathlib import Path
from tempfile import TemporaryDirectory

import numpy as np
import numpy.typing as npt
import pyarrow as pa

from feature_repo.home import home as home_folder
from feature_repo.store import open_store
from training import artifact, evaluation_page, evaluations, page, report
from training.arrays import inputs_without
from training.caveats import caveats, rarely_known, trained_ranges
from training.dataset import TrainingSet, training_set, views_of
from training.deployed import NotDeployedError
from training.fit import Fitted, fit
from training.gates import Evidence, GateVerdict, verdicts
from training.graph import graph_of
from training.headlines import BIAS
from training.learnable import of_the_few
from training.models import spec_of
from training.outdated_features import outdated_features, with_cause
from training.population import everybody, population_of
from training.preflight import require_trainable, test_rows_from
from training.progress import ShowProgress
from training.registry import PAGE, Registry, latest_folder
from training.row_selection import as_moment
from training.specs import ModelSpec
from training.training_lock import training_lock

GOLDEN = 64


@dataclass(frozen=True)
class Trained:
    """A model that was fitted, evaluated and registered."""

    fitted: Fitted
    version: str
    verdicts: tuple[GateVerdict, ...]
    caveats: tuple[str, ...]
    folder: Path
    report: Path

    @property
    def passed(self) -> bool:
        """Whether no gate failed."""
        return not self.failures

    @property
    def headlines(self) -> dict[str, float]:
        """The figures on the test rows, by the names under which the registry has them."""
        coverage = {f"coverage_{level.rstrip('%')}": share for level, share in self.fitted.coverage.items()}
        labels, answers = self.fitted.rows.labels[self.fitted.test], self.fitted.best.answers
        return {**self.fitted.best.figures, **coverage, BIAS: self.fitted.spec.task.bias(labels, answers)}

    @property
    def failures(self) -> tuple[GateVerdict, ...]:
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
    without: Sequence[str] = (),
    note: str = "",
    promote: bool = True,
    home: Path | None = None,
    show: ShowProgress = lambda *_: None,
) -> Trained:
    """Train, evaluate and register a model; let it serve if no gate fails.

    `without` names inputs to leave out, `note` is kept with the version.
    """
    spec = model if isinstance(model, ModelSpec) else spec_of(model)
    folder = home or home_folder()
    require_trainable(spec, folder, start=start, end=end, test_from=test_from, without=without)
    with training_lock(folder, spec.name):
        rows = rows or training_set(
            spec, start=start, end=end, at_most=spec.most_rows, check=test_rows_from(spec, test_from), home=folder,
            show=show,
        )  # fmt: skip
        trained = _evaluated(rows, test_from, tune, tuple(without), note, folder, show)
    if promote and trained.passed:
        Registry(folder).promote_evaluated(spec.name, trained.version)
    return trained


def evaluate(
    rows: TrainingSet,
    *,
    test_from: date | datetime | str | None = None,
    tune: int = 0,
    without: Sequence[str] = (),
    note: str = "",
    home: Path,
    show: ShowProgress = lambda *_: None,
) -> Trained:
    """Fit on a training set, judge, write the artifact and the report, register as challenger."""
    with training_lock(home, rows.spec.name):
        return _evaluated(rows, test_from, tune, tuple(without), note, home, show)


def _evaluated(
    rows: TrainingSet,
    test_from: date | datetime | str | None,
    tune: int,
    without: tuple[str, ...],
    note: str,
    home: Path,
    show: ShowProgress,
) -> Trained:
    spec, store, registry = rows.spec, open_store(home), Registry(home)
    views = views_of(store, store.get_feature_service(spec.service))
    champion = registry.champion(spec.name)  # asked first: a registry that is away says so before the work
    inputs, walked = inputs_without(spec, views, without), evaluations.kept(home, spec.name)
    others = everybody(rows, store, home)
    unlearnable = of_the_few(spec, inputs, rows.table, others.features)
    fitted = fit(
        rows, inputs.without([*unlearnable]), test_from=as_moment(test_from, "test_from"), tune=tune, show=show
    )
    population = population_of(fitted, others.features, store, home)
    evidence = Evidence(fitted, _answers_of(champion, registry, fitted), champion or "", population)
    outdated = outdated_features(rows.table, views, home)
    judged = tuple(with_cause(verdict, outdated) for verdict in verdicts(evidence))
    found_caveats = (*outdated, *caveats(fitted, population, unlearnable, others.missing_because))
    with TemporaryDirectory(prefix=f".{spec.name}-", dir=_folder(home / "models")) as scratch:
        draft = Path(scratch) / "latest"
        _write(fitted, found_caveats, rarely_known(fitted, population), draft / "model", without)
        rows.manifest.write(draft / "training-set.manifest.json")
        file = page.write(draft / PAGE, report.report(fitted, judged, found_caveats))
        if walked:
            evaluation_page.show_on(file, walked, inputs.names)
        version = registry.register(fitted, draft / "model", file, judged, left_out=without, note=note)
        place = latest_folder(home, spec.name)
        _folder(place.parent)
        if place.exists():
            place.rename(Path(scratch) / "before")
        draft.rename(place)
    registry.show_status(spec.name)
    return Trained(fitted, version, judged, found_caveats, place / "model", place / PAGE)


def _folder(place: Path) -> Path:
    place.mkdir(parents=True, exist_ok=True)
    return place


def _write(
    fitted: Fitted, caveats: tuple[str, ...], rare: Mapping[str, float], folder: Path, left_out: tuple[str, ...]
) -> None:
    spec, manifest = fitted.spec, fitted.training_set.manifest
    train_rows = fitted.rows.matrix[fitted.split.train]
    sample = np.linspace(0, len(fitted.rows.matrix) - 1, GOLDEN).astype(int)
    golden = np.vstack([fitted.rows.matrix[sample], np.full((1, train_rows.shape[1]), np.nan, np.float32)])
    answers = fitted.calibration.applied(fitted.native.scores(golden), golden, spec.task)
    base = float(fitted.rows.labels[fitted.split.train].mean())
    card = artifact.Card(
        model=spec.name,
        question=spec.question,
        task=spec.task.name,
        entity=",".join(spec.join_keys),
        service=spec.service,
        contract=manifest.contract,
        estimator=fitted.estimator,
        inputs=fitted.inputs,
        left_out=left_out,
        classes=spec.classes,
        thresholds=spec.task.thresholds(spec, base),
        when_missing={view: rule.document() for view, rule in spec.when_missing.items()},
        centre=tuple(fitted.native.scores(train_rows[:: max(len(train_rows) // 2000, 1)]).mean(axis=0).tolist()),
        metrics=fitted.best.figures,
        baseline={"name": fitted.baseline.name, **fitted.baseline.figures},
        coverage=fitted.coverage,
        trained_until=str(fitted.split.at),
        training_set=asdict(manifest),
        intervals=fitted.intervals,
        ranges=trained_ranges(fitted),
        caveats=caveats,
        rarely_known=rare,
    )
    artifact.write(
        folder,
        fitted.native,
        graph_of(fitted.native, fitted.calibration, spec.task, train_rows.shape[1]),
        card,
        golden,
        answers,
    )


def _answers_of(champion: str | None, registry: Registry, fitted: Fitted) -> npt.NDArray[np.float64] | None:
    """The champion's answers for the test rows, if they have what it reads; NaN where it may have seen the label."""
    if champion is None:
        return None
    try:
        loaded = registry.load(fitted.spec.name)
    except (NotDeployedError, artifact.ArtifactError):
        return None
    table = fitted.training_set.table
    if not set(loaded.card.inputs.names) <= set(table.column_names):
        return None
    answers = loaded.answers(loaded.card.inputs.matrix(table.filter(pa.array(fitted.test)))).astype(np.float64)
    answers[fitted.rows.asked[fitted.test] < np.datetime64(loaded.card.trained_until)] = np.nan
    return answers
