"""A home that was moved or copied, with models in it."""

from __future__ import annotations

import shutil
import sqlite3
from contextlib import closing
from pathlib import Path

import pytest

from training.deployed import CHAMPION, PINNED, deployed
from training.registry import Registry

MODEL = "move_probability"


def log_a_run(home: Path) -> str:
    """A run with one file; where MLflow has put it."""
    registry = Registry(home)
    run = registry.client.create_run(registry._experiment(registry.client, MODEL))
    registry.client.log_text(run.info.run_id, "{}", "model/manifest.json")
    return run.info.artifact_uri


@pytest.fixture(scope="module")
def new_registry(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """One without models: MLflow takes seconds to make its tables."""
    folder = tmp_path_factory.mktemp("registry")
    with pytest.MonkeyPatch.context() as patch:
        patch.delenv("TIDEMARK_MLFLOW", raising=False)
        assert Registry(folder).champion(MODEL) is None
    return folder / "mlflow.db"


@pytest.fixture
def home(new_registry: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """One with a champion."""
    monkeypatch.delenv("TIDEMARK_MLFLOW", raising=False)
    home = tmp_path / "a home"
    home.mkdir()
    shutil.copy(new_registry, home / "mlflow.db")
    files, client = log_a_run(home), Registry(home).client
    client.create_registered_model(MODEL)
    made = client.create_model_version(MODEL, f"{files}/model", tags={PINNED: "0"})
    client.set_registered_model_alias(MODEL, CHAMPION, made.version)
    return home


def test_the_champion_of_a_home_that_was_moved_is_found(home, tmp_path):
    before = deployed(MODEL, home=home).local_folder()
    shutil.move(home, tmp_path / "elsewhere")
    found = deployed(MODEL, home=tmp_path / "elsewhere").local_folder()
    assert found == tmp_path / "elsewhere" / before.relative_to(home)
    assert (found / "manifest.json").read_text() == "{}"


def test_the_champion_of_a_copy_is_its_own_while_the_other_home_is_still_there(home, tmp_path):
    before = deployed(MODEL, home=home).local_folder()
    shutil.copytree(home, tmp_path / "copy")
    assert deployed(MODEL, home=tmp_path / "copy").local_folder() == tmp_path / "copy" / before.relative_to(home)
    assert deployed(MODEL, home=home).local_folder() == before


def test_a_copy_of_a_home_writes_into_itself_alone(home, tmp_path):
    shutil.copytree(home, tmp_path / "copy")
    files = {file.relative_to(home) for file in home.rglob("models/**/*")}
    assert log_a_run(tmp_path / "copy").startswith((tmp_path / "copy" / "models").as_uri())
    assert deployed(MODEL, home=tmp_path / "copy").local_folder().is_relative_to(tmp_path / "copy")
    assert {file.relative_to(home) for file in home.rglob("models/**/*")} == files
    assert deployed(MODEL, home=home).local_folder().is_relative_to(home)


def test_a_registry_without_models_beside_it_stays_as_it_is(home, tmp_path):
    shutil.copy(home / "mlflow.db", tmp_path / "mlflow.db")
    assert Registry(tmp_path).champion(MODEL) == "1"
    assert deployed(MODEL, home=tmp_path).local_folder() == deployed(MODEL, home=home).local_folder()


def test_reading_a_copied_registry_changes_nothing_in_it(home, tmp_path):
    shutil.copytree(home, tmp_path / "copy")
    before = dump_of(tmp_path / "copy")
    deployed(MODEL, home=tmp_path / "copy")
    assert Registry(tmp_path / "copy").champion(MODEL) == "1"
    assert dump_of(tmp_path / "copy") == before


def test_runs_of_before_a_copy_keep_their_experiment_under_another_name(home, tmp_path):
    shutil.copytree(home, tmp_path / "copy")
    before = Registry(home).client.get_experiment_by_name(MODEL)
    log_a_run(tmp_path / "copy")
    client = Registry(tmp_path / "copy").client
    aside, present = client.get_experiment(before.experiment_id), client.get_experiment_by_name(MODEL)
    assert aside.name == f"{MODEL} (before the home was moved, {before.experiment_id})"
    assert str(tmp_path / "copy" / "models" / MODEL) in aside.tags["mlflow.note.content"]
    assert [len(client.search_runs([one.experiment_id])) for one in (aside, present)] == [1, 1]
    log_a_run(tmp_path / "copy")
    assert len(client.search_experiments()) == 3, "Default, the one set aside, the present one"


def test_a_home_with_two_names_is_one_home(home, tmp_path):
    (tmp_path / "other name").symlink_to(home)
    log_a_run(tmp_path / "other name")
    assert len(Registry(home).client.search_experiments()) == 2


def dump_of(home: Path) -> list[str]:
    """All that is in the registry."""
    with closing(sqlite3.connect(home / "mlflow.db")) as registry:
        return list(registry.iterdump())
