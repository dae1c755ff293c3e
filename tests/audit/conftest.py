"""A small world with corrections of every kind, its features, and what the platform makes of it."""

from __future__ import annotations

from collections.abc import Callable
from datetime import date, timedelta
from functools import cache
from pathlib import Path

import pandas as pd
import pytest
from audit.corrections import correct, thin
from fill_home import fill_home
from made_once import made_once

from pipelines.world.homes.generate import generate
from pipelines.world.homes.plan import WorldPlan
from training.dataset import training_set

PLAN = WorldPlan(customers=150, days=930, seed=23)
LAST = PLAN.end - timedelta(days=1)
CUSTOMER_VIEWS = ("behavioural", "transactional")
VIEWS = (*CUSTOMER_VIEWS, "property", "location", "market")
START = "2024-01-10"
"""A Wednesday, a week after the first snapshots: from here on every week has what came before it."""

TrainingRows = Callable[..., pd.DataFrame]


def _make(folder: Path) -> None:
    generate(PLAN, folder / "world")
    thin(folder / "world")
    correct(folder / "world", until=pd.Timestamp(PLAN.end, tz="UTC"))
    fill_home(folder / "home", folder / "world", PLAN.start, LAST, VIEWS, every=3)


@pytest.fixture(scope="session")
def audited_world(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A world with further corrections, as a source to load."""
    return made_once("audited", tmp_path_factory, _make) / "world"


@pytest.fixture(scope="session")
def audited_home(audited_world: Path) -> Path:
    """That world loaded, with the features of customers and homes."""
    return audited_world.with_name("home")


@pytest.fixture(scope="session")
def training_rows(audited_home: Path) -> TrainingRows:
    """A model's training set as the platform makes it, each once."""

    @cache
    def rows(model: str, known_at: date | None = None) -> pd.DataFrame:
        return rows_at(audited_home, model, known_at)

    return rows


def rows_at(home: Path, model: str, known_at: date | None = None) -> pd.DataFrame:
    """A model's training set of a home."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("TIDEMARK_HOME", str(home))
        return training_set(model, start=START, known_at=known_at, home=home).to_pandas()
