"""Days with gaps between them, computed in one run: the same files as by a run each, and no other day recorded."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from datetime import date, timedelta
from pathlib import Path

import dagster as dg
import ibis
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from pipelines.chosen_days import PAGES, REGISTRY, config_of, ops_of, publishing_op
from pipelines.definitions import code_location
from pipelines.instance import range_tags
from pipelines.raw.load import load
from pipelines.raw.sources import open_source
from pipelines.raw.store import RawStore
from pipelines.snapshots import SnapshotStore
from pipelines.transforms import pipeline_of
from pipelines.world.homes.generate import generate
from pipelines.world.homes.plan import WorldPlan

D = date.fromisoformat
VIEW = "behavioural"
NEAR, FAR = [D("2024-01-20"), D("2024-01-27"), D("2024-01-28")], D("2024-03-05")
"""Computed at once, and by itself."""

Files = dict[date, tuple[bytes, str]]


@pytest.fixture(scope="module")
def loaded_home(tmp_path_factory) -> Path:
    home = tmp_path_factory.mktemp("home")
    generate(WorldPlan(customers=60, days=80, seed=3), home / "world", workers=1)
    assert not [report for report in load(open_source(home / "world"), RawStore(home)) if report.problem]
    return home


@pytest.fixture
def home(loaded_home, monkeypatch) -> Path:
    """The same home, without features."""
    monkeypatch.setenv("TIDEMARK_HOME", str(loaded_home))
    forget(loaded_home)
    return loaded_home


@pytest.fixture
def instance() -> Iterator[dg.DagsterInstance]:
    with dg.DagsterInstance.ephemeral() as instance:
        yield instance


def forget(home: Path) -> None:
    for folder in ("features", "refused"):
        for file in [*(home / folder).rglob("*.parquet"), *(home / folder).rglob(".inputs.json")]:
            file.unlink()


def run_chosen(
    instance: dg.DagsterInstance, days: Sequence[date], ops: Sequence[str] = (publishing_op(VIEW),)
) -> dg.ExecuteInProcessResult:
    job = code_location().resolve_job_def("chosen_days")
    return job.execute_in_process(config_of(days), instance, raise_on_error=False, op_selection=ops)


def run_alone(day: date) -> None:
    with dg.DagsterInstance.ephemeral() as instance:
        code_location().resolve_job_def("daily").execute_in_process(
            instance=instance,
            tags=dict(range_tags(day, day)),
            asset_selection=[dg.AssetKey(VIEW)],
            raise_on_error=False,
        )


def published(home: Path) -> Files:
    files = sorted((home / "features" / VIEW).glob("snapshot_on=*/part.parquet"))
    return {
        D(file.parent.name.removeprefix("snapshot_on=")): (
            file.read_bytes(),
            file.with_name(".inputs.json").read_text(),
        )
        for file in files
    }


def recorded(instance: dg.DagsterInstance, key: str | list[str] = VIEW) -> set[date]:
    return {D(day) for day in instance.get_materialized_partitions(dg.AssetKey(key))}


def poison(monkeypatch: pytest.MonkeyPatch, change: Callable[[ibis.Table], ibis.Table]) -> None:
    pipeline = pipeline_of(VIEW)
    honest = pipeline.transform
    monkeypatch.setitem(vars(pipeline), "transform", lambda raw, days: change(honest(raw, days)))


def a_bad(day: date) -> Callable[[ibis.Table], ibis.Table]:
    stands_at = ibis.timestamp(f"{day + timedelta(days=1)} 00:00:00", timezone="UTC")
    return lambda table: table.mutate(
        active_days_30d=ibis.ifelse(table["event_timestamp"] == stands_at, 100, table["active_days_30d"])
    )


def test_chosen_days_have_the_bytes_and_the_inputs_of_a_run_for_each(home, instance):
    for day in [*NEAR, FAR]:
        run_alone(day)
    alone = published(home)
    forget(home)
    assert run_chosen(instance, [FAR, *NEAR]).success
    assert list(alone) == [*NEAR, FAR]
    assert published(home) == alone


def test_exactly_the_chosen_days_are_recorded_as_materialised_with_their_own_counts(home, instance):
    run_chosen(instance, [*NEAR, FAR])
    assert recorded(instance) == {*NEAR, FAR}
    events = instance.fetch_materializations(dg.AssetKey(VIEW), limit=10).records
    rows = {D(event.partition_key): event.asset_materialization.metadata["dagster/row_count"].value for event in events}
    assert rows == {day: SnapshotStore(home).rows(VIEW, day) for day in [*NEAR, FAR]}


def test_a_refused_day_is_not_recorded_and_stops_what_follows_but_not_the_other_days(home, instance, monkeypatch):
    poison(monkeypatch, a_bad(NEAR[1]))
    result = run_chosen(instance, [*NEAR, FAR], [*ops_of([VIEW]), PAGES])
    assert not result.success
    assert list(published(home)) == [NEAR[0], NEAR[2], FAR]
    assert SnapshotStore(home).refused(VIEW, NEAR[1]).exists()
    assert recorded(instance) == {NEAR[0], NEAR[2], FAR}
    assert recorded(instance, ["online", VIEW]) == set()
    begun = {event.step_key for event in result.all_events if event.event_type_value == "STEP_START"}
    assert begun == {publishing_op(VIEW), REGISTRY}


def test_the_checks_of_a_view_are_recorded_as_by_its_asset(home, instance, monkeypatch):
    poison(monkeypatch, a_bad(NEAR[1]))
    checks = {check.check_name: check for check in run_chosen(instance, NEAR).get_asset_check_evaluations()}
    assert (checks["contract"].passed, checks["contract"].blocking, checks["oddities"].blocking) == (False, True, False)
    assert checks["contract"].metadata["days refused"].value == str(NEAR[1])
    assert "active_days_30d" in checks["contract"].metadata["first reason"].value
    key = dg.AssetCheckKey(dg.AssetKey(VIEW), "contract")
    (kept,) = instance.event_log_storage.get_asset_check_execution_history(key, limit=5)
    assert kept.status.value == "FAILED"


def test_what_was_published_before_a_failure_is_recorded_and_nothing_else(home, instance, monkeypatch):
    pipeline = pipeline_of(VIEW)
    honest = pipeline.transform

    def failing(raw, days):
        if days.first == FAR:
            raise RuntimeError("the disk is full")
        return honest(raw, days)

    monkeypatch.setitem(vars(pipeline), "transform", failing)
    assert not run_chosen(instance, [*NEAR, FAR]).success
    assert list(published(home)) == NEAR
    assert recorded(instance) == set(NEAR)


def test_a_day_after_a_gap_is_compared_with_the_day_before_it_as_by_a_run_of_its_own(home, instance):
    day = NEAR[1]
    run_alone(day - timedelta(days=1))
    before = SnapshotStore(home).published(VIEW, day - timedelta(days=1))
    rows: pa.Table = pq.read_table(before, partitioning=None)
    pq.write_table(pa.concat_tables([rows, rows]), before)
    run_alone(day)
    assert SnapshotStore(home).refused(VIEW, day).exists()
    SnapshotStore(home).refused(VIEW, day).unlink()
    run_chosen(instance, NEAR[:2])
    assert SnapshotStore(home).refused(VIEW, day).exists()
    assert recorded(instance) == {NEAR[0]}


@pytest.mark.parametrize(
    ("days", "sentence"),
    [
        (["2100-01-01"], "the last that has ended (UTC), found 2100-01-01"),
        (["2013-12-31", "2024-02-01"], "where the partitions of the assets begin, found 2013-12-31"),
        (["first of May"], "Invalid isoformat string: 'first of May'"),
        ([], "expected days such as 2024-05-31, found none"),
    ],
)
def test_days_that_are_no_partitions_fail_in_a_sentence_and_publish_nothing(home, instance, days, sentence):
    config = {"resources": {"chosen_days": {"config": {"days": days}}}}
    job = code_location().resolve_job_def("chosen_days")
    result = job.execute_in_process(config, instance, raise_on_error=False, op_selection=[publishing_op(VIEW)])
    (failure,) = [event for event in result.all_events if event.is_step_failure]
    assert sentence in failure.step_failure_data.user_failure_data.description
    assert published(home) == {}


def test_the_ui_can_load_the_job_beside_the_assets(home):
    """No op may be called as that of an asset: within one process nothing tells."""
    dg.Definitions.validate_loadable(code_location())
