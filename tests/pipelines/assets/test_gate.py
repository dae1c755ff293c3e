"""A poisoned batch is blocked, its reason readable, and the day before stays served."""

from __future__ import annotations

from datetime import date, timedelta

import dagster as dg
import ibis
import pyarrow.parquet as pq
import pytest

from pipelines.definitions import code_location
from pipelines.instance import range_tags
from pipelines.raw.load import load
from pipelines.raw.sources import open_source
from pipelines.raw.store import RawStore
from pipelines.snapshots import SnapshotStore
from pipelines.transforms import pipeline_of
from pipelines.world.homes.generate import generate
from pipelines.world.homes.plan import WorldPlan

FIRST, LAST = date(2024, 3, 1), date(2024, 3, 6)
VIEW = "behavioural"


@pytest.fixture(scope="module")
def loaded_home(tmp_path_factory):
    """A home with a small loaded world."""
    home = tmp_path_factory.mktemp("home")
    generate(WorldPlan(customers=60, days=80, seed=3), home / "world", workers=1)
    assert not [report for report in load(open_source(home / "world"), RawStore(home)) if report.problem]
    return home


@pytest.fixture
def home(loaded_home, monkeypatch):
    """The same home, without features."""
    monkeypatch.setenv("TIDEMARK_HOME", str(loaded_home))
    for folder in ("features", "refused"):
        for file in (loaded_home / folder).rglob("*.parquet"):
            file.unlink()
    return loaded_home


def run(first: date, last: date):
    """Materialise the view in this process; gives the result and its contract check."""
    with dg.DagsterInstance.ephemeral() as instance:
        result = (
            code_location()
            .resolve_job_def("daily")
            .execute_in_process(
                instance=instance,
                tags=dict(range_tags(first, last)),
                asset_selection=[dg.AssetKey(VIEW)],
                raise_on_error=False,
            )
        )
    checks = {check.check_name: check for check in result.get_asset_check_evaluations()}
    return result, checks["contract"]


def poison(monkeypatch, change):
    """Let the view's transform yield something else."""
    pipeline = pipeline_of(VIEW)
    honest = pipeline.transform
    monkeypatch.setitem(vars(pipeline), "transform", lambda raw, days: change(honest(raw, days)))


def published(home) -> dict[date, bytes]:
    days = [FIRST + timedelta(days=i) for i in range(10)]
    files = {day: SnapshotStore(home).published(VIEW, day) for day in days}
    return {day: file.read_bytes() for day, file in files.items() if file.exists()}


def on(day: date):
    return ibis.timestamp(f"{day + timedelta(days=1)} 00:00:00", timezone="UTC")


def rates_above_one(snapshots):
    return snapshots.mutate(active_days_30d=snapshots["active_days_30d"] + 100)


def a_dropped_column(snapshots):
    return snapshots.drop("session_count_7d")


def half_the_customers(snapshots):
    return snapshots.filter(snapshots["customer_id"] % 2 == 0)


def nulls_in_counts(snapshots):
    return snapshots.mutate(session_count_7d=ibis.null("int64"))


def test_good_days_are_published_and_nothing_else_is_seen(home):
    result, contract = run(FIRST, LAST)
    assert result.success
    assert contract.passed
    assert list(published(home)) == [FIRST + timedelta(days=i) for i in range(6)]
    assert not list((home / "refused").rglob("*.parquet"))


def test_materialising_again_writes_the_same_bytes(home):
    run(FIRST, LAST)
    whole = published(home)
    run(FIRST + timedelta(days=2), FIRST + timedelta(days=2))
    assert published(home) == whole


@pytest.mark.parametrize(
    ("change", "named"),
    [
        (rates_above_one, "active_days_30d"),
        (a_dropped_column, "session_count_7d"),
        (half_the_customers, "rows"),
        (nulls_in_counts, "session_count_7d"),
    ],
)
def test_a_poisoned_day_is_blocked_with_its_reason_and_the_day_before_stays(home, monkeypatch, change, named):
    run(FIRST, LAST)
    before = published(home)
    poison(monkeypatch, change)
    result, contract = run(LAST + timedelta(days=1), LAST + timedelta(days=1))
    assert not contract.passed
    assert contract.blocking
    assert any(named in row.data["reason"] for row in contract.metadata["failures"].records)
    assert published(home) == before
    assert SnapshotStore(home).refused(VIEW, LAST + timedelta(days=1)).exists()
    assert not result.success


def test_of_a_range_only_the_bad_day_is_refused(home, monkeypatch):
    bad = FIRST + timedelta(days=2)
    poison(
        monkeypatch,
        lambda table: table.mutate(
            active_days_30d=ibis.ifelse(table["event_timestamp"] == on(bad), 100, table["active_days_30d"])
        ),
    )
    _, contract = run(FIRST, LAST)
    assert not contract.passed
    assert bad not in published(home)
    assert len(published(home)) == 5
    assert contract.metadata["days refused"].value == str(bad)


def test_a_mended_day_leaves_the_refused(home, monkeypatch):
    with monkeypatch.context() as poisoned:
        poison(poisoned, rates_above_one)
        run(FIRST, FIRST)
    assert SnapshotStore(home).refused(VIEW, FIRST).exists()
    run(FIRST, FIRST)
    assert list(published(home)) == [FIRST]
    assert not SnapshotStore(home).refused(VIEW, FIRST).exists()


def test_published_snapshots_have_the_views_columns(home):
    run(FIRST, FIRST)
    columns = pq.read_schema(SnapshotStore(home).published(VIEW, FIRST)).names
    assert columns[0] == "customer_id"
    assert columns[-2:] == ["event_timestamp", "created_timestamp"]
    assert len(columns) == 30
