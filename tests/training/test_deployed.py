"""What a registry may answer, and what that says of the model: nothing, unless it is MLflow that answers."""

from __future__ import annotations

import json
import sqlite3
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import pytest

from training.deployed import (
    Deployed,
    NotDeployedError,
    OversizedFileError,
    RegistryLimits,
    RegistryUnavailableError,
    UntrainedError,
    deployed,
)
from training.registry import Registry

MODEL = "move_probability"
VERSION = {"name": MODEL, "version": "3", "tags": [{"key": "sha256", "value": "0"}]}


class Answers(ThreadingHTTPServer):
    """Answers every request with the same bytes, whatever they are."""

    answer = b""
    workspaces: list[str | None]
    users: list[str | None]


class Handler(BaseHTTPRequestHandler):
    def do_GET(self) -> None:
        self.server.workspaces.append(self.headers["X-MLFLOW-WORKSPACE"])
        self.server.users.append(self.headers["Authorization"])
        self.wfile.write(self.server.answer)

    def log_message(self, *_: object) -> None:
        pass


@pytest.fixture
def registry(monkeypatch: pytest.MonkeyPatch) -> Iterator[Answers]:
    with Answers(("127.0.0.1", 0), Handler) as server:
        server.workspaces, server.users = [], []
        thread = threading.Thread(target=server.serve_forever)
        thread.start()
        monkeypatch.setenv("TIDEMARK_MLFLOW", f"http://127.0.0.1:{server.server_port}")
        yield server
        server.shutdown()
        thread.join()


def http_answer(status: str, body: bytes, length: int | None = None) -> bytes:
    return f"HTTP/1.0 {status}\r\nContent-Length: {length or len(body)}\r\n\r\n".encode() + body


HTML = b"<html>Please log in</html>"


@pytest.mark.parametrize(
    "answer",
    [
        http_answer("200 OK", HTML),
        http_answer("500 Internal Server Error", HTML),
        http_answer("404 Not Found", HTML),
        http_answer("401 Unauthorized", b'{"error_code": "UNAUTHENTICATED"}'),
        http_answer("200 OK", b"[]"),
        http_answer("200 OK", b"{}"),
        http_answer("200 OK", b'{"model_version": null}'),
        http_answer("200 OK", json.dumps({"model_version": VERSION}).encode()),
        http_answer("200 OK", b"\xff\xfe"),
        http_answer("200 OK", b'{"model_version"', 1000),
        b"SSH-2.0-OpenSSH_9.6\r\n",
        b"",
    ],
    ids=[
        "HTML", "HTML and 500", "HTML and 404", "login", "a list", "another object", "null", "a version without files",
        "no UTF-8", "cut short", "not HTTP", "nothing",
    ],
)  # fmt: skip
def test_what_is_not_mlflows_answer_says_nothing_of_the_model(registry, answer):
    registry.answer = answer
    with pytest.raises(RegistryUnavailableError, match=MODEL):
        deployed(MODEL)


@pytest.mark.parametrize(
    "answer",
    [
        http_answer("200 OK", HTML),
        http_answer("401 Unauthorized", b'{"error_code": "UNAUTHENTICATED"}'),
        http_answer("404 Not Found", b'{"error_code": "RESOURCE_DOES_NOT_EXIST"}'),
        http_answer("200 OK", b"{}", 10**9),
        b"",
    ],
    ids=["HTML", "login", "untrained", "too large", "nothing"],
)
def test_a_user_in_the_address_is_sent_and_never_shown(registry, answer):
    registry.answer = answer
    address = f"http://ann:se%40cret@127.0.0.1:{registry.server_port}"
    with pytest.raises(NotDeployedError, match=MODEL) as problem:
        deployed(MODEL, mlflow=address)
    assert registry.users == ["Basic YW5uOnNlQGNyZXQ="]  # ann:se@cret
    assert f"http://***@127.0.0.1:{registry.server_port}" in str(problem.value)
    assert "cret" not in str(problem.value)


@pytest.mark.parametrize("content", [b"<html>", b""], ids=["HTML", "empty"])
def test_a_file_that_is_no_registry_says_nothing_of_the_model(tmp_path, content):
    (tmp_path / "mlflow.db").write_bytes(content)
    with pytest.raises(RegistryUnavailableError, match=r"mlflow\.db cannot be read"):
        deployed(MODEL, home=tmp_path)


def test_where_nothing_was_ever_trained_there_is_nothing_to_serve(tmp_path):
    with pytest.raises(UntrainedError, match="Train a model first"):
        deployed(MODEL, home=tmp_path)


@pytest.mark.parametrize(
    ("versions", "says"),
    [((), "it has never been trained"), ((1, 2), "it has been trained, but no version is the champion")],
)
def test_a_model_that_no_gate_let_pass_is_told_from_one_that_was_never_trained(tmp_path, versions, says):
    client = Registry(tmp_path).client
    client.create_registered_model(MODEL)
    for _ in versions:
        client.create_model_version(MODEL, "file:///nowhere", tags={"sha256": "0"})
    with pytest.raises(UntrainedError, match=says):
        deployed(MODEL, home=tmp_path)


def test_a_registry_that_is_locked_says_nothing_of_the_model(tmp_path, monkeypatch):
    Registry(tmp_path).client.create_registered_model(MODEL)
    monkeypatch.setattr("training.deployed.SECONDS", 0.05)
    other = sqlite3.connect(tmp_path / "mlflow.db")
    other.execute("BEGIN EXCLUSIVE")
    try:
        with pytest.raises(RegistryUnavailableError, match="locked"):
            deployed(MODEL, home=tmp_path)
    finally:
        other.close()


@pytest.fixture(scope="module")
def tenants(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A home in whose registry three workspaces have a champion of the same name, the second its second version."""
    home = tmp_path_factory.mktemp("tenants")
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("MLFLOW_ENABLE_WORKSPACES", "true")
        for name, versions in (("default", 1), ("first", 2), ("second", 1)):
            patch.setenv("MLFLOW_WORKSPACE", name)
            client = Registry(home).client
            client.create_registered_model(MODEL)
            for number in range(1, versions + 1):
                client.create_model_version(MODEL, f"file:///{name}/{number}", tags={"sha256": name})
            client.set_registered_model_alias(MODEL, "champion", str(versions))
    return home


@pytest.fixture
def workspaces_enabled(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("MLFLOW_ENABLE_WORKSPACES", "true")


@pytest.mark.parametrize(("name", "version"), [("default", "1"), ("first", "2"), ("second", "1")])
def test_a_workspace_sees_its_own_champion(tenants, workspaces_enabled, monkeypatch, name, version):
    monkeypatch.setenv("MLFLOW_WORKSPACE", name)
    found = deployed(MODEL, home=tenants)
    assert (found.version, found.source, found.sha256) == (version, f"file:///{name}/{version}", name)


def test_a_workspace_does_not_see_that_another_one_has_trained_the_model(tenants, workspaces_enabled, monkeypatch):
    monkeypatch.setenv("MLFLOW_WORKSPACE", "third")
    with pytest.raises(UntrainedError, match="it has never been trained"):
        deployed(MODEL, home=tenants)


def test_without_workspaces_a_file_has_only_the_default_one_as_for_mlflow(tenants, monkeypatch):
    monkeypatch.setenv("MLFLOW_WORKSPACE", "first")
    monkeypatch.delenv("MLFLOW_ENABLE_WORKSPACES", raising=False)
    assert deployed(MODEL, home=tenants).sha256 == "default"
    assert Registry(tenants).client.get_model_version_by_alias(MODEL, "champion").tags["sha256"] == "default"


@pytest.mark.parametrize("name", ["", "first"])
def test_a_server_is_asked_for_the_workspace_that_is_named(registry, monkeypatch, name):
    monkeypatch.setenv("MLFLOW_WORKSPACE", name)
    version = {**VERSION, "source": "file:///nowhere"}
    registry.answer = http_answer("200 OK", json.dumps({"model_version": version}).encode())
    assert deployed(MODEL).version == "3"
    assert registry.workspaces == [name or None]


def test_a_file_beyond_the_bound_is_not_fetched(registry):
    listing = json.dumps({"files": [{"path": "1/model.onnx"}]}).encode()
    registry.answer = http_answer("200 OK", listing)  # to the file as well
    version = Deployed(MODEL, "3", "mlflow-artifacts:/1", "0")
    with version.files(RegistryLimits(file_bytes=len(listing))) as folder:
        assert (folder / "model.onnx").read_bytes() == listing
    with (
        pytest.raises(OversizedFileError, match=rf"model\.onnx: expected at most 9 bytes, found {len(listing)}"),
        version.files(RegistryLimits(file_bytes=9)),
    ):
        pass


def test_a_server_that_lists_thousands_of_files_is_no_registry_of_ours(registry):
    registry.answer = http_answer("200 OK", json.dumps({"files": [{"path": "x"}] * 5000}).encode())
    with (
        pytest.raises(RegistryUnavailableError, match="found 5,000 files where a model has at most 16"),
        Deployed(MODEL, "3", "mlflow-artifacts:/1", "0").files(),
    ):
        pass
