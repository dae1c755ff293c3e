"""What several rooms' tests stand on."""

from __future__ import annotations

import subprocess
import sys
from datetime import date, timedelta
from pathlib import Path

import pytest

CHECKOUT = Path(__file__).parents[1]


COSTLY = ("trained_home", "world", "audited_home")
"""Fixtures that are made once a worker, the costliest first."""


@pytest.hookimpl(tryfirst=True)
def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Tests that share what is costly to make run in one worker, the costliest first; else a file stays together."""

    def shared(item: pytest.Item) -> str:
        return next((name for name in COSTLY if name in getattr(item, "fixturenames", ())), "")

    for item in items:
        item.add_marker(pytest.mark.xdist_group(shared(item) or str(item.path)))
    items.sort(key=lambda item: COSTLY.index(shared(item)) if shared(item) else len(COSTLY))


@pytest.fixture
def shared_data() -> Path:
    """Real public data beside the checkout; a test that wants it skips where it is absent."""
    folder = CHECKOUT.parent / "shared" / "data"
    if not folder.is_dir():
        pytest.skip("the real data sets are not beside this checkout (../shared/data)")
    return folder


@pytest.fixture(scope="session")
def trained_home(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A world of 400 customers with two and a half years of features, in Feast's registry."""
    home = tmp_path_factory.mktemp("trained") / "home"
    last = date(2024, 1, 1) + timedelta(days=919)
    run = [sys.executable, "-W", "ignore", "-c", "import tidemark; tidemark.main()"]
    for words in (
        ["world", "--customers", "400", "--days", "920"],
        ["load"],
        ["features", "--from", "2024-01-01", "--to", str(last)],
    ):
        subprocess.run([*run, *words, "--home", str(home)], check=True, capture_output=True, text=True)
    return home
