"""The guide's commands, run as its reader would."""

from __future__ import annotations

import json
import os
import re
import shutil
import subprocess
import sys
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from datetime import date
from pathlib import Path

import pytest
from warm_commands import command_folder

from pipelines.raw.store import RawStore
from pipelines.snapshots import SnapshotStore
from training.artifact import MANIFEST

DOCS = Path(__file__).parents[2] / "docs"
BLOCKS = re.findall(r"```sh( data)?\n(.*?)```", (DOCS / "bring-your-own-data.md").read_text(), re.DOTALL)
OWN = [block for needs_data, block in BLOCKS if not needs_data]
PUBLIC = [block for needs_data, block in BLOCKS if needs_data]
Follow = Callable[..., str]


def reader_in(folder: Path, commands: Path) -> Follow:
    """Runs blocks of the guide as they stand, in a folder that has of the checkout what a reader names: the examples."""
    shutil.copytree(DOCS / "examples", folder / "docs" / "examples")

    def follow(block: str, **environment: str) -> str:
        path = f"{commands}:{Path(sys.executable).parent}:{os.environ['PATH']}"
        settings = {**os.environ, "TIDEMARK_HOME": str(folder / "home"), "PATH": path, "COLUMNS": "120", **environment}
        done = subprocess.run(
            ["bash", "-euc", block], cwd=folder, env=settings, capture_output=True, text=True, timeout=400, check=False
        )
        assert done.returncode == 0, done.stdout + done.stderr
        return done.stdout

    return follow


@pytest.fixture(scope="module")
def command_path() -> Iterator[Path]:
    with command_folder() as folder:
        yield folder


@pytest.fixture
def follow(tmp_path, command_path) -> Follow:
    return reader_in(tmp_path, command_path)


@dataclass(frozen=True)
class LoadedCounty:
    """King County as its block of the guide loads it, once for whoever looks at it and goes on from there."""

    home: Path
    printed: str
    follow: Follow


@pytest.fixture(scope="module")
def king_county(tmp_path_factory, shared_data, command_path) -> LoadedCounty:
    folder = tmp_path_factory.mktemp("county")
    follow = reader_in(folder, command_path)
    return LoadedCounty(folder / "home", follow(PUBLIC[0], DATA=str(shared_data)), follow)


def test_the_guide_has_the_blocks_that_are_followed_here():
    assert (len(OWN), len(PUBLIC)) == (4, 3)


def test_the_first_mapping_loads_two_rows_and_refuses_two(follow, tmp_path):
    told = "".join(follow(block) for block in OWN)
    ledger = RawStore(tmp_path / "home").ledger("deals").values()
    assert (sum(day.loaded for day in ledger), sum(day.quarantined for day in ledger)) == (2, 2)
    assert "price: not a number" in told
    assert "line: too many columns" in told


def test_king_county_loads_as_homes_deals_market_and_macro(king_county):
    store = RawStore(king_county.home)
    loaded = {
        name: sum(day.loaded for day in store.ledger(name).values())
        for name in ("properties", "deals", "region_market")
    }
    # 177 rows are second sales of a home whose row is there already, one has 33 bedrooms.
    assert loaded == {"properties": 21_435, "deals": 21_613, "region_market": 904}
    assert min(day for day in store.ledger("macro") if day) < date(1981, 1, 1)
    assert '"bedrooms":"33"' in king_county.printed.replace("\n", "")


def test_king_county_runs_through_to_features_and_a_model(king_county, shared_data):
    king_county.follow(PUBLIC[1], DATA=str(shared_data))
    features = SnapshotStore(king_county.home)
    # On the first of the month every home of the assessor's roll, on other days those with news.
    rows = {day: features.rows("property", date(2014, 9, day)) for day in range(1, 8)}
    assert rows[1] == 21_435
    assert 0 < rows[4] < 500
    assert features.rows("market", date(2014, 9, 1)) == 70
    card = json.loads((king_county.home / "models" / "latest" / "property_value" / "model" / MANIFEST).read_text())
    assert card["metrics"]["median_error"] < 0.1 < card["baseline"]["median_error"]


def test_the_ledger_loads_its_investments_once_each(follow, tmp_path, shared_data):
    follow(PUBLIC[2], DATA=str(shared_data))
    days = RawStore(tmp_path / "home").ledger("deals").values()
    assert sum(day.quarantined for day in days) == 0
    assert sum(day.loaded for day in days) + sum(day.superseded for day in days) == sum(day.read for day in days) > 200
