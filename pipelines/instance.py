"""Dagster's own state: SQLite under the home folder, unless the user has put a dagster.yaml of theirs there."""

import os
from collections.abc import Mapping
from datetime import date
from pathlib import Path

SETTINGS = """\
# Written by Tidemark once; change it as you like. Storage is SQLite in this folder; see Dagster's manual for
# PostgreSQL and for launching runs elsewhere.
telemetry:
  enabled: false
nux: # no invitation to sign up
  enabled: false
event_log_storage: # Dagster's own format, many times as fast
  module: pipelines.event_log
  class: OpenSqliteEventLogStorage
  config:
    base_dir: {folder}/history/runs
run_monitoring: # ends runs that take longer than their limit
  enabled: true
  free_slots_after_run_end_seconds: 60 # a run that was killed does not leave its pools by itself
concurrency:
  pools:
    default_limit: 1 # one view at a time, so that memory, and Redis, have to bear one only
"""


def prepare(home: Path) -> Path:
    """Make DAGSTER_HOME under a home folder and point the environment at it, unless it points elsewhere already."""
    folder = Path(os.environ.get("DAGSTER_HOME") or home / "dagster")
    folder.mkdir(parents=True, exist_ok=True)
    settings = folder / "dagster.yaml"
    if not settings.exists():
        settings.write_text(SETTINGS.format(folder=folder.absolute()), encoding="utf-8")
    os.environ["DAGSTER_HOME"] = str(folder)
    return folder


def range_tags(first: date, last: date) -> Mapping[str, str]:
    """The tags by which a run is asked for a range of days."""
    return {
        "dagster/asset_partition_range_start": str(first),
        "dagster/asset_partition_range_end": str(last),
    }
