"""Online assets against a real Redis: what is served is what is stored, whatever order days come in and whoever dies."""

from __future__ import annotations

import time
from collections.abc import Iterator, Mapping
from datetime import UTC, date, datetime, timedelta
from pathlib import Path

import dagster as dg
import ibis
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
import redis
import warm_process
from feast.infra.online_stores.helpers import _mmh3
from feast.type_map import feast_value_type_to_pa

from feature_repo.cadence import cadence_of
from feature_repo.settings import PlatformSettings
from feature_repo.store import open_store
from feature_repo.stores.private_redis import client_of, running
from feature_repo.views import BEHAVIOURAL
from pipelines.assets.online import online_assets, online_checks
from pipelines.definitions import code_location
from pipelines.instance import range_tags
from pipelines.raw.load import load
from pipelines.raw.sources import open_source
from pipelines.raw.store import RawStore
from pipelines.resources import Installation
from pipelines.run_policy import RunPolicy
from pipelines.snapshots import SnapshotStore
from pipelines.transforms import pipeline_of
from pipelines.world.homes.generate import generate
from pipelines.world.homes.plan import WorldPlan

REPO = Path(__file__).parents[3] / "feature_repo"
VIEW = BEHAVIOURAL.name
KEY = dg.AssetKey(["online", VIEW])
FEATURE = "doc_access_count_7d"
FIRST = date(2024, 3, 1)
SECOND, THIRD = FIRST + timedelta(days=1), FIRST + timedelta(days=2)

WRITE = """
import sys
from datetime import date
import dagster as dg
from pipelines.definitions import code_location
from pipelines.instance import range_tags
day = date.fromisoformat(sys.argv[1])
with dg.DagsterInstance.ephemeral() as instance:
    code_location().resolve_job_def("daily").execute_in_process(
        instance=instance, tags=dict(range_tags(day, day)), asset_selection=[dg.AssetKey(["online", "behavioural"])]
    )
"""
MATERIALISE = """
import sys
from datetime import date
from feature_repo.settings import PlatformSettings
from pipelines.run import materialise
outcome = materialise(PlatformSettings.from_environment(), date.fromisoformat(sys.argv[1]), date.fromisoformat(sys.argv[2]), ("behavioural",))
print(outcome, flush=True)
sys.exit(not outcome.success)
"""


@pytest.fixture(scope="module")
def served_home(tmp_path_factory) -> Iterator[Path]:
    """A home with its Redis running, and Feast's registry as `feast apply` writes it."""
    home = tmp_path_factory.mktemp("home")
    with pytest.MonkeyPatch.context() as environment:
        environment.setenv("TIDEMARK_HOME", str(home))
        environment.delenv("TIDEMARK_REDIS", raising=False)
        warm_process.run(warm_process.FEAST, ["-c", str(REPO), "apply"]).check_returncode()
        with running(home):
            yield home


@pytest.fixture
def home(served_home, monkeypatch) -> Path:
    """The same home, with nothing stored and nothing served."""
    monkeypatch.setenv("TIDEMARK_HOME", str(served_home))
    monkeypatch.delenv("TIDEMARK_REDIS", raising=False)
    for file in (served_home / "features").rglob("*.parquet"):
        file.unlink()
    with running(served_home) as where, client_of(where) as client:
        client.flushall()
    return served_home


@pytest.fixture
def server(home) -> Iterator[redis.Redis]:
    with running(home) as where, client_of(where) as client:
        yield client


@pytest.fixture
def instance() -> Iterator[dg.DagsterInstance]:
    with dg.DagsterInstance.ephemeral() as kept:
        yield kept


def publish(home: Path, day: date, counts: Mapping[int, int | None]) -> None:
    """Snapshots of a day: the count of each customer, null in all other features."""
    at = datetime.combine(day, datetime.min.time(), UTC) + timedelta(days=1)
    kinds = {field.name: feast_value_type_to_pa(field.dtype.to_value_type()) for field in BEHAVIOURAL.features}
    columns = {
        "customer_id": pa.array(list(counts), pa.int64()),
        **{name: pa.nulls(len(counts), kind) for name, kind in kinds.items()},
        FEATURE: pa.array(list(counts.values()), kinds[FEATURE]),
        "event_timestamp": pa.array([at] * len(counts), pa.timestamp("us", "UTC")),
        "created_timestamp": pa.array([at + cadence_of(BEHAVIOURAL).lag] * len(counts), pa.timestamp("us", "UTC")),
    }
    file = SnapshotStore(home).published(VIEW, day)
    file.parent.mkdir(parents=True, exist_ok=True)
    pq.write_table(pa.table(columns), file)


def run(instance: dg.DagsterInstance, first: date, last: date | None = None, *also: dg.AssetKey):
    """Materialise the online asset, its check included."""
    return (
        code_location()
        .resolve_job_def("daily")
        .execute_in_process(
            instance=instance,
            tags=dict(range_tags(first, last or first)),
            asset_selection=[*also, KEY],
            raise_on_error=False,
        )
    )


def look(instance: dg.DagsterInstance) -> dg.AssetCheckEvaluation:
    """The check, run by itself."""
    job = dg.define_asset_job("look", dg.AssetSelection.checks_for_assets(KEY))
    settings = PlatformSettings.from_environment()
    assets = online_assets(RunPolicy.of(settings))
    found = dg.Definitions(
        assets=assets, asset_checks=online_checks(assets), jobs=[job], resources={"platform": Installation(settings)}
    )
    result = found.resolve_job_def("look").execute_in_process(instance=instance, raise_on_error=False)
    (evaluation,) = result.get_asset_check_evaluations()
    return evaluation


def check_of(result) -> dg.AssetCheckEvaluation:
    (evaluation,) = [check for check in result.get_asset_check_evaluations() if check.asset_key == KEY]
    return evaluation


def figures(told) -> dict[str, object]:
    return {name: value.value for name, value in told.metadata.items()}


def materialisation(result) -> dict[str, object]:
    return figures(result.asset_materializations_for_node(f"online__{VIEW}")[-1])


def served(*customers: int) -> list[int | None]:
    found = open_store().get_online_features([f"{VIEW}:{FEATURE}"], [{"customer_id": one} for one in customers])
    return found.to_dict()[FEATURE]


def received(server: redis.Redis) -> int:
    """How many bytes Redis has been sent."""
    return server.info("stats")["total_net_input_bytes"]


def why(result) -> str:
    (failure,) = [event for event in result.all_events if event.is_step_failure]
    error = failure.step_failure_data.error
    return (error.cause or error).message


def test_a_day_is_served_as_it_is_stored(home, instance):
    publish(home, FIRST, {1: 5, 2: None, 3: 0})
    result = run(instance, FIRST)
    assert result.success
    assert served(1, 2, 3, 4) == [5, None, 0, None]
    assert check_of(result).passed
    assert figures(check_of(result)) == {"entities served as stored": 3, "entities served from a newer day": 0}


def test_of_a_range_the_newest_snapshot_of_each_entity_is_served(home, instance):
    publish(home, FIRST, {1: 10, 2: 20})
    publish(home, SECOND, {1: 11, 2: 21})
    publish(home, THIRD, {1: 12})
    result = run(instance, FIRST, THIRD)
    assert served(1, 2) == [12, 21]
    told = materialisation(result)
    assert (told["from"], told["to"]) == ("2024-03-03 00:00:00+00:00", "2024-03-04 00:00:00+00:00")
    assert told["dagster/row_count"] == 2
    assert check_of(result).passed


def test_the_address_is_told_without_its_password(home, instance):
    publish(home, FIRST, {1: 10})
    address = materialisation(run(instance, FIRST))["address"]
    assert address.startswith("127.0.0.1:")
    assert "password=..." in address


def test_an_older_day_that_is_filled_in_later_does_not_overwrite_a_newer_one(home, instance):
    publish(home, THIRD, {1: 30})
    run(instance, THIRD)
    publish(home, FIRST, {1: 10, 2: 20})
    publish(home, SECOND, {1: 11, 2: 21})
    result = run(instance, FIRST, SECOND)
    assert served(1, 2) == [30, 21]
    assert check_of(result).passed
    assert figures(check_of(result)) == {"entities served as stored": 1, "entities served from a newer day": 1}


def test_a_corrected_day_that_is_run_again_repairs_what_is_served(home, instance):
    publish(home, FIRST, {1: 10, 2: 20})
    run(instance, FIRST)
    publish(home, FIRST, {1: 99, 2: None})
    assert not look(instance).passed
    result = run(instance, FIRST)
    assert served(1, 2) == [99, None]
    assert check_of(result).passed


def test_a_value_that_someone_changed_in_redis_fails_the_check_and_is_repaired(home, instance, server):
    publish(home, FIRST, {1: 10, 2: 20})
    run(instance, FIRST)
    key = server.keys()[0]
    field = _mmh3(f"{VIEW}:{FEATURE}")
    other = {server.hget(one, field) for one in server.scan_iter()} - {server.hget(key, field)}
    server.hset(key, field, other.pop())
    check = look(instance)
    assert not check.passed
    assert check.blocking
    assert check.severity == dg.AssetCheckSeverity.ERROR
    (difference,) = check.metadata["differences"].records
    assert difference.data["what"] == FEATURE
    assert {difference.data["served"], difference.data["stored"]} == {"10", "20"}
    assert check_of(run(instance, FIRST)).passed
    assert served(1, 2) == [10, 20]


def test_an_entity_that_redis_has_lost_fails_the_check(home, instance, server):
    publish(home, FIRST, {1: 10})
    run(instance, FIRST)
    server.flushall()
    assert look(instance).metadata["first reason"].value == (
        "entity 1: the entity is served as nothing, stored as of 2024-03-02 00:00:00+00:00"
    )


def test_an_entity_that_is_served_from_an_older_day_fails_the_check(home, instance, server):
    publish(home, FIRST, {1: 10})
    run(instance, FIRST)
    (key,) = server.keys()
    older = server.dump(key)
    publish(home, SECOND, {1: 11})
    run(instance, SECOND)
    server.restore(key, 0, older, replace=True)
    assert look(instance).metadata["first reason"].value == (
        "entity 1: event time is served as 2024-03-02 00:00:00+00:00, stored as 2024-03-03 00:00:00+00:00"
    )


def test_a_day_without_snapshots_is_told_and_nothing_of_the_range_is_served(home, instance, server):
    publish(home, FIRST, {1: 10})
    publish(home, THIRD, {1: 30})
    result = run(instance, FIRST, THIRD)
    assert not result.success
    assert "found none of 2024-03-02. Materialise the asset behavioural for them" in why(result)
    assert server.dbsize() == 0


def test_days_on_which_nobody_had_joined_serve_nobody(home, instance, server):
    publish(home, FIRST, {})
    result = run(instance, FIRST)
    assert result.success
    assert check_of(result).passed
    assert materialisation(result)["dagster/row_count"] == 0
    assert server.dbsize() == 0


def test_a_view_that_feast_was_not_told_of_is_named_with_what_to_do(tmp_path, monkeypatch, instance):
    monkeypatch.setenv("TIDEMARK_HOME", str(tmp_path))
    publish(tmp_path, FIRST, {1: 10})
    result = run(instance, FIRST)
    assert not result.success
    assert "does not know the view behavioural: materialise the asset feast_registry" in why(result)


def load_a_small_world(home: Path) -> None:
    if not (home / "raw").exists():
        generate(WorldPlan(customers=60, days=80, seed=3), home / "world", workers=1)
        assert not [report for report in load(open_source(home / "world"), RawStore(home)) if report.problem]


def test_a_day_that_its_checks_refused_does_not_reach_redis(home, instance, server, monkeypatch):
    load_a_small_world(home)
    assert run(instance, FIRST, FIRST, dg.AssetKey(VIEW)).success
    before = {key: server.hgetall(key) for key in server.scan_iter()}
    assert before
    pipeline = pipeline_of(VIEW)
    honest = pipeline.transform
    monkeypatch.setitem(
        vars(pipeline), "transform", lambda raw, days: honest(raw, days).mutate(session_count_7d=ibis.null("int64"))
    )
    for _ in range(2):  # the second time, what was refused lies there
        result = run(instance, SECOND, SECOND, dg.AssetKey(VIEW))
        assert not result.success
        assert result.asset_materializations_for_node(VIEW)
        assert not [event for event in result.all_events if event.is_step_start and event.step_key == f"online__{VIEW}"]
        assert {key: server.hgetall(key) for key in server.scan_iter()} == before


def test_after_a_kill_in_the_middle_of_writing_running_again_serves_it_all(home, instance, server):
    customers = 50_000
    publish(home, FIRST, dict.fromkeys(range(customers), 1))
    assert run(instance, FIRST).success
    publish(home, SECOND, dict.fromkeys(range(customers), 2))
    halves = []
    for _ in range(3):
        with warm_process.started(WRITE, [str(SECOND)]) as process:
            enough = received(server) + 1_500_000
            while received(server) < enough and process.exitcode is None:
                time.sleep(0.001)
        values = served(*range(customers))
        assert set(values) <= {1, 2}
        halves.append(values.count(2))
        if 0 < halves[-1] < customers:
            break
    else:
        pytest.fail(f"no kill came in the middle of writing; entities written by then: {halves}")
    result = run(instance, SECOND)
    assert check_of(result).passed
    assert set(served(*range(customers))) == {2}


def test_a_killed_run_does_not_keep_the_next_one_waiting(home, server, monkeypatch):
    load_a_small_world(home)
    monkeypatch.setenv("DAGSTER_HOME", str(home / "dagster"))
    days = [str(FIRST), str(SECOND)]
    server.client_pause(timeout=600_000, all=False)  # whoever writes waits; who reads does not
    try:
        with warm_process.started(MATERIALISE, days) as process:
            while not server.info("clients")["blocked_clients"] and process.exitcode is None:
                time.sleep(0.01)
    finally:
        server.client_unpause()
    assert process.exitcode < 0
    again = warm_process.run(MATERIALISE, days)
    assert again.returncode == 0, again.stdout + again.stderr
    with dg.DagsterInstance.get() as kept:
        assert look(kept).passed
        assert [run.status.value for run in kept.get_runs()][-2:] == ["SUCCESS", "FAILURE"]
    customers = pq.read_table(SnapshotStore(home).published(VIEW, SECOND))["customer_id"].to_pylist()
    assert None not in served(*customers)
