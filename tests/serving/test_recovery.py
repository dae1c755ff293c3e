"""Whatever one model or the registry does, the others serve, the fault has a name, and the next good state is taken."""

from __future__ import annotations

import hashlib
import json
import shutil
import socket
import threading
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import onnx
import pytest
from feast import FeatureService
from mlflow import MlflowClient
from starlette.testclient import TestClient

from feature_repo.store import open_store
from serving.app import create_app
from serving.models import Models
from training.artifact import NATIVE
from training.deployed import CHAMPION, PINNED, deployed
from training.models import model_names
from training.registry import Registry

MODELS = model_names()

MODEL = "transaction_type"
OTHERS = [name for name in MODELS if name != MODEL]


def until(condition: Callable[[], object], seconds: float = 20) -> object:
    deadline = time.monotonic() + seconds
    while not (met := condition()) and time.monotonic() < deadline:
        time.sleep(0.05)
    return met


@dataclass
class Shelf:
    """A registry of the test's own, with the champions of the served home, and versions of one model to come."""

    client: MlflowClient
    folder: Path
    good: Path

    def copy(self, corrupt: Callable[[Path], object] = lambda _: None) -> tuple[str, Path]:
        """A further version of the model with other files, whose hashes are right; version and folder."""
        folder = self.folder / str(len(list(self.folder.iterdir())))
        shutil.copytree(self.good, folder)
        manifest = json.loads((folder / "manifest.json").read_text())
        (folder / "manifest.json").write_text(json.dumps(manifest | {"question": folder.name}))
        corrupt(folder)
        made = self.client.create_model_version(MODEL, folder.as_uri(), tags={PINNED: repinned(folder)})
        return str(made.version), folder

    def promote(self, version: str) -> None:
        self.client.set_registered_model_alias(MODEL, CHAMPION, version)


def repinned(folder: Path) -> str:
    """The hash of the manifest, after it has been given those of the files as they are."""
    file = folder / "manifest.json"
    try:
        stored = json.loads(file.read_bytes())
        there = [name for name in stored["files"] if (folder / name).exists()]
        stored["files"] = {name: hashlib.sha256((folder / name).read_bytes()).hexdigest() for name in there}
        file.write_text(json.dumps(stored))
    except ValueError:
        pass  # that is what is wrong with it
    return hashlib.sha256(file.read_bytes()).hexdigest()


@pytest.fixture
def shelf(served_home: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Shelf:
    good = deployed(MODEL, home=served_home).local_folder()
    shutil.copy(served_home / "mlflow.db", tmp_path / "registry.db")
    monkeypatch.setenv("TIDEMARK_MLFLOW", f"sqlite:///{tmp_path}/registry.db")
    (tmp_path / "versions").mkdir()
    return Shelf(Registry(served_home).client, tmp_path / "versions", good)


@pytest.fixture
def watchful(settings):
    """Settings of a scorer that looks at everything all the time."""
    return replace(settings, refresh_seconds=0.1, service_seconds=0.0, log_level="error")


@pytest.fixture
def ready(watchful, shelf) -> Iterator[Callable[[], dict]]:
    """A scorer that serves, and what its /health/ready says."""
    with TestClient(create_app(watchful), raise_server_exceptions=False) as client:
        yield lambda: client.get("/health/ready").json() | {"client": client}


def opset_99(folder: Path) -> None:
    model = onnx.load(folder / "model.onnx")
    for opset in model.opset_import:
        opset.version = 99
    onnx.save(model, folder / "model.onnx")


def renamed_input(folder: Path) -> None:
    model = onnx.load(folder / "model.onnx")
    for node in model.graph.node:
        node.input[:] = ["renamed" if name == "inputs" else name for name in node.input]
    model.graph.input[0].name = "renamed"
    onnx.save(model, folder / "model.onnx")


def native_instead(name: str, content: bytes) -> Callable[[Path], None]:
    def replace_native(folder: Path) -> None:
        for file in NATIVE:
            (folder / file).unlink(missing_ok=True)
        (folder / name).write_bytes(content)
        manifest = json.loads((folder / "manifest.json").read_text())
        manifest["files"] = {"model.onnx": "", "golden.parquet": "", name: ""}
        (folder / "manifest.json").write_text(json.dumps(manifest))

    return replace_native


def in_manifest(**changes: object) -> Callable[[Path], None]:
    def change(folder: Path) -> None:
        manifest = json.loads((folder / "manifest.json").read_text())
        (folder / "manifest.json").write_text(json.dumps(manifest | changes))

    return change


CORRUPTIONS = {
    "opset 99": (opset_99, r"model.onnx: expected a graph that ONNX Runtime"),
    "a renamed input": (renamed_input, "model.onnx: expected a graph from `inputs` to `answers`"),
    "a golden file that is not Parquet": (
        lambda folder: (folder / "golden.parquet").write_bytes(b"<html>"),
        "golden.parquet: expected a Parquet file",
    ),
    "garbage in LightGBM's file": (native_instead("model.txt", b"garbage"), "model.txt: expected a model"),
    "garbage in XGBoost's file": (native_instead("model.ubj", b"garbage"), "model.ubj: expected a model"),
    "an empty file of XGBoost's": (native_instead("model.ubj", b""), "is ended by SIGABRT"),
    "garbage in the linear model's file": (native_instead("model.json", b"garbage"), "model.json: expected a model"),
    "a manifest that is not UTF-8": (
        lambda folder: (folder / "manifest.json").write_bytes(b'{"format": "\xe9"}'),
        "manifest.json: expected the manifest of a model, found UnicodeDecodeError",
    ),
    "a manifest of another model": (in_manifest(model="move_probability"), "expected the model transaction_type"),
    "a format that is to come": (in_manifest(format=2), "expected format 1, found 2"),
}


@pytest.mark.parametrize(("corrupt", "says"), CORRUPTIONS.values(), ids=list(CORRUPTIONS))
def test_a_wrong_model_at_the_start_leaves_the_others_and_its_next_good_version_is_taken(
    shelf, watchful, corrupt, says
):
    good = shelf.client.get_model_version_by_alias(MODEL, CHAMPION).version
    shelf.promote(shelf.copy(corrupt)[0])
    models = Models(watchful, open_store())
    models.refresh()
    assert sorted(models.serving) == sorted(OTHERS)
    assert models.faults[MODEL].kind == "artifact"
    assert says in models.missing[MODEL]
    shelf.promote(good)
    models.refresh()
    assert (models.of(MODEL).version, dict(models.faults)) == (str(good), {})


def test_whatever_is_wrong_with_versions_one_after_the_other_the_old_one_serves_and_a_good_one_is_taken(
    shelf, ready, ids
):
    before = ready()["models"][MODEL]
    question = {"entity_id": str(ids[MODEL][0])}
    for name, (corrupt, says) in CORRUPTIONS.items():
        version, _ = shelf.copy(corrupt)
        shelf.promote(version)
        assert until(lambda says=says: says in ready()["faults"].get(MODEL, "")), name
        told = ready()
        assert (told["status"], told["models"][MODEL]) == ("ready", before), name
        assert told["faults"][MODEL].startswith(f"version {version}: ")
        assert told["client"].post("/v1/predict/transaction-type", json=question).status_code == 200
        metrics = told["client"].get("/metrics").text
        assert f'tidemark_model_fault{{kind="artifact",model="{MODEL}"}} 1.0' in metrics
        assert f'tidemark_model_serves{{model="{MODEL}"}} 1.0' in metrics
    good, _ = shelf.copy()
    shelf.promote(good)
    assert until(lambda: ready()["models"][MODEL] == good)
    told = ready()
    assert told["faults"] == {}
    assert f'tidemark_model_fault{{kind="artifact",model="{MODEL}"}} 0.0' in told["client"].get("/metrics").text


def test_wrong_bytes_are_parsed_once_until_they_are_put_right(shelf, watchful, monkeypatch):
    version, folder = shelf.copy()
    kept = (folder / "model.onnx").read_bytes()
    (folder / "model.onnx").write_bytes(b"not a model")
    shelf.promote(version)
    models = Models(watchful, open_store())
    models.refresh()
    assert "model.onnx: expected sha256" in models.missing[MODEL]
    with monkeypatch.context() as patch:
        patch.setattr("training.artifact.load", lambda *_: pytest.fail("it was read again"))
        models.refresh()
    assert "model.onnx: expected sha256" in models.missing[MODEL]
    (folder / "model.onnx").write_bytes(kept)
    models.refresh()
    assert models.of(MODEL).version == version


def test_files_that_are_away_for_a_while_are_taken_when_they_come_back(shelf, watchful):
    version, folder = shelf.copy()
    shelf.promote(version)
    folder.rename(f"{folder}.away")
    models = Models(watchful, open_store())
    models.refresh()
    assert (models.faults[MODEL].kind, sorted(models.serving)) == ("files", sorted(OTHERS))
    Path(f"{folder}.away").rename(folder)
    models.refresh()
    assert models.of(MODEL).version == version


class Handler(BaseHTTPRequestHandler):
    def do_GET(self) -> None:
        self.send_response(200)
        self.end_headers()
        self.wfile.write(b"<html>Please log in</html>")

    def log_message(self, *_: object) -> None:
        pass


@pytest.fixture
def login_page() -> Iterator[str]:
    """A registry that answers everything with a page."""
    with ThreadingHTTPServer(("127.0.0.1", 0), Handler) as server:
        thread = threading.Thread(target=server.serve_forever)
        thread.start()
        yield f"http://127.0.0.1:{server.server_port}"
        server.shutdown()
        thread.join()


def test_a_registry_that_answers_html_at_the_start_is_named_and_the_next_answer_is_taken(
    watchful, login_page, monkeypatch
):
    monkeypatch.setenv("TIDEMARK_MLFLOW", login_page)
    with TestClient(create_app(watchful)) as client:
        found = client.get("/health/ready")
        assert (found.status_code, found.json()["status"]) == (503, "not ready: models are missing")
        assert set(found.json()["missing"]) == set(MODELS)
        assert "expected MLflow's JSON" in found.json()["missing"][MODEL]
        assert client.post("/v1/predict/transaction-type", json={"entity_id": "1"}).status_code == 409
        monkeypatch.delenv("TIDEMARK_MLFLOW")
        assert until(lambda: client.get("/health/ready").status_code == 200)


def test_a_registry_that_answers_html_while_models_serve_leaves_them(ready, login_page, monkeypatch):
    before = ready()["models"]
    with monkeypatch.context() as patch:
        patch.setenv("TIDEMARK_MLFLOW", login_page)
        assert until(lambda: len(ready()["faults"]) == len(MODELS))
        told = ready()
        assert (told["status"], told["models"]) == ("ready", before)
        metrics = told["client"].get("/metrics").text
        assert f'tidemark_model_fault{{kind="registry",model="{MODEL}"}} 1.0' in metrics
    assert until(lambda: not ready()["faults"])


def test_a_registry_that_never_answers_keeps_the_start_waiting_for_a_bounded_time(watchful, monkeypatch):
    monkeypatch.setattr("serving.app.FIRST_LOOK_SECONDS", 0.2)
    with socket.socket() as silent:
        silent.bind(("127.0.0.1", 0))
        silent.listen()
        monkeypatch.setenv("TIDEMARK_MLFLOW", f"http://127.0.0.1:{silent.getsockname()[1]}")
        with TestClient(create_app(replace(watchful, registry_seconds=3.0))) as client:
            assert client.get("/health/live").status_code == 200
            told = client.get("/health/ready").json()
            assert told["missing"] == dict.fromkeys(MODELS, "it is being loaded")
            assert told["refreshed_at"] is None
            assert until(lambda: "timed out" in client.get("/health/ready").json()["missing"][MODELS[0]])


def test_what_nobody_thought_of_in_one_model_leaves_the_others(watchful, monkeypatch):
    def unthought_of(name, *_):
        if name == MODEL:
            raise RecursionError("nobody thought of this")
        return deployed(name, *_)

    models = Models(watchful, open_store())
    with monkeypatch.context() as patch:
        patch.setattr("serving.models.deployed", unthought_of)
        models.refresh()
    assert sorted(models.serving) == sorted(OTHERS)
    assert models.missing == {MODEL: "RecursionError: nobody thought of this"}
    models.refresh()
    assert sorted(models.serving) == sorted(MODELS)


@pytest.fixture
def service(served_home: Path) -> Iterator[FeatureService]:
    """The service of one model as Feast's registry has it, put back afterwards."""
    store = open_store()
    present = store.get_feature_service(f"{MODEL}_v1")
    yield present
    open_store().apply([present])


def test_a_service_that_is_not_applied_yet_is_asked_for_again(watchful, service):
    store = open_store()
    store.delete_feature_service(service.name)
    models = Models(watchful, open_store())
    models.refresh()
    assert (models.faults[MODEL].kind, sorted(models.serving)) == ("service", sorted(OTHERS))
    assert "feast -c feature_repo apply" in models.missing[MODEL]
    store.apply([service])
    models.refresh()
    assert MODEL in models.serving


def smaller(store, service: FeatureService) -> FeatureService:
    """The service under its name with one of its views alone."""
    name = service.feature_view_projections[0].name
    return FeatureService(name=service.name, features=[store.get_feature_view(name)])


def test_a_service_that_lacks_what_the_model_reads_is_asked_for_again(watchful, service):
    store = open_store()
    store.apply([smaller(store, service)])
    models = Models(watchful, open_store())
    models.refresh()
    assert models.faults[MODEL].kind == "service"
    assert "in Feast's registry does not give" in models.missing[MODEL]
    store.apply([service])
    models.refresh()
    assert MODEL in models.serving


def test_a_service_that_changes_while_its_model_serves_leaves_the_plan_and_is_named(ready, service, ids):
    def answer() -> float:
        asked = ready()["client"].post("/v1/predict/transaction-type", json={"entity_id": str(ids[MODEL][0])})
        return asked.json()["predicted_value"]

    before, store = answer(), open_store()
    store.apply([smaller(store, service)])
    assert until(lambda: MODEL in ready()["faults"])
    told = ready()
    assert told["status"] == "ready"
    assert f"the service {service.name} in Feast's registry has changed" in told["faults"][MODEL]
    assert " is gone" in told["faults"][MODEL]
    assert answer() == before
    store.apply([service])
    assert until(lambda: not ready()["faults"])
    assert answer() == before


def test_a_home_with_one_trained_model_is_ready_and_says_what_the_others_lack(watchful, shelf, ids):
    for name in OTHERS:
        shelf.client.delete_registered_model(name)
    with TestClient(create_app(watchful)) as client:
        found = client.get("/health/ready")
        assert (found.status_code, found.json()["status"]) == (200, "ready")
        assert list(found.json()["models"]) == [MODEL]
        assert (found.json()["missing"], found.json()["faults"]) == ({}, {})
        assert set(found.json()["untrained"]) == set(OTHERS)
        assert "`tidemark train property_value`" in found.json()["untrained"]["property_value"]
        assert client.post("/v1/predict/transaction-type", json={"entity_id": str(ids[MODEL][0])}).status_code == 200
        refused = client.post("/v1/predict/property-value", json={"entity_id": str(ids["property_value"][0])})
        assert (refused.status_code, refused.json()["title"]) == (409, "Model not ready")
        assert "it has never been trained" in refused.json()["detail"]
        told = client.get("/v1/models/property-value/health").json()
        assert (told["ready"], told["trained"]) == (False, False)
        assert client.get("/v1/models/property-value").status_code == 409
        assert client.get("/v1/models/nonsense").status_code == 404
        assert client.post("/v1/predict/nonsense", json={"entity_id": "1"}).status_code == 404


def test_a_model_that_no_gate_let_pass_keeps_nobody_waiting(watchful, shelf):
    shelf.client.delete_registered_model_alias("property_value", CHAMPION)
    models = Models(watchful, open_store())
    models.refresh()
    assert models.missing == {}
    assert "no version is the champion" in models.untrained["property_value"]
