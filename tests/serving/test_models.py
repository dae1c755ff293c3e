"""Which model answers: swapped without a dropped request, and never for a broken one."""

from __future__ import annotations

import shutil
import threading
import time
from pathlib import Path

import pytest

from training.dataset import training_set
from training.deployed import deployed
from training.registry import Registry
from training.train import train


def until(condition, seconds=15):
    deadline = time.monotonic() + seconds
    while not condition() and time.monotonic() < deadline:
        time.sleep(0.05)
    return condition()


@pytest.fixture(scope="module")
def challenger(served_home):
    rows = training_set("transaction_type", at_most=1000, home=served_home)
    return train("transaction_type", rows=rows, promote=False, home=served_home)


@pytest.fixture
def another(challenger, served_home):
    """A further version of a model, and the champion put back afterwards."""
    registry = Registry(served_home)
    before = registry.champion("transaction_type")
    yield challenger
    registry.promote("transaction_type", before)


def test_a_new_champion_takes_over_without_a_dropped_request(client, another, served_home, ids):
    body = {"entity_id": str(ids["transaction_type"][0])}
    statuses, versions, stop = [], [], threading.Event()

    def go_on_asking():
        while not stop.is_set():
            found = client.post("/v1/predict/transaction-type", json=body)
            statuses.append(found.status_code)
            versions.append(found.json().get("model_version"))

    asking = threading.Thread(target=go_on_asking)
    asking.start()
    try:
        Registry(served_home).promote("transaction_type", another.version)
        assert until(lambda: another.version in versions)
    finally:
        stop.set()
        asking.join()
    assert set(statuses) == {200}
    assert versions == sorted(versions, key=int)


def test_a_broken_champion_leaves_the_old_one_serving(client, another, served_home, ids):
    serving = client.get("/health/ready").json()["models"]["transaction_type"]
    files = deployed("transaction_type", "challenger", served_home).local_folder()
    kept = Path(f"{files}.kept")
    shutil.copytree(files, kept)
    try:
        (files / "model.onnx").write_bytes(b"not a model")
        Registry(served_home).promote("transaction_type", another.version)
        assert until(lambda: "transaction_type" in client.get("/health/ready").json()["faults"])
        told = client.get("/health/ready").json()
        assert "model.onnx: expected sha256" in told["faults"]["transaction_type"]
        assert told["models"]["transaction_type"] == serving
        found = client.post("/v1/predict/transaction-type", json={"entity_id": str(ids["transaction_type"][0])})
        assert (found.status_code, found.json()["model_version"]) == (200, serving)
    finally:
        shutil.rmtree(files)
        kept.rename(files)


def test_without_models_the_scorer_says_so(settings, tmp_path, monkeypatch):
    from dataclasses import replace

    from starlette.testclient import TestClient

    from serving.app import create_app

    monkeypatch.setenv("TIDEMARK_MLFLOW", f"sqlite:///{tmp_path}/none.db")
    with TestClient(create_app(replace(settings, refresh_seconds=60.0))) as client:
        assert client.get("/health/live").status_code == 200
        assert client.get("/health/ready").status_code == 503
        found = client.post("/v1/predict/move-probability", json={"entity_id": "1"})
        assert found.status_code == 409
        assert "tidemark train" in found.json()["detail"]
        assert found.json()["detail"].count("move_probability: ") == 1
