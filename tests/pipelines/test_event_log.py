"""What runs over many partitions leave in Dagster's event log: the same, however many events are stored at once."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

import dagster as dg
import pytest
from sqlalchemy import Engine, event

import pipelines.assets  # noqa: F401  ignores the warnings that Dagster gives of its own parameters
from pipelines.instance import prepare, range_tags

DAYS = dg.DailyPartitionsDefinition("2024-01-01", end_date="2024-12-31")


@dg.asset(
    partitions_def=DAYS,
    backfill_policy=dg.BackfillPolicy.single_run(),
    check_specs=[dg.AssetCheckSpec("sound", asset="tide")],
)
def tide() -> dg.MaterializeResult:
    return dg.MaterializeResult(
        metadata={"height": 3}, tags={"moon": "new"}, check_results=[dg.AssetCheckResult(passed=True)]
    )


@contextmanager
def counted_statements() -> Iterator[list[str]]:
    """The SQL that anybody executes."""
    statements: list[str] = []

    def count(_connection, _cursor, statement, *_) -> None:
        statements.append(statement)

    event.listen(Engine, "before_cursor_execute", count)
    try:
        yield statements
    finally:
        event.remove(Engine, "before_cursor_execute", count)


def recorded(home, last: str) -> dict[str, object]:
    """What the UI and the next run can ask about a run of the days of January up to `last`."""
    prepare(home)
    with dg.DagsterInstance.get() as instance, counted_statements() as statements:
        job = dg.Definitions([tide], jobs=[dg.define_asset_job("daily", [tide])]).resolve_job_def("daily")
        result = job.execute_in_process(instance=instance, tags=range_tags("2024-01-01", last))
        executed = len(statements)
        log = instance.event_log_storage
        (asset,) = log.get_asset_records([tide.key])
        materialisations = instance.fetch_materializations(tide.key, limit=100, ascending=True).records
        return {
            "statements": executed,
            "of the run": [
                (entry.dagster_event_type, entry.dagster_event.partition) for entry in instance.all_logs(result.run_id)
            ],
            "materialised": log.get_materialized_partitions(tide.key),
            "newest": (
                asset.asset_entry.last_materialization.asset_materialization.partition,
                asset.asset_entry.last_materialization_storage_id == materialisations[-1].storage_id,
                asset.asset_entry.last_run_id == result.run_id,
            ),
            "heights": [each.asset_materialization.metadata["height"].value for each in materialisations],
            "tags": [dict(tags) for tags in log.get_event_tags_for_asset(tide.key, filter_tags={"moon": "new"})],
            "checks": [
                record.status.value
                for record in log.get_asset_check_execution_history(dg.AssetCheckKey(tide.key, "sound"), limit=9)
            ],
        }


@pytest.fixture(autouse=True)
def dagster_home(monkeypatch):
    monkeypatch.setenv("DAGSTER_HOME", "")  # so that what `prepare` sets is undone
    monkeypatch.setenv("DAGSTER_EVENT_BATCH_SIZE", "")
    monkeypatch.delenv("DAGSTER_EVENT_BATCH_SIZE")


def test_events_stored_together_leave_what_events_stored_one_by_one_leave(tmp_path, monkeypatch):
    together = recorded(tmp_path / "together", "2024-01-09")
    monkeypatch.setenv("DAGSTER_HOME", "")
    monkeypatch.setenv("DAGSTER_EVENT_BATCH_SIZE", "0")
    one_by_one = recorded(tmp_path / "one by one", "2024-01-09")
    assert together.pop("statements") < one_by_one.pop("statements")
    assert together == one_by_one
    assert len(together["materialised"]) == len(together["heights"]) == 9
    assert together["newest"] == ("2024-01-09", True, True)
    assert together["checks"].count("SUCCEEDED") == 1


def test_a_range_of_many_days_takes_hardly_more_statements_than_a_few(tmp_path, monkeypatch):
    few = recorded(tmp_path / "few", "2024-01-03")["statements"]
    monkeypatch.setenv("DAGSTER_HOME", "")
    assert recorded(tmp_path / "many", "2024-04-09")["statements"] < 1.2 * few
