"""Runs of the command line that were killed.

A run keeps its place in the pools until it ends, and a killed one never ends: the next would wait for it for ever.
Each run is therefore marked by a file that its process locks. The lock ends with the process, however it ended.
"""

from __future__ import annotations

import fcntl
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from uuid import uuid4

import dagster as dg
from dagster import DagsterRunStatus, RunsFilter

_TAG = "tidemark/process"
_UNFINISHED = [DagsterRunStatus.NOT_STARTED, DagsterRunStatus.STARTING, DagsterRunStatus.STARTED]


@contextmanager
def marked(folder: Path) -> Iterator[Mapping[str, str]]:
    """The tags of a run that this process is about to execute; `folder` is DAGSTER_HOME."""
    name = uuid4().hex
    file = _mark(folder, name)
    file.parent.mkdir(exist_ok=True)
    with file.open("w") as mark:
        fcntl.flock(mark, fcntl.LOCK_EX)
        try:
            yield {_TAG: name}
        finally:
            file.unlink()


def end_abandoned(instance: dg.DagsterInstance, folder: Path) -> list[str]:
    """End the runs whose processes are gone, and free their places in the pools; gives their ids."""
    ended = []
    for run in instance.get_runs(RunsFilter(statuses=_UNFINISHED)):
        name = run.tags.get(_TAG)
        if name and not _is_alive(_mark(folder, name)):
            instance.report_run_failed(run, "The process of this run was killed.")
            instance.event_log_storage.free_concurrency_slots_for_run(run.run_id)
            _mark(folder, name).unlink(missing_ok=True)
            ended.append(run.run_id)
    return ended


def unfinished_runs(instance: dg.DagsterInstance) -> list[str]:
    """The ids of runs that compute features and have not ended; the weekly job trains models alone."""
    runs = instance.get_runs(RunsFilter(statuses=[*_UNFINISHED, DagsterRunStatus.QUEUED, DagsterRunStatus.CANCELING]))
    return [run.run_id for run in runs if run.job_name != "weekly"]


def _mark(folder: Path, name: str) -> Path:
    return folder / "running" / name


def _is_alive(mark: Path) -> bool:
    try:
        with mark.open() as file:
            fcntl.flock(file, fcntl.LOCK_SH | fcntl.LOCK_NB)
    except BlockingIOError:
        return True
    except FileNotFoundError:
        pass
    return False
