"""The days of a view on their way to readers: computed, judged, published as far as they passed, and what came of it.

The asset of a view goes this way with a range of days, the job of chosen days with any.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import date
from pathlib import Path

import dagster as dg

from expectations.archive import keep
from expectations.docs import build, page_of
from expectations.outcome import ValidationResult
from pipelines.gate import BlockVerdict, judge
from pipelines.inputs import RefusedInputsError, require_inputs
from pipelines.portrait import portrait_of
from pipelines.resources import Installation
from pipelines.snapshots import blocks
from pipelines.view_pipeline import ViewPipeline
from pipelines.withdrawal import WithdrawalError, require_none_pending
from training.wording import counted


@dataclass(frozen=True)
class PublishedBlock:
    """What became of a block: its days, how many snapshots each has, and how the newest of them looks."""

    verdict: BlockVerdict
    rows: Mapping[date, int]
    newest: dg.TableMetadataValue


def require_computable(platform: Installation, view: str) -> str:
    """Fail if the view must not be computed now; otherwise a warning of its empty raw tables, or ""."""
    try:
        require_none_pending(platform.home)
        return require_inputs(platform.home, view, platform.allowed_empty)
    except (RefusedInputsError, WithdrawalError) as problem:
        raise dg.Failure(str(problem), allow_retries=False) from None


def publish(
    platform: Installation, pipeline: ViewPipeline, days: Iterable[date], log: dg.DagsterLogManager
) -> Iterator[PublishedBlock]:
    """Publish what passes, block by block. What breaks the contract is kept apart, what was published before stays."""
    for block in blocks(platform.engine, platform.raw, pipeline, days):
        verdict = judge(block, platform.snapshots)
        block.publish(platform.snapshots, list(verdict.passed))
        block.refuse(platform.snapshots, list(verdict.refused))
        span = f"{block.days[0]} to {block.days[-1]}"
        log.info(f"{pipeline.name}, {span}: {counted(len(verdict.passed), 'day')} published")
        for outcome in verdict.outcomes:
            if outcome.day:
                keep(outcome, platform.home)
        yield PublishedBlock(verdict, block.rows(), portrait_of(block.table(block.days[-1])))


def check_specs(view: str) -> list[dg.AssetCheckSpec]:
    """The checks of a view's asset."""
    return [
        dg.AssetCheckSpec(
            "contract", asset=view, blocking=True,
            description="Critical expectations of the view's contract. A day that fails is not published.",
        ),
        dg.AssetCheckSpec("oddities", asset=view, description="Expectations whose breach is worth a look, no more."),
    ]  # fmt: skip


def check_results(home: Path, view: str, published: Sequence[PublishedBlock]) -> list[dg.AssetCheckResult]:
    """What the checks of a view say of published blocks."""
    outcomes = [outcome for block in published for outcome in block.verdict.outcomes]
    refused = {day: page_of(home, view, day) for block in published for day in block.verdict.refused}
    if refused:
        # What depends on the view will not run, the pages that tell why among it.
        build(home)
    counts = {
        "snapshots": dg.MetadataValue.int(sum(sum(block.rows.values()) for block in published)),
        "days published": dg.MetadataValue.int(sum(len(block.verdict.passed) for block in published)),
    }
    return [
        dg.AssetCheckResult(
            check_name="contract",
            asset_key=view,
            passed=not refused,
            severity=dg.AssetCheckSeverity.ERROR,
            metadata={**_described(outcomes, "critical"), **counts, **_refused(refused)},
        ),
        dg.AssetCheckResult(
            check_name="oddities",
            asset_key=view,
            passed=not any(finding.severity == "warning" for outcome in outcomes for finding in outcome.failures),
            severity=dg.AssetCheckSeverity.WARN,
            metadata=_described(outcomes, "warning"),
        ),
    ]


def _described(outcomes: list[ValidationResult], severity: str) -> dict[str, dg.MetadataValue]:
    failures = [
        dg.TableRecord({"day": str(outcome.day or "several"), "columns": ", ".join(f.columns), "reason": f.sentence})
        for outcome in outcomes
        for f in outcome.failures
        if f.severity == severity
    ]
    metadata: dict[str, dg.MetadataValue] = {
        "expectations checked": dg.MetadataValue.int(sum(len(outcome.findings) for outcome in outcomes)),
        "seconds": dg.MetadataValue.float(round(sum((outcome.seconds for outcome in outcomes), 0.0), 2)),
    }
    if failures:
        metadata["failures"] = dg.MetadataValue.table(failures[:200], schema=_FAILURES)
        metadata["first reason"] = dg.MetadataValue.text(str(failures[0].data["reason"]))
    return metadata


def _refused(pages: Mapping[date, Path]) -> dict[str, dg.MetadataValue]:
    if not pages:
        return {}
    return {
        "days refused": dg.MetadataValue.text(", ".join(map(str, pages))),
        "page of the last of them": dg.MetadataValue.path(pages[max(pages)]),
    }


_FAILURES = dg.TableSchema([dg.TableColumn("day"), dg.TableColumn("columns"), dg.TableColumn("reason")])
