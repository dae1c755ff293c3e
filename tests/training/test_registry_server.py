"""The registry of a server, as several machines share it: MLflow's own, asked over HTTP."""

from __future__ import annotations

import os
import socket
import subprocess
import sys
import time
import urllib.error
import urllib.request
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pyarrow.parquet as pq
import pytest

from training.artifact import GOLDEN, ArtifactError
from training.dataset import training_set
from training.deployed import RegistryUnavailableError, UntrainedError, deployed
from training.registry import Registry, RegistryError
from training.train import Trained, train

MODEL = "transaction_type"
ROWS = 1000
"""To train on: enough for a model, and quick."""


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[str, Path]]:
    """Its URL, and the folder where it keeps artifacts."""
    folder = tmp_path_factory.mktemp("mlflow")
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    words = [
        "server", "--host", "127.0.0.1", "--port", str(port), "--workers", "1",
        "--backend-store-uri", f"sqlite:///{folder}/mlflow.db", "--artifacts-destination", str(folder / "artifacts"),
    ]  # fmt: skip
    # Without it the server starts ten more processes, for jobs that a registry has not.
    environment = {**os.environ, "MLFLOW_SERVER_ENABLE_JOB_EXECUTION": "false"}
    command = [Path(sys.executable).with_name("mlflow"), *words]
    with (folder / "log").open("w") as log:
        process = subprocess.Popen(command, stdout=log, stderr=log, env=environment)
    url = f"http://127.0.0.1:{port}"
    try:
        deadline = time.monotonic() + 90
        while not answers(url):
            assert process.poll() is None, (folder / "log").read_text()
            assert time.monotonic() < deadline, (folder / "log").read_text()
            time.sleep(0.3)
        yield url, folder / "artifacts"
    finally:
        process.terminate()
        process.wait()


def answers(url: str) -> bool:
    try:
        with urllib.request.urlopen(f"{url}/health", timeout=2):
            return True
    except (urllib.error.URLError, TimeoutError, ConnectionError):
        return False


@pytest.fixture(scope="module")
def made(server: tuple[str, Path], trained_home: Path) -> Iterator[list[Trained]]:
    """Two versions at the server, the second of which serves."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("TIDEMARK_MLFLOW", server[0])
        patch.setenv("TIDEMARK_HOME", str(trained_home))
        registry = Registry(trained_home)
        rows = training_set(MODEL, at_most=ROWS, home=trained_home)
        both = [train(MODEL, rows=rows, promote=False, home=trained_home) for _ in range(2)]
        for one in both:
            registry.promote(MODEL, one.version)
        yield both


def test_the_champion_of_a_server_is_fetched_and_answers_as_it_did_when_it_was_made(made, trained_home):
    assert [one.version for one in made] == ["1", "2"]
    assert deployed(MODEL).version == "2"
    loaded = Registry(trained_home).load(MODEL)
    golden = pq.read_table(made[1].folder / GOLDEN)
    rows = np.stack([golden[name].to_numpy() for name in loaded.card.inputs.columns], axis=1).astype(np.float32)
    expected = golden["answer_0"].to_numpy()
    np.testing.assert_allclose(loaded.answers(rows)[:, 0], expected, rtol=1e-4)


def test_a_roll_back_at_the_server_is_seen(made, trained_home):
    registry = Registry(trained_home)
    assert registry.roll_back(MODEL) == "1"
    assert deployed(MODEL).version == "1"
    registry.promote(MODEL, "2")


def test_files_that_were_changed_at_the_server_are_refused(made, server, trained_home):
    found = deployed(MODEL)
    (file,) = (file for file in server[1].rglob("model.onnx") if found.source.split("/")[-3] in str(file))
    content = file.read_bytes()
    file.write_bytes(content[:-1] + bytes([content[-1] ^ 1]))
    try:
        with pytest.raises(ArtifactError, match=r"model\.onnx: expected sha256"):
            Registry(trained_home).load(MODEL)
    finally:
        file.write_bytes(content)


def test_files_that_were_fetched_are_removed_once_they_are_loaded(made, trained_home, tmp_path, monkeypatch):
    monkeypatch.setattr("tempfile.tempdir", str(tmp_path))
    loaded = Registry(trained_home).load(MODEL)
    assert not list(tmp_path.iterdir())
    loaded.require_contributions()


def test_a_model_that_the_server_does_not_know_was_never_trained(made):
    with pytest.raises(UntrainedError, match="move_probability: it has never been trained"):
        deployed("move_probability")


def test_a_model_without_the_alias_at_the_server_was_trained(made):
    with pytest.raises(UntrainedError, match="it has been trained, but no version is the canary"):
        deployed(MODEL, "canary")


def test_a_server_that_is_away_is_told(made, trained_home, monkeypatch):
    monkeypatch.setenv("MLFLOW_HTTP_REQUEST_MAX_RETRIES", "0")
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        monkeypatch.setenv("TIDEMARK_MLFLOW", f"http://127.0.0.1:{free.getsockname()[1]}")
        with pytest.raises(RegistryUnavailableError, match="the registry did not give"):
            deployed(MODEL)
        with pytest.raises(RegistryError, match=r"the registry http://127\.0\.0\.1:\d+ does not answer"):
            Registry(trained_home).champion(MODEL)
