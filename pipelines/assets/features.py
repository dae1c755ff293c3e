"""One asset a view: computed, validated, and published day by day as far as it passed."""

from collections.abc import Mapping
from datetime import date, timedelta
from pathlib import Path

import dagster as dg
from feast import FeatureView

from expectations.archive import keep
from expectations.docs import build, page_of
from expectations.outcome import ValidationResult
from feature_repo.cadence import cadence_of
from feature_repo.fields import features_of
from feature_repo.views import TEMPORAL
from pipelines.assets.raw import raw_key
from pipelines.gate import BlockVerdict, judge
from pipelines.inputs import RefusedInputsError, require_inputs
from pipelines.partitions import days_of
from pipelines.portrait import portrait_of
from pipelines.resources import Platform
from pipelines.run_policy import RunPolicy
from pipelines.snapshots import blocks
from pipelines.transforms import PIPELINES
from pipelines.view_pipeline import ViewPipeline
from pipelines.withdrawal import WithdrawalError, require_none_pending
from training.wording import counted


def feature_view(pipeline: ViewPipeline, policy: RunPolicy) -> dg.AssetsDefinition:
    """The asset of one view. What breaks its contract is kept apart, and what was published before stays."""
    view = pipeline.view

    @dg.asset(
        name=view.name,
        group_name="features",
        description=f"{view.description}\n\n{_catalogue_of(view)}",
        deps=[raw_key(table) for table in pipeline.reads],
        partitions_def=policy.partitions,
        backfill_policy=dg.BackfillPolicy.single_run(),
        retry_policy=policy.retries,
        freshness_policy=freshness_of(view),
        owners=[f"team:{view.owner}"],
        tags={"cadence": cadence_of(view).every},
        kinds={"duckdb", "parquet", "feast"},
        check_specs=_checks(view.name),
        pool="features",
    )
    def snapshots(context: dg.AssetExecutionContext, platform: Platform) -> dg.MaterializeResult:
        days, verdicts, rows = days_of(context), [], 0
        try:
            require_none_pending(platform.home)
            warning = require_inputs(platform.home, view.name, platform.allowed_empty)
        except (RefusedInputsError, WithdrawalError) as problem:
            raise dg.Failure(str(problem), allow_retries=False) from None
        if warning:
            context.log.warning(warning)
        for block in blocks(platform.engine, platform.raw, pipeline, days):
            verdict = judge(block, platform.snapshots)
            block.publish(platform.snapshots, list(verdict.passed))
            block.refuse(platform.snapshots, list(verdict.refused))
            span = f"{block.days.first} to {block.days.last}"
            context.log.info(f"{view.name}, {span}: {counted(len(verdict.passed), 'day')} published")
            for outcome in verdict.outcomes:
                if outcome.day:
                    keep(outcome, platform.home)
            verdicts.append(verdict)
            portrait = portrait_of(block.table(block.days.last))
            rows += sum(block.rows().values())
        if refused := [day for verdict in verdicts for day in verdict.refused]:
            # What depends on this asset will not run, the pages that tell why among it.
            build(platform.home)
        return dg.MaterializeResult(
            metadata={
                "dagster/row_count": rows,
                "days published": sum(len(verdict.passed) for verdict in verdicts),
                "days refused": [str(day) for day in refused],
                f"portrait of {days.last}": portrait,
                "raw tables without rows": warning,
                "path": dg.MetadataValue.path(platform.snapshots.published(view.name, days.last).parents[1]),
            },
            check_results=_results(
                view.name, verdicts, {day: page_of(platform.home, view.name, day) for day in refused}
            ),
        )

    return snapshots


def freshness_of(view: FeatureView) -> dg.FreshnessPolicy:
    """A day's snapshots are promised online by the view's lag after midnight."""
    hours = cadence_of(view).lag_hours
    return dg.FreshnessPolicy.cron(deadline_cron=f"0 {hours} * * *", lower_bound_delta=timedelta(hours=hours))


def _catalogue_of(view: FeatureView) -> str:
    return "\n".join(f"- `{field.name}`: {field.description}" for field in features_of(view))


def _checks(view: str) -> list[dg.AssetCheckSpec]:
    return [
        dg.AssetCheckSpec(
            "contract", asset=view, blocking=True,
            description="Critical expectations of the view's contract. A day that fails is not published.",
        ),
        dg.AssetCheckSpec("oddities", asset=view, description="Expectations whose breach is worth a look, no more."),
    ]  # fmt: skip


def _results(view: str, verdicts: list[BlockVerdict], refused: Mapping[date, Path]) -> list[dg.AssetCheckResult]:
    outcomes = [outcome for verdict in verdicts for outcome in verdict.outcomes]
    return [
        dg.AssetCheckResult(
            check_name="contract",
            asset_key=view,
            passed=not refused,
            severity=dg.AssetCheckSeverity.ERROR,
            metadata=_told(outcomes, "critical", refused),
        ),
        dg.AssetCheckResult(
            check_name="oddities",
            asset_key=view,
            passed=not any(finding.severity == "warning" for outcome in outcomes for finding in outcome.failures),
            severity=dg.AssetCheckSeverity.WARN,
            metadata=_told(outcomes, "warning", {}),
        ),
    ]


def _told(outcomes: list[ValidationResult], severity: str, refused: Mapping[date, Path]) -> dict[str, dg.MetadataValue]:
    failures = [
        dg.TableRecord({"day": str(outcome.day or "several"), "columns": ", ".join(f.columns), "reason": f.sentence})
        for outcome in outcomes
        for f in outcome.failures
        if f.severity == severity
    ]
    checked = sum(len(outcome.findings) for outcome in outcomes)
    metadata: dict[str, dg.MetadataValue] = {
        "expectations checked": dg.MetadataValue.int(checked),
        "seconds": dg.MetadataValue.float(round(sum((outcome.seconds for outcome in outcomes), 0.0), 2)),
    }
    if failures:
        metadata["failures"] = dg.MetadataValue.table(failures[:200], schema=_FAILURES)
        metadata["first reason"] = dg.MetadataValue.text(str(failures[0].data["reason"]))
    if refused:
        metadata["days refused"] = dg.MetadataValue.text(", ".join(map(str, refused)))
        metadata["page of the last of them"] = dg.MetadataValue.path(refused[max(refused)])
    return metadata


_FAILURES = dg.TableSchema([dg.TableColumn("day"), dg.TableColumn("columns"), dg.TableColumn("reason")])


def feature_assets(policy: RunPolicy) -> list[dg.AssetsDefinition]:
    """One asset a view."""
    return [feature_view(pipeline, policy) for pipeline in PIPELINES]


def feature_keys() -> list[dg.AssetKey]:
    """Those of the views' assets."""
    return [dg.AssetKey(pipeline.view.name) for pipeline in PIPELINES]


ON_DEMAND = dg.AssetSpec(
    TEMPORAL.name,
    group_name="features",
    description=f"{TEMPORAL.description}\n\nComputed when asked, in training and in serving; nothing is stored.",
    owners=[f"team:{TEMPORAL.owner}"],
    kinds={"python", "feast"},
)
