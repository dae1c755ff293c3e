"""The guide's commands, run as its reader would."""

from __future__ import annotations

import json
import os
import re
import shutil
import subprocess
import sys
from datetime import date
from pathlib import Path

import pytest

from pipelines.raw.store import RawStore
from pipelines.snapshots import SnapshotStore
from training.artifact import MANIFEST

DOCS = Path(__file__).parents[2] / "docs"
BLOCKS = re.findall(r"```sh( data)?\n(.*?)```", (DOCS / "bring-your-own-data.md").read_text(), re.DOTALL)
OWN = [block for needs_data, block in BLOCKS if not needs_data]
PUBLIC = [block for needs_data, block in BLOCKS if needs_data]


@pytest.fixture
def follow(tmp_path):
    """Run a block of the guide as it stands, in a folder that has of the checkout what a reader names: the examples."""
    shutil.copytree(DOCS / "examples", tmp_path / "docs" / "examples")

    def run(block: str, **environment: str) -> str:
        path = f"{Path(sys.executable).parent}:{os.environ['PATH']}"
        settings = {
            **os.environ,
            "TIDEMARK_HOME": str(tmp_path / "home"),
            "PATH": path,
            "COLUMNS": "120",
            **environment,
        }
        done = subprocess.run(
            ["bash", "-euc", block],
            cwd=tmp_path,
            env=settings,
            capture_output=True,
            text=True,
            timeout=400,
            check=False,
        )
        assert done.returncode == 0, done.stdout + done.stderr
        return done.stdout

    return run


def test_the_guide_has_the_blocks_that_are_followed_here():
    assert (len(OWN), len(PUBLIC)) == (4, 3)


def test_the_first_mapping_loads_two_rows_and_refuses_two(follow, tmp_path):
    told = "".join(follow(block) for block in OWN)
    ledger = RawStore(tmp_path / "home").ledger("deals").values()
    assert (sum(day.loaded for day in ledger), sum(day.quarantined for day in ledger)) == (2, 2)
    assert "price: not a number" in told
    assert "line: too many columns" in told


def test_king_county_loads_as_homes_deals_market_and_macro(follow, tmp_path, shared_data):
    told = follow(PUBLIC[0], DATA=str(shared_data))
    store = RawStore(tmp_path / "home")
    loaded = {
        name: sum(day.loaded for day in store.ledger(name).values())
        for name in ("properties", "deals", "region_market")
    }
    # 177 rows are second sales of a home whose row is there already, one has 33 bedrooms.
    assert loaded == {"properties": 21_435, "deals": 21_613, "region_market": 904}
    assert min(day for day in store.ledger("macro") if day) < date(1981, 1, 1)
    assert '"bedrooms":"33"' in told.replace("\n", "")


def test_king_county_runs_through_to_features_and_a_model(follow, tmp_path, shared_data):
    follow(PUBLIC[0], DATA=str(shared_data))
    follow(PUBLIC[1], DATA=str(shared_data))
    features = SnapshotStore(tmp_path / "home")
    # On the first of the month every home of the assessor's roll, on other days those with news.
    rows = {day: features.rows("property", date(2014, 9, day)) for day in range(1, 8)}
    assert rows[1] == 21_435
    assert 0 < rows[4] < 500
    assert features.rows("market", date(2014, 9, 1)) == 70
    card = json.loads((tmp_path / "home" / "models" / "latest" / "property_value" / "model" / MANIFEST).read_text())
    assert card["metrics"]["median_error"] < 0.1 < card["baseline"]["median_error"]


def test_the_ledger_loads_its_investments_once_each(follow, tmp_path, shared_data):
    follow(PUBLIC[2], DATA=str(shared_data))
    days = RawStore(tmp_path / "home").ledger("deals").values()
    assert sum(day.quarantined for day in days) == 0
    assert sum(day.loaded for day in days) + sum(day.superseded for day in days) == sum(day.read for day in days) > 200
