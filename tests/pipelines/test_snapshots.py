from __future__ import annotations

import random
import signal
import time
from datetime import date

import pyarrow.parquet as pq
import pytest
import warm_process

from pipelines.computation.days import Days
from pipelines.engine import Engine
from pipelines.raw.load import load
from pipelines.raw.sources import open_source
from pipelines.raw.store import RawStore
from pipelines.snapshots import SnapshotStore, blocks
from pipelines.transforms import pipeline_of
from pipelines.world.homes.generate import generate
from pipelines.world.homes.plan import WorldPlan

DAYS = Days(date(2024, 1, 10), date(2024, 3, 10))

PUBLISH = """
import sys
from datetime import date
from pathlib import Path
from pipelines.transforms import pipeline_of
from pipelines.engine import Engine
from pipelines.raw.store import RawStore
from pipelines.snapshots import SnapshotStore, blocks
from pipelines.computation.days import Days

home = Path(sys.argv[1])
for block in blocks(Engine(), RawStore(home), pipeline_of("transactional"), Days(date(2024, 1, 10), date(2024, 3, 10))):
    Path(sys.argv[2]).touch()
    while True:
        block.publish(SnapshotStore(home), list(block.days))
"""


@pytest.fixture(scope="module")
def home(tmp_path_factory):
    home = tmp_path_factory.mktemp("home")
    generate(WorldPlan(customers=60, days=80, seed=3), home / "world", workers=1)
    assert not [report for report in load(open_source(home / "world"), RawStore(home)) if report.problem]
    return home


def test_a_publication_killed_at_any_moment_leaves_whole_days(home, tmp_path):
    chance, store = random.Random(2), SnapshotStore(home)
    for number in range(3):
        ready = tmp_path / f"ready {number}"
        with warm_process.started(PUBLISH, [str(home), str(ready)], folder=tmp_path) as process:
            while not ready.exists():
                assert process.exitcode is None, (tmp_path / "err").read_text()
                time.sleep(0.002)
            time.sleep(chance.uniform(0.02, 0.4))
        assert process.exitcode == -signal.SIGKILL
        found = {
            day: pq.read_table(file, partitioning=None)
            for day in DAYS
            if (file := store.published("transactional", day)).exists()
        }
        assert found
    for block in blocks(Engine(), RawStore(home), pipeline_of("transactional"), DAYS):
        for day, table in found.items():
            assert table.equals(block.table(day).sort_by("customer_id"))


def test_the_rows_of_a_day_lie_together_so_that_a_day_is_read_without_the_others(home):
    for block in blocks(Engine(), RawStore(home), pipeline_of("transactional"), DAYS):
        days = [day for (day,) in block.connection.execute("SELECT snapshot_on FROM snapshots").fetchall()]
        assert len(set(days)) == len(list(DAYS))
        assert days == sorted(days)
