"""One run of the daily job over a range of days, in this process, recorded where the UI shows it."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date
from pathlib import Path
from typing import Any

import dagster as dg

from feature_repo.stores.private_redis import running
from feature_repo.views import SNAPSHOT_VIEWS
from pipelines.abandoned import end_abandoned, marked
from pipelines.assets.training import keys_of
from pipelines.definitions import definitions
from pipelines.instance import prepare, range_tags
from training.specs import MODELS, ModelSpec

VIEWS = tuple(view.name for view in SNAPSHOT_VIEWS)


@dataclass(frozen=True)
class Outcome:
    """What became of a run: a row a view, and why it failed if it did."""

    success: bool
    rows: tuple[tuple[Any, ...], ...]
    complaints: tuple[str, ...]


def materialise(home: Path, first: date, last: date, views: tuple[str, ...] = ()) -> Outcome:
    """Load, compute, validate and publish a range of days, and serve the newest of it."""
    folder = prepare(home)
    wanted = [view for view in VIEWS if not views or view in views]
    # Each online asset would start and stop the private Redis; held here, it runs throughout.
    with running(home), dg.DagsterInstance.get() as instance, marked(folder) as mark:
        end_abandoned(instance, folder)
        result = definitions.resolve_job_def("daily").execute_in_process(
            instance=instance,
            tags={**range_tags(first, last), **mark},
            raise_on_error=False,
            run_config={"loggers": {"console": {"config": {"log_level": "INFO"}}}},
            asset_selection=[key for view in wanted for key in _assets_of(view)] if views else None,
        )
        checks = {(one.asset_key.to_user_string(), one.check_name): one for one in result.get_asset_check_evaluations()}
        made, rows, complaints = _made(result), [], []
        for view in wanted:
            metadata, contract = made.get(dg.AssetKey(view), {}), checks.get((view, "contract"))
            refused = metadata.get("days refused", [])
            served = made.get(dg.AssetKey(["online", view]))
            rows.append(
                (
                    view,
                    f"{metadata['dagster/row_count']:,}" if metadata else "failed",
                    metadata.get("days published", 0),
                    len(refused),
                    contract.metadata["expectations checked"].value if contract else "not run",
                    f"{served['dagster/row_count']:,}" if served else "not written",
                )
            )
            complaints += [
                f"{view}: {check.metadata['first reason'].value}"
                for check in (contract, checks.get((f"online/{view}", "served_as_stored")))
                if check and not check.passed
            ]
        complaints += _failures(result)
    return Outcome(result.success, tuple(rows), tuple(complaints))


@dataclass(frozen=True)
class Training:
    """What became of a weekly run: a row a model, and why it failed if it did."""

    success: bool
    rows: tuple[tuple[str, ...], ...]
    complaints: tuple[str, ...]


def train(home: Path, models: tuple[str, ...] = ()) -> Training:
    """Train, evaluate and promote models, as the weekly schedule does."""
    folder = prepare(home)
    wanted = [spec for spec in MODELS if not models or spec.name in models]
    with dg.DagsterInstance.get() as instance, marked(folder) as mark:
        end_abandoned(instance, folder)
        result = definitions.resolve_job_def("weekly").execute_in_process(
            instance=instance,
            tags=dict(mark),
            raise_on_error=False,
            run_config={"loggers": {"console": {"config": {"log_level": "INFO"}}}},
            asset_selection=[key for spec in wanted for key in keys_of(spec)],
        )
    made = _made(result)
    rows = tuple(_fared(spec, made) for spec in wanted)
    complaints = [
        f"{one.asset_key.to_user_string()}: {one.check_name}: {one.metadata['reason'].value}"
        for one in result.get_asset_check_evaluations()
        if not one.passed
    ]
    complaints += _failures(result)
    return Training(result.success, rows, tuple(complaints))


def _fared(spec: ModelSpec, made: Mapping[dg.AssetKey, Mapping[str, Any]]) -> tuple[str, ...]:
    told, _, promoted = (made.get(key) for key in keys_of(spec)[1:])
    if not told:
        return spec.name, "failed", "", "", "", ""
    return (
        spec.name, str(told["estimator"]), f"{told['dagster/row_count']:,}", str(told["against the baseline"]),
        str(told["version"]), "serves" if promoted else "stopped",
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
