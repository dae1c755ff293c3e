"""The assets of a model in Dagster: rows, model, evaluation with its gates as checks, promotion."""

from __future__ import annotations

import json
import shutil
from collections.abc import Iterator
from pathlib import Path

import dagster as dg
import pytest

from pipelines.assets.training import keys_of
from pipelines.definitions import code_location
from training.models import spec_of
from training.registry import Registry

SMALL = ("transaction_type", "property_value")
"""The models of whose rows a small world has few: quick to train, and of other tasks than a yes or no."""


@pytest.fixture(scope="module")
def home(trained_home, tmp_path_factory) -> Iterator[Path]:
    """A home of its own with the trained home's features, so that its models are nobody else's."""
    home = tmp_path_factory.mktemp("home")
    for folder in ("raw", "features"):
        (home / folder).symlink_to(trained_home / folder)
    shutil.copy(trained_home / "registry.db", home)
    with pytest.MonkeyPatch.context() as environment:
        environment.setenv("TIDEMARK_HOME", str(home))
        yield home


@pytest.fixture(scope="module")
def run(home) -> dg.ExecuteInProcessResult:
    """The weekly job, of those models alone."""
    with dg.DagsterInstance.ephemeral() as instance:
        return (
            code_location()
            .resolve_job_def("weekly")
            .execute_in_process(
                instance=instance,
                raise_on_error=False,
                asset_selection=[key for name in SMALL for key in keys_of(spec_of(name))],
            )
        )


def materialised(run: dg.ExecuteInProcessResult) -> dict[dg.AssetKey, dg.AssetMaterialization]:
    events = [event.step_materialization_data for event in run.all_events if event.is_step_materialization]
    return {event.materialization.asset_key: event.materialization for event in events}


def test_nothing_but_a_gate_stops_a_weekly_run(run):
    errors = [failure.step_failure_data.error for failure in run.all_events if failure.is_step_failure]
    assert [error.to_string() for error in errors if error.cls_name != "DagsterAssetCheckFailedError"] == []


@pytest.mark.parametrize("model", SMALL)
def test_the_checks_of_an_evaluation_are_the_gates_of_its_model(run, home, model):
    spec, registry = spec_of(model), Registry(home)
    _, _, evaluation, _ = keys_of(spec)
    checks = {check.check_name: check for check in run.get_asset_check_evaluations() if check.asset_key == evaluation}
    assert set(checks) == {gate.replace(" ", "_") for gate in spec.task.gate_names}
    (version,) = registry.versions(model)
    verdicts = {verdict["gate"]: verdict for verdict in json.loads(version.tags["gates"])}
    assert {name: (check.passed, check.metadata["reason"].value) for name, check in checks.items()} == {
        gate.replace(" ", "_"): (verdict["outcome"] != "failed", verdict["reason"])
        for gate, verdict in verdicts.items()
    }


@pytest.mark.parametrize("model", SMALL)
def test_rows_model_and_evaluation_say_what_they_are_and_promotion_follows_the_gates(run, home, model):
    rows, fitted, evaluation, promotion = keys_of(spec_of(model))
    assets, registry = materialised(run), Registry(home)
    assert 0 < assets[fitted].metadata["dagster/row_count"].value < assets[rows].metadata["dagster/row_count"].value
    assert Path(assets[rows].metadata["path"].value).is_file()
    assert Path(assets[evaluation].metadata["report"].value).is_file()
    version = assets[fitted].metadata["version"].value
    passed = all(check.passed for check in run.get_asset_check_evaluations() if check.asset_key == evaluation)
    assert (promotion in assets) == passed
    assert registry.champion(model) == (version if passed else None)
