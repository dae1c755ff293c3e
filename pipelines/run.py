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
        rows, complaints = [], []
        for view in wanted:
            events = result.asset_materializations_for_node(view) if result.is_node_success(view) else []
            metadata = events[-1].metadata if events else {}
            contract = checks.get((view, "contract"))
            refused = metadata["days refused"].value if "days refused" in metadata else []
            rows.append(
                (
                    view,
                    f"{metadata['dagster/row_count'].value:,}" if events else "failed",
                    metadata["days published"].value if events else 0,
                    len(refused) if isinstance(refused, list) else 0,
                    contract.metadata["expectations checked"].value if contract else "not run",
                    _served(result, view),
                )
            )
            complaints += [
                f"{view}: {check.metadata['first reason'].value}"
                for check in (contract, checks.get((f"online/{view}", "served_as_stored")))
                if check and not check.passed
            ]
        complaints += [
            f"{failure.step_key}: {_reason(failure)}" for failure in result.all_events if failure.is_step_failure
        ]
    return Outcome(result.success, tuple(rows), tuple(complaints))


@dataclass(frozen=True)
class Training:
    """What became of a weekly run: a row a model, and why it failed if it did."""

    success: bool
    rows: tuple[tuple[str, ...], ...]
    complaints: tuple[str, ...]


def train(home: Path, models: tuple[str, ...] = ()) -> Training:
    """Train, examine and promote models, as the weekly schedule does."""
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
    events = [event.step_materialization_data for event in result.all_events if event.is_step_materialization]
    made = {event.materialization.asset_key: event.materialization.metadata for event in events}
    rows = tuple(_fared(spec, made) for spec in wanted)
    complaints = [
        f"{one.asset_key.to_user_string()}: {one.check_name}: {one.metadata['reason'].value}"
        for one in result.get_asset_check_evaluations()
        if not one.passed
    ]
    complaints += [
        f"{failure.step_key}: {_reason(failure)}" for failure in result.all_events if failure.is_step_failure
    ]
    return Training(result.success, rows, tuple(complaints))


def _fared(spec: ModelSpec, made: Mapping[dg.AssetKey, Mapping[str, Any]]) -> tuple[str, ...]:
    trained, _, promoted = (made.get(key) for key in keys_of(spec)[1:])
    if not trained:
        return spec.name, "failed", "", "", "", ""
    told = {name: value.value for name, value in trained.items()}
    return (
        spec.name, str(told["estimator"]), f"{told['dagster/row_count']:,}", str(told["against the baseline"]),
        str(told["version"]), "serves" if promoted else "stopped",
    )  # fmt: skip


def _assets_of(view: str) -> list[dg.AssetKey]:
    return [dg.AssetKey(view), dg.AssetKey("feast_registry"), dg.AssetKey(["online", view])]


def _served(result: dg.ExecuteInProcessResult, view: str) -> str:
    """How many entities the online store was given."""
    node = f"online__{view}"
    events = result.asset_materializations_for_node(node) if result.is_node_success(node) else []
    return f"{events[-1].metadata['dagster/row_count'].value:,}" if events else "not written"


def _reason(failure: dg.DagsterEvent) -> str:
    """Why a step failed, in the words of the first cause."""
    error = failure.step_failure_data.error
    while error and error.cause:
        error = error.cause
    return error.message.strip() if error else "no reason was given"
