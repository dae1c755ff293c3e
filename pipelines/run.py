"""One run of the daily job over a range of days, in this process, recorded where the UI shows it."""

from dataclasses import dataclass
from datetime import date
from pathlib import Path
from typing import Any

import dagster as dg

from feature_repo.views import SNAPSHOT_VIEWS
from pipelines.definitions import definitions
from pipelines.instance import prepare, range_tags

VIEWS = tuple(view.name for view in SNAPSHOT_VIEWS)


@dataclass(frozen=True)
class Outcome:
    """What became of a run: a row a view, and why it failed if it did."""

    success: bool
    rows: tuple[tuple[Any, ...], ...]
    complaints: tuple[str, ...]


def materialise(home: Path, first: date, last: date, views: tuple[str, ...] = ()) -> Outcome:
    """Load, compute, validate and publish a range of days."""
    prepare(home)
    wanted = [view for view in VIEWS if not views or view in views]
    with dg.DagsterInstance.get() as instance:
        result = definitions.resolve_job_def("daily").execute_in_process(
            instance=instance,
            tags=dict(range_tags(first, last)),
            raise_on_error=False,
            run_config={"loggers": {"console": {"config": {"log_level": "INFO"}}}},
            asset_selection=[dg.AssetKey(view) for view in wanted] if views else None,
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
                )
            )
            if contract and not contract.passed:
                complaints.append(f"{view}: {contract.metadata['first reason'].value}")
        complaints += [
            f"{failure.step_key}: {_reason(failure)}" for failure in result.all_events if failure.is_step_failure
        ]
    return Outcome(result.success, tuple(rows), tuple(complaints))


def _reason(failure: dg.DagsterEvent) -> str:
    """Why a step failed, in the words of the first cause."""
    error = failure.step_failure_data.error
    while error and error.cause:
        error = error.cause
    return error.message.strip() if error else "no reason was given"
