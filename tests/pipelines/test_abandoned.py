"""Runs whose process was killed, with real processes and Dagster's own pools."""

from __future__ import annotations

import subprocess
import sys

import dagster as dg
import pytest

from pipelines.abandoned import end_abandoned, marked
from pipelines.instance import prepare

RUN = """
import sys
from pathlib import Path
import dagster as dg
from pipelines.abandoned import marked
from pipelines.instance import prepare

@dg.op(pool="online")
def writes():
    print("writing", flush=True)
    sys.stdin.readline()

@dg.job
def night():
    writes()

folder = prepare(Path(sys.argv[1]))
with dg.DagsterInstance.get() as instance, marked(folder) as mark:
    night.execute_in_process(instance=instance, tags=dict(mark))
"""


@pytest.fixture
def folder(tmp_path, monkeypatch):
    """DAGSTER_HOME, which is put back afterwards."""
    monkeypatch.setenv("DAGSTER_HOME", str(tmp_path / "dagster"))
    return prepare(tmp_path)


@pytest.fixture
def run(tmp_path, folder):
    """A run in another process, in the middle of its step."""
    with subprocess.Popen(
        [sys.executable, "-W", "ignore", "-c", RUN, str(tmp_path)],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL,
        text=True,
    ) as process:
        assert process.stdout.readline() == "writing\n"
        yield process
        process.kill()


def in_pools(instance: dg.DagsterInstance) -> int:
    return len(instance.event_log_storage.get_concurrency_run_ids())


def test_a_killed_run_is_ended_and_leaves_its_pools(run, folder):
    run.kill()
    run.wait()
    with dg.DagsterInstance.get() as instance:
        assert in_pools(instance) == 1
        (ended,) = end_abandoned(instance, folder)
        assert instance.get_run_by_id(ended).status == dg.DagsterRunStatus.FAILURE
        assert in_pools(instance) == 0
        assert end_abandoned(instance, folder) == []
    assert not list((folder / "running").iterdir())


def test_a_run_that_lives_is_left_in_peace(run, folder):
    with dg.DagsterInstance.get() as instance:
        assert end_abandoned(instance, folder) == []
        assert in_pools(instance) == 1
    run.communicate("\n")
    with dg.DagsterInstance.get() as instance:
        (ended,) = instance.get_runs()
        assert ended.status == dg.DagsterRunStatus.SUCCESS


def test_a_run_of_someone_elses_making_is_left_in_peace(folder):
    with dg.DagsterInstance.get() as instance:
        instance.create_run_for_job(dg.GraphDefinition(name="other").to_job(), status=dg.DagsterRunStatus.STARTED)
        assert end_abandoned(instance, folder) == []


def test_a_mark_is_gone_with_its_run(folder):
    with marked(folder) as tags:
        assert len(tags) == 1
        assert len(list((folder / "running").iterdir())) == 1
    assert not list((folder / "running").iterdir())
