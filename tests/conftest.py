"""What several rooms' tests stand on."""

from __future__ import annotations

import atexit
import os
from collections.abc import Callable
from datetime import timedelta
from pathlib import Path

import prometheus_client  # noqa: F401  before Feast, which would have each count written to a file
import pytest
from fill_home import fill_home
from made_once import copied, made_once
from typer.testing import CliRunner, Result

from pipelines.world.homes.generate import generate
from pipelines.world.homes.plan import WorldPlan

import feast  # isort: skip # noqa: F401  here, since its own filters of warnings would otherwise go before pytest's

CHECKOUT = Path(__file__).parents[1]
# DuckDB lists at the very end what it has not freed, at length; that says nothing about a test.
atexit.register(lambda: os.dup2(os.open(os.devnull, os.O_WRONLY), 2))
# The console takes its width where the command line is imported first, whichever test that is.
os.environ["COLUMNS"] = "250"


COSTLY = "trained_home"
"""A fixture that is made once a run, and that other workers wait for meanwhile."""


LONG = (
    "test_user_interface.py", "test_bring_your_own_data.py", "test_extending.py", "test_features.py", "test_against_oracle.py",
    "test_backfill.py", "test_king_county.py",
)  # fmt: skip
"""The longest files, longest first: late, they would keep one worker busy while the others have nothing left to do."""
MOST_WORKERS = 8


def pytest_xdist_auto_num_workers() -> int:
    """More than there are cores: many tests wait for servers, time limits and disks, and meanwhile others can run."""
    return min(MOST_WORKERS, max(2, (os.cpu_count() or 1) * 3 // 2))


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """One file that needs what is costly comes first, the others that do come last: so nobody waits for it."""
    costly = {item.path for item in items if COSTLY in getattr(item, "fixturenames", ())}
    first = next((item.path for item in items if "served_home" in getattr(item, "fixturenames", ())), None)

    def turn(item: pytest.Item) -> tuple[int, int]:
        if item.path == first:
            return 0, 0
        if item.path.name in LONG:
            return 1, LONG.index(item.path.name)
        return 3 if item.path in costly else 2, 0

    items.sort(key=turn)


@pytest.fixture
def tidemark(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Callable[..., Result]:
    """Run the command line on an empty home, with settings; gives its exit code and its output."""
    from tidemark import app

    monkeypatch.setenv("TIDEMARK_HOME", str(tmp_path / "home"))
    for name in ("TIDEMARK_SOURCE", "TIDEMARK_MAPPING"):
        monkeypatch.delenv(name, raising=False)

    def run(*arguments: str, **settings: str) -> Result:
        return CliRunner().invoke(app, [*arguments, "--home", str(tmp_path / "home")], env=settings)

    return run


@pytest.fixture(scope="session")
def shared_data() -> Path:
    """Real public data beside the checkout; a test that wants it skips where it is absent."""
    folder = CHECKOUT.parent / "shared" / "data"
    if not folder.is_dir():
        pytest.skip("the real data sets are not beside this checkout (../shared/data)")
    return folder


@pytest.fixture(scope="session")
def trained_home(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A world of 400 customers with two and a half years of features, in Feast's registry; a worker's own copy.

    Of the years every third day has features, of the last two months every day.
    """
    return copied(made_once("trained", tmp_path_factory, _make_trained_home), tmp_path_factory, "trained")


def _make_trained_home(home: Path) -> None:
    plan = WorldPlan(customers=400, days=920, seed=7)
    generate(plan, home / "world")
    last = plan.end - timedelta(days=1)
    fill_home(
        home,
        home / "world",
        plan.start,
        last,
        ("behavioural", "transactional", "property", "location", "market"),
        every=3,
        all_since=last - timedelta(days=60),
        serve=True,
    )
