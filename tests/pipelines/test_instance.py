"""Dagster's own state stays in the home it belongs to."""

from __future__ import annotations

import shutil

import dagster as dg
import pytest

from pipelines.instance import SETTINGS, prepare


@pytest.fixture(autouse=True)
def no_dagster_home_is_named(monkeypatch):
    monkeypatch.setenv("DAGSTER_HOME", "")  # so that what `prepare` sets is undone


def an_event(home, monkeypatch):
    """Record an event, as a run would."""
    monkeypatch.setenv("DAGSTER_HOME", "")
    prepare(home)
    with dg.DagsterInstance.get() as instance:
        instance.report_runless_asset_event(dg.AssetMaterialization("thing"))


def events(home):
    return {file.name: file.stat().st_mtime_ns for file in (home / "dagster" / "history" / "runs").iterdir()}


@pytest.mark.parametrize(
    "settings", ["base_dir: history/runs # in this folder", "base_dir: {home}/dagster/history/runs"]
)
def test_a_copied_home_records_its_runs_in_itself(tmp_path, monkeypatch, settings):
    home, copy = tmp_path / "home", tmp_path / "copy"
    an_event(home, monkeypatch)
    written = SETTINGS.replace("base_dir: history/runs # in this folder", settings.format(home=home))
    (home / "dagster" / "dagster.yaml").write_text(written)
    before = events(home)
    shutil.copytree(home, copy)
    an_event(copy, monkeypatch)
    assert events(home) == before
    assert events(copy) != events(home)
    assert (copy / "dagster" / "dagster.yaml").read_text() == SETTINGS


def test_an_event_log_that_the_user_placed_elsewhere_stays_there(tmp_path, monkeypatch):
    place = tmp_path / "fast disk" / "history" / "runs"
    place.mkdir(parents=True)
    (tmp_path / "dagster").mkdir()
    settings = SETTINGS.replace("base_dir: history/runs # in this folder", f"base_dir: {place}")
    (tmp_path / "dagster" / "dagster.yaml").write_text(settings)
    an_event(tmp_path, monkeypatch)
    assert list(place.iterdir())
    assert (tmp_path / "dagster" / "dagster.yaml").read_text() == settings
