"""A scorer over real Redis, a real registry and models trained on a small world."""

from __future__ import annotations

import shutil
import threading
import time
from collections.abc import Iterator
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path

import pytest
import uvicorn
from made_once import copied, made_once
from starlette.testclient import TestClient

from feature_repo.stores.private_redis import running
from serving.app import create_app
from serving.settings import Settings
from training.dataset import training_set
from training.models import model_names
from training.train import train

MODELS = model_names()

NOW = datetime(2026, 7, 9, 9, 30, tzinfo=UTC)  # the morning after the small world's last day
ENTITIES = {"property_value": "property_id"}
ROWS = 3000
"""To train on: enough to answer, and quick."""


@pytest.fixture(scope="session")
def served_home(trained_home: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    """The small world's home, with all four models promoted whatever their gates say of so small a world."""

    def make(home: Path) -> None:
        shutil.copytree(trained_home, home, symlinks=True)
        with pytest.MonkeyPatch.context() as patch:
            patch.setenv("TIDEMARK_HOME", str(home))
            from training.registry import Registry

            for name in MODELS:
                made = train(name, rows=training_set(name, at_most=ROWS, home=home), promote=False, home=home)
                Registry(home).promote(name, made.version)

    home = copied(made_once("served", tmp_path_factory, make), tmp_path_factory, "served")
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("TIDEMARK_HOME", str(home))
        with running(home):
            yield home


@pytest.fixture
def settings(served_home: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Settings:
    """Patient ones: on a busy machine a scorer would begin without its models. Tests of time limits have shorter ones."""
    monkeypatch.setenv("TIDEMARK_HOME", str(served_home))
    return replace(
        Settings.from_environment({"TIDEMARK_HOME": str(served_home)}),
        now=NOW,
        refresh_seconds=0.2,
        log_seconds=0.1,
        registry_seconds=60,
    )


@pytest.fixture
def client(settings: Settings) -> Iterator[TestClient]:
    with TestClient(create_app(settings), raise_server_exceptions=False) as client:
        yield client


@pytest.fixture(scope="session")
def ids(served_home: Path) -> dict[str, list[int]]:
    """Ids of each model's entity that are served."""
    import duckdb

    def last(view: str, key: str) -> list[int]:
        files = f"{served_home}/features/{view}/snapshot_on=2026-0[67]-*/part.parquet"
        found = duckdb.sql(f"SELECT DISTINCT {key} FROM read_parquet('{files}', hive_partitioning = false) ORDER BY 1")
        return [row[0] for row in found.fetchall()]

    return {
        name: last("property" if name in ENTITIES else "behavioural", ENTITIES.get(name, "customer_id"))
        for name in MODELS
    }


@pytest.fixture(scope="module")
def address(served_home: Path) -> Iterator[str]:
    """A scorer that is asked over a socket."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("TIDEMARK_HOME", str(served_home))
        chosen = replace(Settings.from_environment({"TIDEMARK_HOME": str(served_home)}), now=NOW, log_level="error")
        server = uvicorn.Server(uvicorn.Config(create_app(chosen), port=0, log_level="warning"))
        thread = threading.Thread(target=server.run)
        thread.start()
        while not server.started:
            time.sleep(0.05)
        host, port = server.servers[0].sockets[0].getsockname()
        yield f"http://{host}:{port}"
        server.should_exit = True
        thread.join()
