"""Dagster's own state: SQLite under the home folder, unless the user has put a dagster.yaml of theirs there."""

import os
import re
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
    base_dir: history/runs # in this folder
run_monitoring: # ends runs that take longer than their limit
  enabled: true
  free_slots_after_run_end_seconds: 60 # a run that was killed does not leave its pools by itself
concurrency:
  pools:
    default_limit: 1 # one view at a time, so that memory, and Redis, have to bear one only
"""


EVENTS_AT_ONCE = "1000"
"""How many events of a range of days are stored together; Dagster's own default is each by itself."""


def prepare(home: Path) -> Path:
    """Make DAGSTER_HOME under a home folder and point the environment at it, unless it points elsewhere already."""
    folder = Path(os.environ.get("DAGSTER_HOME") or home / "dagster")
    folder.mkdir(parents=True, exist_ok=True)
    settings = folder / "dagster.yaml"
    if not settings.exists():
        settings.write_text(SETTINGS, encoding="utf-8")
    else:
        _keep_events_here(settings)
    os.environ["DAGSTER_HOME"] = str(folder)
    os.environ.setdefault("DAGSTER_EVENT_BATCH_SIZE", EVENTS_AT_ONCE)
    return folder


def _keep_events_here(settings: Path) -> None:
    """Earlier releases wrote the whole path of the event log, which in a moved or copied home leads into the other."""
    text = settings.read_text(encoding="utf-8")
    for line in re.findall(r"^ *base_dir: /.*/history/runs$", text, re.MULTILINE):
        other = Path(line.split(": ", 1)[1]).parents[1]
        if (other / settings.name).exists() or not other.exists():
            text = text.replace(line, line.split("/", 1)[0] + "history/runs # in this folder")
            settings.write_text(text, encoding="utf-8")


def range_tags(first: date, last: date) -> Mapping[str, str]:
    """The tags by which a run is asked for a range of days."""
    return {
        "dagster/asset_partition_range_start": str(first),
        "dagster/asset_partition_range_end": str(last),
    }
