from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

REPO = Path(__file__).parents[2] / "feature_repo"
FEAST = Path(sys.executable).with_name("feast")


@pytest.fixture(scope="session")
def tidemark_home(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("home")


@pytest.fixture(scope="session")
def feast(tidemark_home: Path, tmp_path_factory: pytest.TempPathFactory) -> Callable[..., str]:
    """The real command, run away from the checkout."""
    elsewhere = tmp_path_factory.mktemp("elsewhere")

    def run(command: str, home: Path = tidemark_home) -> str:
        done = subprocess.run(
            [FEAST, "-c", REPO, *command.split()],
            cwd=elsewhere,
            env={**os.environ, "TIDEMARK_HOME": str(home)},
            capture_output=True,
            text=True,
            check=False,
        )
        assert done.returncode == 0, done.stdout + done.stderr
        assert not list(elsewhere.iterdir())
        return done.stdout

    return run


@pytest.fixture(scope="session")
def applied_home(feast: Callable[[str], str], tidemark_home: Path) -> Path:
    """A home in whose registry the declarations are."""
    feast("apply")
    return tidemark_home
