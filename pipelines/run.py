"""Runs of the daily and the weekly job in this process, recorded where the UI shows them."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import date
from functools import reduce
from operator import add
from pathlib import Path
from typing import Any

import dagster as dg

from feature_repo.settings import PlatformSettings
from feature_repo.stores.private_redis import running
from feature_repo.views import SNAPSHOT_VIEWS
from pipelines.abandoned import end_abandoned, marked
from pipelines.assets.training import keys_of
from pipelines.definitions import build_definitions
from pipelines.instance import prepare, range_tags
from pipelines.partitions import first_day, require_partitions
from pipelines.published import StaleDays, shown, spans, stale_days
from pipelines.snapshots import SnapshotStore
from pipelines.transforms.days import Days
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

    def __add__(self, later: ViewOutcome) -> ViewOutcome:
        """Two runs over different days; online are the entities that the later one wrote."""
        return ViewOutcome(
            self.view,
            self.finished and later.finished,
            self.snapshots + later.snapshots,
            self.published + later.published,
            self.refused + later.refused,
            self.expectations if later.expectations is None else later.expectations + (self.expectations or 0),
            later.online,
        )


def materialise(settings: PlatformSettings, first: date, last: date, views: tuple[str, ...] = ()) -> RunResult:
    """Load, compute, validate and publish a range of days, and serve the newest of it."""
    return materialise_days(settings, Days(first, last), views)


def materialise_days(settings: PlatformSettings, days: Iterable[date], views: tuple[str, ...] = ()) -> RunResult:
    """The same for any days, a run for each range of them without a gap."""
    return _materialise_ranges(settings, spans(days), views)


def materialise_stale(settings: PlatformSettings, views: tuple[str, ...] = ()) -> RunResult | None:
    """The same for the published days that a changed declaration or changed raw rows left behind; None without any."""
    days: dict[str, set[date]] = {}
    for stale in remaining_stale_days(settings.home, views):
        days.setdefault(stale.view, set()).update(stale.days)
    runs = [_materialise_ranges(settings, spans(of_view), (view,)) for view, of_view in days.items()]
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
        _warnings_of(runs),
    )


def _warnings_of(runs: Iterable[RunResult]) -> tuple[str, ...]:
    return tuple(dict.fromkeys(warning for run in runs for warning in run.warnings))


def _materialise_ranges(settings: PlatformSettings, ranges: Sequence[Days], views: tuple[str, ...]) -> RunResult:
    """A run for each range, in order. Refused days do not stop the next; whatever else fails does."""
    home = settings.home
    for days in ranges:
        require_partitions(days, first_day(home, settings.first_day))
    withdrawn = finish(home)
    folder = prepare(home)
    outcomes: list[RunResult] = []
    # Each online asset would start and stop the private Redis; held here, it runs throughout.
    with running(home, settings.redis), dg.DagsterInstance.get() as instance, marked(folder) as mark:
        end_abandoned(instance, folder)
        for days in ranges:
            outcomes.append(_materialise(settings, days, views, instance, mark))
            if not all(row.finished for row in outcomes[-1].rows):
                break
    rows = [reduce(add, of_view) for of_view in zip(*(outcome.rows for outcome in outcomes), strict=True)]
    complaints = [complaint for outcome in outcomes for complaint in outcome.complaints]
    if skipped := ranges[len(outcomes) :]:
        complaints.append(
            f"the run before failed, so these days were not begun: {shown(day for days in skipped for day in days)}"
        )
    success = all(outcome.success for outcome in outcomes)
    carried_out = f"the withdrawal of {withdrawn}, which had begun and not ended, was carried out first."
    warnings = (*([carried_out] if withdrawn else []), *_warnings_of(outcomes))
    return RunResult(success, tuple(rows), tuple(complaints), warnings)


def _materialise(
    settings: PlatformSettings,
    days: Days,
    views: tuple[str, ...],
    instance: dg.DagsterInstance,
    mark: Mapping[str, str],
) -> RunResult:
    home = settings.home
    wanted = [view for view in view_names() if not views or view in views]
    before = {view: _versions(home, view, days) for view in wanted}
    result = (
        build_definitions(settings)
        .resolve_job_def("daily")
        .execute_in_process(
            instance=instance,
            tags={**range_tags(days.first, days.last), **mark},
            raise_on_error=False,
            run_config={"loggers": {"console": {"config": {"log_level": "INFO"}}}},
            asset_selection=[key for view in wanted for key in _assets_of(view)] if views else None,
        )
    )
    checks = {(one.asset_key.to_user_string(), one.check_name): one for one in result.get_asset_check_evaluations()}
    made, rows, complaints = _made(result), [], []
    for view in wanted:
        metadata, contract = made.get(dg.AssetKey(view)), checks.get((view, "contract"))
        served = made.get(dg.AssetKey(["online", view]))
        complaints += [
            f"{view}: {check.metadata['first reason'].value}"
            for check in (contract, checks.get((f"online/{view}", "served_as_stored")))
            if check and not check.passed
        ]
        if metadata is None:
            written = [day for day, version in _versions(home, view, days).items() if before[view].get(day) != version]
            rows.append(ViewOutcome(view, published=len(written)))
            if written:
                complaints.append(
                    f"{view}: before it failed, the run published {shown(written)}, validated and whole: these days "
                    "are in use. Run it again for the others."
                )
            continue
        rows.append(
            ViewOutcome(
                view,
                finished=True,
                snapshots=metadata["dagster/row_count"],
                published=metadata["days published"],
                refused=len(metadata["days refused"]),
                expectations=contract.metadata["expectations checked"].value if contract else None,  # type: ignore[arg-type]
                online=served["dagster/row_count"] if served else None,
            )
        )
    materialised = (made.get(dg.AssetKey(view), {}) for view in wanted)
    warnings = tuple(metadata["raw tables without rows"] for metadata in materialised if metadata)
    return RunResult(result.success, tuple(rows), (*complaints, *_failures(result)), tuple(filter(None, warnings)))


def _versions(home: Path, view: str, days: Days) -> dict[date, tuple[int, int]]:
    """The published days of a range, each with what its file changes when it is written again."""
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
        result = (
            build_definitions(settings)
            .resolve_job_def("weekly")
            .execute_in_process(
                instance=instance,
                tags=dict(mark),
                raise_on_error=False,
                run_config={"loggers": {"console": {"config": {"log_level": "INFO"}}}},
                asset_selection=[key for spec in wanted for key in keys_of(spec)],
            )
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
