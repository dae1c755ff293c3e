"""The job of chosen days: what the daily job does for a range, in one run for days with gaps between them.

Dagster runs assets for one partition or one range. A range over chosen days would record the days between them as
materialised, and a run for each day costs more than its features. So these are ops: they call what the assets call, and
record a materialisation of exactly the days that were published, block by block.
"""

from collections.abc import Iterator, Mapping, Sequence
from datetime import date
from typing import Any

import dagster as dg

from expectations.docs import build
from pipelines.assets.feast import register
from pipelines.assets.online import POOL, compare_served, serve_newest
from pipelines.computation.days import Days
from pipelines.partitions import require_partitions
from pipelines.publication import PublishedBlock, check_results, check_specs, publish, require_computable
from pipelines.resources import Installation, Platform
from pipelines.run_policy import LIMITS, RunPolicy
from pipelines.transforms import PIPELINES
from pipelines.view_pipeline import ViewPipeline

JOB = "chosen_days"
REGISTRY, PAGES = "register_features", "render_pages"
"""Ops, which must not be called as those of assets are."""

OpEvent = dg.AssetMaterialization | dg.AssetCheckEvaluation | dg.Output[None]


class ChosenDays(dg.ConfigurableResource):  # type: ignore[type-arg]
    """Which days the job computes."""

    days: list[str]
    """Each as in 2024-05-31."""

    def dates(self, policy: RunPolicy) -> list[date]:
        """In their order, each once; fails unless each is a partition of the assets."""
        try:
            dates = sorted({date.fromisoformat(day) for day in self.days})
            if not dates:
                raise ValueError("expected days such as 2024-05-31, found none")
            require_partitions(Days(dates[0], dates[-1]), policy.partitions.start.date())
        except ValueError as problem:
            raise dg.Failure(f"{JOB}: {problem}", allow_retries=False) from None
        return dates


def config_of(days: Sequence[date]) -> Mapping[str, Any]:
    """What a run of the job must be given for some days."""
    return {"resources": {JOB: {"config": {"days": [str(day) for day in days]}}}}


def ops_of(views: Sequence[str]) -> list[str]:
    """The ops that publish and serve some views."""
    return [*map(publishing_op, views), *map(_serving_op_name, views), REGISTRY]


def publishing_op(view: str) -> str:
    """The op that publishes a view."""
    return f"publish_{view}"


def _serving_op_name(view: str) -> str:
    return f"serve_{view}"


def chosen_days_job(policy: RunPolicy) -> dg.JobDefinition:
    """The job, with an op for each view, its rows online, the registry and the pages."""
    registering, rendering = _registry_op(), _pages_op()
    ops = [(_publishing_op(pipeline, policy), _serving_op(pipeline, policy)) for pipeline in PIPELINES]

    @dg.job(
        name=JOB,
        description="Compute, validate, publish and serve days with gaps between them. The raw tables must be loaded.",
        tags=LIMITS,
    )
    def chosen_days() -> None:
        registered = registering()
        published = [publishing() for publishing, _ in ops]
        for (_, serving), view in zip(ops, published, strict=True):
            serving(published=view, registered=registered)
        rendering(published)

    return chosen_days


def _publishing_op(pipeline: ViewPipeline, policy: RunPolicy) -> dg.OpDefinition:
    view = pipeline.name

    @dg.op(
        name=publishing_op(view),
        description=f"Compute, validate and publish the chosen days of {view}.",
        out=dg.Out(dg.Nothing),
        retry_policy=policy.retries,
        pool="features",
    )
    def publishing(context: dg.OpExecutionContext, platform: Platform, chosen_days: ChosenDays) -> Iterator[OpEvent]:
        days, published = chosen_days.dates(policy), list[PublishedBlock]()
        warning = require_computable(platform, view)
        if warning:
            context.log.warning(warning)
        for block in publish(platform, pipeline, days, context.log):
            published.append(block)
            yield from _materialisations(platform, view, block, warning)
        blocking = {spec.name for spec in check_specs(view) if spec.blocking}
        for result in check_results(platform.home, view, published):
            yield _evaluation(result, dg.AssetKey(view), blocking=result.check_name in blocking)
        yield dg.Output(None)

    return publishing


def _materialisations(
    platform: Installation, view: str, block: PublishedBlock, warning: str
) -> Iterator[dg.AssetMaterialization]:
    """Of each published day of a block, the newest of the block with what its features look like."""
    for day in block.verdict.passed:
        yield dg.AssetMaterialization(
            view,
            partition=str(day),
            metadata={
                "dagster/row_count": block.rows[day],
                "raw tables without rows": warning,
                "path": dg.MetadataValue.path(platform.snapshots.published(view, day).parents[1]),
                **({f"portrait of {day}": block.newest} if day == max(block.rows) else {}),
            },
        )


def _serving_op(pipeline: ViewPipeline, policy: RunPolicy) -> dg.OpDefinition:
    key = dg.AssetKey(["online", pipeline.name])

    @dg.op(
        name=_serving_op_name(pipeline.name),
        description=f"Write the newest snapshots of {pipeline.name} to the online store, and compare what it serves.",
        ins={"published": dg.In(dg.Nothing), "registered": dg.In(dg.Nothing)},
        out=dg.Out(dg.Nothing),
        retry_policy=policy.retries,
        pool=POOL,
    )
    def serving(platform: Platform, chosen_days: ChosenDays) -> Iterator[OpEvent]:
        days = chosen_days.dates(policy)
        written = serve_newest(platform, pipeline.name, days)
        for day in days:
            yield dg.AssetMaterialization(key, partition=str(day), metadata=written)
        result = compare_served(platform, pipeline.name, str(written["from"]), str(written["to"]))
        yield _evaluation(result, key, blocking=True, name="served_as_stored")
        yield dg.Output(None)

    return serving


def _registry_op() -> dg.OpDefinition:
    @dg.op(name=REGISTRY, description="Apply the declarations to Feast's registry.", out=dg.Out(dg.Nothing))
    def registering(platform: Platform) -> Iterator[OpEvent]:
        yield dg.AssetMaterialization("feast_registry", metadata=register(platform.home))
        yield dg.Output(None)

    return registering


def _pages_op() -> dg.OpDefinition:
    @dg.op(
        name=PAGES,
        description="Render Great Expectations' pages.",
        ins={"published": dg.In(dg.Nothing)},
        out=dg.Out(dg.Nothing),
    )
    def rendering(platform: Platform) -> Iterator[OpEvent]:
        pages = dg.MetadataValue.url(build(platform.home).as_uri())
        yield dg.AssetMaterialization("data_docs", metadata={"pages": pages})
        yield dg.Output(None)

    return rendering


def _evaluation(
    result: dg.AssetCheckResult, key: dg.AssetKey, *, blocking: bool, name: str | None = None
) -> dg.AssetCheckEvaluation:
    """A check's result as an op records it; a blocking one that failed fails the op."""
    return dg.AssetCheckEvaluation(
        asset_key=key,
        check_name=result.check_name or name or "",
        passed=bool(result.passed),
        metadata=result.metadata,
        severity=result.severity,
        blocking=blocking,
    )
