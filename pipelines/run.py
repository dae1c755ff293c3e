"""Runs of the daily and the weekly job in this process, recorded where the UI shows them."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import date
from pathlib import Path
from typing import Any

import dagster as dg

from feature_repo.settings import PlatformSettings
from feature_repo.stores.private_redis import running
from feature_repo.views import SNAPSHOT_VIEWS
from pipelines.abandoned import end_abandoned, marked
from pipelines.assets.raw import raw_key, raw_keys
from pipelines.assets.training import keys_of
from pipelines.chosen_days import PAGES, ops_of
from pipelines.computation.days import Days
from pipelines.definitions import build_definitions
from pipelines.instance import prepare
from pipelines.launch import Launch
from pipelines.partitions import first_day, require_partitions
from pipelines.published import StaleDays, missing_firsts, shown, spans, stale_days
from pipelines.snapshots import SnapshotStore
from pipelines.transforms import pipeline_of
from pipelines.withdrawal import finish
from training.models import MODELS
from training.snapshot_inputs import OutdatedDays, outdated_days
from training.specs import ModelSpec


def view_names() -> tuple[str, ...]:
    """The views whose snapshots are computed."""
    return tuple(view.name for view in SNAPSHOT_VIEWS)


@dataclass(frozen=True)
class RunResult:
    """What became of a run: a row a view, and why it failed if it did."""

    success: bool
    rows: tuple[ViewOutcome, ...]
    complaints: tuple[str, ...]
    warnings: tuple[str, ...] = ()


@dataclass(frozen=True)
class ViewOutcome:
    """What a run did for one view. `finished` is whether its asset ended; what it published counts in any case."""

    view: str
    finished: bool = False
    snapshots: int = 0
    published: int = 0
    refused: int = 0
    expectations: int | None = None
    online: int | None = None


def materialise(settings: PlatformSettings, first: date, last: date, views: tuple[str, ...] = ()) -> RunResult:
    """Load, compute, validate and publish a range of days, and serve the newest of it."""
    return materialise_days(settings, Days(first, last), views)


def materialise_days(
    settings: PlatformSettings, days: Iterable[date], views: tuple[str, ...] = (), *, with_months: bool = True
) -> RunResult:
    """The same for any days: of a range without a gap by the daily job, of others by that of chosen days.

    `with_months` computes the first days of their months as well, of views that say of each entity only then.
    """
    home, chosen = settings.home, sorted(set(days))
    ranges, first = spans(chosen), first_day(home, settings.first_day)
    for part in ranges:
        require_partitions(part, first)
    withdrawn = finish(home)
    folder = prepare(home)
    wanted = tuple(view for view in view_names() if not views or view in views)
    # Each online asset would start and stop the private Redis; held here, it runs throughout.
    with running(home, settings.redis), dg.DagsterInstance.get() as instance, marked(folder) as mark:
        end_abandoned(instance, folder)
        launch = Launch(build_definitions(settings), instance, mark)
        before = {view: _versions(home, view, chosen) for view in wanted}
        runs = (
            [launch.daily(ranges[0], [key for view in wanted for key in _assets_of(view)] if views else None)]
            if len(ranges) == 1
            else _chosen(launch, chosen, wanted, with_raw=not views)
        )
        changed = {view: _changed(home, view, chosen, before[view]) for view in wanted}
        firsts = missing_firsts(home, {view: changed[view] for view in wanted if with_months}, first)
        more = [launch.chosen_days(days, ops_of(of_days)) for days, of_days in firsts.items()]
    outcome = _with_months(_outcome(wanted, runs, changed), firsts, more)
    carried_out = f"the withdrawal of {withdrawn}, which had begun and not ended, was carried out first."
    return replace(outcome, warnings=(*([carried_out] if withdrawn else []), *outcome.warnings))


def materialise_stale(settings: PlatformSettings, views: tuple[str, ...] = ()) -> RunResult | None:
    """The same for the published days that a changed declaration or changed raw rows left behind; None without any."""
    days: dict[str, set[date]] = {}
    for stale in remaining_stale_days(settings.home, views):
        days.setdefault(stale.view, set()).update(stale.days)
    runs = [materialise_days(settings, of_view, (view,), with_months=False) for view, of_view in days.items()]
    return _merged(runs) if runs else None


def remaining_stale_days(home: Path, views: tuple[str, ...] = ()) -> list[StaleDays | OutdatedDays]:
    """The published days of the views, or of all, that a changed declaration or changed raw rows left behind."""
    declared = [view for view in SNAPSHOT_VIEWS if not views or view.name in views]
    return [*stale_days(home, declared), *outdated_days(home, [view.name for view in declared])]


def _merged(runs: Sequence[RunResult]) -> RunResult:
    return RunResult(
        all(run.success for run in runs),
        tuple(row for run in runs for row in run.rows),
        tuple(complaint for run in runs for complaint in run.complaints),
        tuple(dict.fromkeys(warning for run in runs for warning in run.warnings)),
    )


def _with_months(
    outcome: RunResult, firsts: Mapping[tuple[date, ...], Sequence[str]], runs: Sequence[dg.ExecuteInProcessResult]
) -> RunResult:
    """An outcome with what came of the first days of months that were computed as well."""
    notes = [
        f"{', '.join(views)}: computed for {shown(days)} as well. On the first of a month every entity has a snapshot, "
        "on other days those alone that changed."
        for days, views in firsts.items()
    ]
    failures = [failure for run in runs for failure in _failures(run)]
    return replace(
        outcome,
        success=outcome.success and all(run.success for run in runs),
        complaints=(*outcome.complaints, *failures),
        warnings=(*outcome.warnings, *notes),
    )


def _chosen(
    launch: Launch, days: Sequence[date], views: Sequence[str], *, with_raw: bool
) -> list[dg.ExecuteInProcessResult]:
    """The run of chosen days; before it that of the raw tables, whose days between them are loaded as well.

    As in a run of the daily job a view is not computed if a table that it reads was not loaded.
    """
    if not with_raw:
        return [launch.chosen_days(days, ops_of(views))]
    raw = launch.daily(Days(days[0], days[-1]), raw_keys())
    loaded = set(_made(raw))
    computable = [view for view in views if loaded >= {raw_key(table) for table in pipeline_of(view).reads}]
    pages = [PAGES] if len(computable) == len(views) else []
    return [raw, launch.chosen_days(days, [*ops_of(computable), *pages])]


def _outcome(
    views: Sequence[str], runs: Sequence[dg.ExecuteInProcessResult], changed: Mapping[str, list[date]]
) -> RunResult:
    checks = {
        (check.asset_key.to_user_string(), check.check_name): check
        for run in runs
        for check in run.get_asset_check_evaluations()
    }
    materialised = {key: metadata for run in runs for key, metadata in _made(run).items()}
    rows, complaints = [], []
    for view in views:
        contract, served = checks.get((view, "contract")), materialised.get(dg.AssetKey(["online", view]))
        complaints += [
            f"{view}: {check.metadata['first reason'].value}"
            for check in (contract, checks.get((f"online/{view}", "served_as_stored")))
            if check and not check.passed
        ]
        if contract is None:
            written = changed[view]
            rows.append(ViewOutcome(view, published=len(written)))
            if written:
                complaints.append(
                    f"{view}: before it failed, the run published {shown(written)}, validated and whole: these days "
                    "are in use. Run it again for the others."
                )
            continue
        counts = {name: value.value for name, value in contract.metadata.items()}
        rows.append(
            ViewOutcome(
                view,
                finished=True,
                snapshots=counts["snapshots"],  # type: ignore[arg-type]
                published=counts["days published"],  # type: ignore[arg-type]
                refused=len(str(counts["days refused"]).split(", ")) if "days refused" in counts else 0,
                expectations=counts["expectations checked"],  # type: ignore[arg-type]
                online=served["dagster/row_count"] if served else None,
            )
        )
    warnings = (materialised.get(dg.AssetKey(view), {}).get("raw tables without rows", "") for view in views)
    failures = [failure for run in runs for failure in _failures(run)]
    success = all(run.success for run in runs)
    return RunResult(success, tuple(rows), (*complaints, *failures), tuple(filter(None, warnings)))


def _changed(home: Path, view: str, days: Iterable[date], before: Mapping[date, tuple[int, int]]) -> list[date]:
    """The days that have been published since."""
    return [day for day, version in _versions(home, view, days).items() if before.get(day) != version]


def _versions(home: Path, view: str, days: Iterable[date]) -> dict[date, tuple[int, int]]:
    """The published days of some, each with what its file changes when it is written again."""
    store = SnapshotStore(home)
    files = {day: store.published(view, day) for day in days}
    states = {day: file.stat() for day, file in files.items() if file.exists()}
    return {day: (state.st_ino, state.st_mtime_ns) for day, state in states.items()}


@dataclass(frozen=True)
class Training:
    """What became of a weekly run: a row a model, and why it failed if it did."""

    success: bool
    rows: tuple[tuple[str, ...], ...]
    complaints: tuple[str, ...]


def train(settings: PlatformSettings, models: tuple[str, ...] = ()) -> Training:
    """Train, evaluate and promote models, as the weekly schedule does."""
    folder = prepare(settings.home)
    wanted = [spec for spec in MODELS if not models or spec.name in models]
    with dg.DagsterInstance.get() as instance, marked(folder) as mark:
        end_abandoned(instance, folder)
        result = Launch(build_definitions(settings), instance, mark).weekly(
            [key for spec in wanted for key in keys_of(spec)]
        )
    made = _made(result)
    rows = tuple(_row_of(spec, made) for spec in wanted)
    complaints = [
        f"{one.asset_key.to_user_string()}: {one.check_name}: {one.metadata['reason'].value}"
        for one in result.get_asset_check_evaluations()
        if not one.passed
    ]
    complaints += _failures(result)
    return Training(result.success, rows, tuple(complaints))


def _row_of(spec: ModelSpec, made: Mapping[dg.AssetKey, Mapping[str, Any]]) -> tuple[str, ...]:
    model, _, promoted = (made.get(key) for key in keys_of(spec)[1:])
    if not model:
        return spec.name, "failed", "", "", "", ""
    return (
        spec.name, str(model["estimator"]), f"{model['dagster/row_count']:,}", str(model["against the baseline"]),
        str(model["version"]), "serves" if promoted else "stopped",
    )  # fmt: skip


def _assets_of(view: str) -> list[dg.AssetKey]:
    return [dg.AssetKey(view), dg.AssetKey("feast_registry"), dg.AssetKey(["online", view])]


def _made(result: dg.ExecuteInProcessResult) -> Mapping[dg.AssetKey, Mapping[str, Any]]:
    """What each asset told of itself, the one that was stopped by its own check too."""
    events = [event.step_materialization_data for event in result.all_events if event.is_step_materialization]
    return {
        event.materialization.asset_key: {name: one.value for name, one in event.materialization.metadata.items()}
        for event in events
    }


def _failures(result: dg.ExecuteInProcessResult) -> list[str]:
    """Why steps failed, unless a check has told it already."""
    return [
        f"{failure.step_key}: {_reason(failure)}"
        for failure in result.all_events
        if failure.is_step_failure and not _is_a_check(failure)
    ]


def _is_a_check(failure: dg.DagsterEvent) -> bool:
    error = failure.step_failure_data.error
    return error is not None and error.cls_name == "DagsterAssetCheckFailedError"


def _reason(failure: dg.DagsterEvent) -> str:
    """Why a step failed, in the words of the first cause."""
    error = failure.step_failure_data.error
    while error and error.cause:
        error = error.cause
    return error.message.strip() if error else "no reason was given"
