"""An artifact is loaded whole and as it was made, or not at all."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path

import numpy as np
import onnx
import pytest

from training import artifact
from training.artifact import ArtifactError, Card
from training.estimators import Linear
from training.graph import Calibration, graph_of
from training.inputs import Input, Inputs

ROWS = np.random.default_rng(5).normal(size=(200, 2)).astype(np.float32)
CALIBRATION = Calibration(1.0, (0.0,))
CARD = Card(
    model="move_probability", question="?", task="binary", entity="customer_id", service="move_probability_v1", contract="",
    estimator="linear", inputs=Inputs((Input("a", "v", "number"), Input("b", "v", "number"))), classes=("LOW", "HIGH"),
    thresholds=(0.5,), when_missing={}, centre=(0.0,), metrics={}, baseline={}, coverage={}, trained_until="",
    training_set={},
)  # fmt: skip


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    native = Linear().fit(ROWS, (ROWS[:, 0] > 0).astype(float), "binary", 1, {})
    golden = ROWS[:20]
    answers = CALIBRATION.applied(native.scores(golden), golden, "binary")
    artifact.write(tmp_path / "model", native, graph_of(native, CALIBRATION, "binary", 2), CARD, golden, answers)
    return tmp_path / "model"


def test_what_was_written_is_loaded(folder):
    loaded = artifact.load(folder, artifact.sha256_of(folder))
    assert replace(loaded.card, files={}) == CARD
    assert loaded.answers(ROWS).shape == (200, 1)
    assert loaded.contributions(ROWS[:3]).shape == (3, 1, 2)


@pytest.mark.parametrize("name", ["model.onnx", "model.json", "golden.parquet"])
def test_a_changed_file_is_refused(folder, name):
    (folder / name).write_bytes((folder / name).read_bytes() + b" ")
    with pytest.raises(ArtifactError, match=f"{name}: expected sha256"):
        artifact.load(folder)


def test_a_changed_manifest_is_refused_where_it_is_pinned(folder):
    pinned = artifact.sha256_of(folder)
    file = folder / "manifest.json"
    file.write_text(file.read_text().replace("LOW", "LOWER"))
    with pytest.raises(ArtifactError, match="The files were changed"):
        artifact.load(folder, pinned)


def test_a_missing_file_is_named(folder):
    (folder / "model.onnx").unlink()
    with pytest.raises(ArtifactError, match=r"model\.onnx cannot be read"):
        artifact.load(folder)


def rewritten(folder: Path, **changes) -> None:
    """As somebody would who can also compute hashes."""
    told = json.loads((folder / "manifest.json").read_text())
    told["files"] |= {name: artifact._sha256((folder / name).read_bytes()) for name in told["files"]}
    (folder / "manifest.json").write_text(json.dumps(told | changes))


def test_a_pickle_is_no_model(folder):
    files = json.loads((folder / "manifest.json").read_text())["files"]
    rewritten(folder, files={**files, "model.pkl": "0"})
    with pytest.raises(ArtifactError, match=r"model\.pkl"):
        artifact.load(folder)


def test_a_file_outside_the_folder_is_no_model(folder):
    files = json.loads((folder / "manifest.json").read_text())["files"]
    rewritten(folder, files={**files, "../model.onnx": "0"})
    with pytest.raises(ArtifactError, match=r"\.\./model.onnx"):
        artifact.load(folder)


def test_a_graph_that_answers_otherwise_is_refused(folder):
    native = Linear().fit(ROWS, (ROWS[:, 1] > 0).astype(float), "binary", 1, {})
    (folder / "model.onnx").write_bytes(graph_of(native, CALIBRATION, "binary", 2).SerializeToString())
    rewritten(folder)
    with pytest.raises(ArtifactError, match="golden row"):
        artifact.load(folder)


def test_a_graph_with_operators_of_others_is_refused(folder):
    model = onnx.load(folder / "model.onnx")
    model.graph.node[0].domain = "com.example"
    (folder / "model.onnx").write_bytes(model.SerializeToString())
    rewritten(folder)
    with pytest.raises(ArtifactError, match=r"com\.example"):
        artifact.load(folder)


def test_loading_needs_no_learning_library():
    import subprocess
    import sys

    told = "import sys, training.artifact, training.deployed; print([m for m in "
    told += "('mlflow', 'xgboost', 'lightgbm', 'sklearn', 'dagster', 'duckdb') if m in sys.modules])"
    run = subprocess.run([sys.executable, "-c", told], capture_output=True, text=True, check=True)
    assert run.stdout.strip() == "[]"
