"""One asset a view: computed, validated, and published day by day as far as it passed."""

from datetime import timedelta

import dagster as dg
from feast import FeatureView

from feature_repo.cadence import cadence_of
from feature_repo.fields import features_of
from feature_repo.views import TEMPORAL
from pipelines.assets.raw import raw_key
from pipelines.partitions import days_of
from pipelines.publication import check_results, check_specs, publish, require_computable
from pipelines.resources import Platform
from pipelines.run_policy import RunPolicy
from pipelines.transforms import PIPELINES
from pipelines.view_pipeline import ViewPipeline


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
        check_specs=check_specs(view.name),
        pool="features",
    )
    def snapshots(context: dg.AssetExecutionContext, platform: Platform) -> dg.MaterializeResult:
        days, warning = days_of(context), require_computable(platform, view.name)
        if warning:
            context.log.warning(warning)
        published = list(publish(platform, pipeline, days, context.log))
        return dg.MaterializeResult(
            metadata={
                "dagster/row_count": sum(sum(block.rows.values()) for block in published),
                "days published": sum(len(block.verdict.passed) for block in published),
                "days refused": [str(day) for block in published for day in block.verdict.refused],
                f"portrait of {days.last}": published[-1].newest,
                "raw tables without rows": warning,
                "path": dg.MetadataValue.path(platform.snapshots.published(view.name, days.last).parents[1]),
            },
            check_results=check_results(platform.home, view.name, published),
        )

    return snapshots


def freshness_of(view: FeatureView) -> dg.FreshnessPolicy:
    """A day's snapshots are promised online by the view's lag after midnight; an hour is what they take at least."""
    hours = max(1, cadence_of(view).lag_hours)
    return dg.FreshnessPolicy.cron(deadline_cron=f"0 {hours} * * *", lower_bound_delta=timedelta(hours=hours))


def _catalogue_of(view: FeatureView) -> str:
    return "\n".join(f"- `{field.name}`: {field.description}" for field in features_of(view))


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
