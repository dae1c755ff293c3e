"""An artifact is loaded whole and as it was made, or not at all."""

from __future__ import annotations

import hashlib
import json
import os
import shutil
import threading
from dataclasses import replace
from pathlib import Path

import numpy as np
import onnx
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from training import artifact
from training.artifact import ArtifactError, Card, UnreadableArtifactError
from training.estimators import Linear
from training.graph import Calibration, graph_of
from training.inputs import Input, Inputs
from training.tasks import BINARY

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
    native = Linear().fit(ROWS, (ROWS[:, 0] > 0).astype(float), BINARY, 1, {})
    golden = ROWS[:20]
    answers = CALIBRATION.applied(native.scores(golden), golden, BINARY)
    artifact.write(tmp_path / "model", native, graph_of(native, CALIBRATION, BINARY, 2), CARD, golden, answers)
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


def sha256(content: bytes) -> str:
    return hashlib.sha256(content).hexdigest()


def rewritten(folder: Path, **changes) -> None:
    """As somebody would who can also compute hashes."""
    told = json.loads((folder / "manifest.json").read_text())
    told["files"] |= {name: sha256((folder / name).read_bytes()) for name in told["files"]}
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
    native = Linear().fit(ROWS, (ROWS[:, 1] > 0).astype(float), BINARY, 1, {})
    (folder / "model.onnx").write_bytes(graph_of(native, CALIBRATION, BINARY, 2).SerializeToString())
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


def opset_99(folder: Path) -> None:
    model = onnx.load(folder / "model.onnx")
    model.opset_import[0].version = 99
    onnx.save(model, folder / "model.onnx")


def renamed(side: str):
    def rename(folder: Path) -> None:
        model = onnx.load(folder / "model.onnx")
        (value,) = getattr(model.graph, side)
        for node in model.graph.node:
            names = getattr(node, side)
            names[:] = ["renamed" if name == value.name else name for name in names]
        value.name = "renamed"
        onnx.save(model, folder / "model.onnx")

    return rename


def golden(content: bytes):
    return lambda folder: (folder / "golden.parquet").write_bytes(content)


def parquet(**columns) -> bytes:
    sink = pa.BufferOutputStream()
    pq.write_table(pa.table(columns), sink)
    return sink.getvalue().to_pybytes()


NO_FLOATS = pa.array([], pa.float32())


@pytest.mark.parametrize(
    ("corrupt", "says"),
    [
        (opset_99, r"model\.onnx: expected a graph that ONNX Runtime .* runs, found Fail"),
        (renamed("input"), r"model\.onnx: expected a graph from `inputs` to `answers`, found ValueError"),
        (renamed("output"), r"model\.onnx: expected a graph from `inputs` to `answers`, found"),
        (lambda folder: (folder / "model.onnx").write_bytes(b"<html>"), r"model\.onnx: expected a graph, found"),
        (golden(b"<html>"), r"golden\.parquet: expected a Parquet file .*, found ArrowInvalid"),
        (golden(parquet(a=[1.0], answer_0=[0.5])), r"golden\.parquet: expected a Parquet file .*, found KeyError"),
        (golden(parquet(a=["x"], b=["y"], answer_0=[0.5])), r"golden\.parquet: .*, found ValueError"),
        (golden(parquet(a=[1.0], b=[1.0])), r"golden\.parquet: .*, found ValueError"),
        (golden(parquet(a=NO_FLOATS, b=NO_FLOATS, answer_0=NO_FLOATS)), r"golden\.parquet: expected rows"),
    ],
)
def test_a_file_that_is_not_what_its_name_says_is_refused_in_one_kind_of_error(folder, corrupt, says):
    corrupt(folder)
    rewritten(folder)
    with pytest.raises(ArtifactError, match=says):
        artifact.load(folder, artifact.sha256_of(folder))


@pytest.mark.parametrize(
    "content", [b'{"format": "\xe9"}', b"<html>", b"[]", b"null", b'{"format": 1}', b'{"format": 7}']
)
def test_a_manifest_that_is_none_is_refused_in_one_kind_of_error(folder, content):
    (folder / "manifest.json").write_bytes(content)
    with pytest.raises(ArtifactError, match=r"manifest\.json: expected"):
        artifact.load(folder, artifact.sha256_of(folder))


@pytest.mark.parametrize("name", ["model.txt", "model.ubj", "model.json"])
@pytest.mark.parametrize("content", [b"<html>", b"\xff\xfe\x00"], ids=["HTML", "binary"])
def test_a_native_model_that_is_none_is_refused_when_it_is_asked_for(folder, name, content):
    files = json.loads((folder / "manifest.json").read_text())["files"]
    (folder / name).write_bytes(content)
    rewritten(
        folder, files={other: files[other] for other in ("model.onnx", "golden.parquet")} | {name: sha256(content)}
    )
    loaded = artifact.load(folder)
    with pytest.raises(ArtifactError, match=f"{name}: expected a model that explains its answers"):
        loaded.require_contributions()


def test_a_native_model_of_other_inputs_is_refused_when_it_is_asked_for(folder):
    Linear().fit(ROWS[:, [0, 1, 0]], (ROWS[:, 0] > 0).astype(float), BINARY, 1, {}).save(folder)
    rewritten(folder)
    with pytest.raises(ArtifactError, match=r"model\.json: expected"):
        artifact.load(folder).require_contributions()


def test_a_loaded_model_needs_its_folder_no_longer(folder):
    loaded = artifact.load(folder)
    shutil.rmtree(folder)
    loaded.require_contributions()
    assert loaded.contributions(ROWS[:3]).shape == (3, 1, 2)


def test_a_file_that_cannot_be_read_says_nothing_of_what_is_in_it(folder):
    (folder / "golden.parquet").unlink()
    with pytest.raises(UnreadableArtifactError, match=r"golden\.parquet cannot be read"):
        artifact.load(folder)


def test_loading_needs_no_learning_library():
    import subprocess
    import sys

    told = "import sys, training.artifact, training.deployed; print([m for m in "
    told += "('mlflow', 'xgboost', 'lightgbm', 'sklearn', 'dagster', 'duckdb') if m in sys.modules])"
    run = subprocess.run([sys.executable, "-c", told], capture_output=True, text=True, check=True)
    assert run.stdout.strip() == "[]"


def test_a_row_that_the_test_hardly_speaks_of_is_marked():
    card = replace(CARD, rarely_known={CARD.inputs.columns[0]: 0.02})
    rows = np.array([[1.0, 1.0], [np.nan, 1.0]], np.float32)
    marked, plain = card.untested(rows)
    assert "known, as in 2% of the test rows alone" in marked[0]
    assert plain == ()
    assert CARD.untested(rows) == [(), ()]


def test_a_file_that_nobody_writes_to_does_not_hold_up_who_reads_an_artifact(tmp_path):
    os.mkfifo(tmp_path / artifact.MANIFEST)
    ended = threading.Event()

    def read():
        try:
            artifact.load(tmp_path)
        except artifact.ArtifactError:
            ended.set()

    threading.Thread(target=read, daemon=True).start()
    assert ended.wait(5), "still reading after 5 s"


def test_a_file_beyond_the_size_that_may_be_is_not_read(folder):
    size = max(file.stat().st_size for file in folder.iterdir())
    assert artifact.load(folder, most_file_bytes=size).card.model == CARD.model
    with pytest.raises(ArtifactError, match=rf"at most {size - 1:,} bytes, found {size:,}.*TIDEMARK_MODEL_FILE_MB"):
        artifact.load(folder, most_file_bytes=size - 1)
    (folder / "stray").write_bytes(b"x" * (size + 1))
    with pytest.raises(ArtifactError, match="stray: expected a file of at most"):
        artifact.require_readable(folder, size)
