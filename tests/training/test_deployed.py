"""What a registry may answer, and what that says of the model: nothing, unless it is MLflow that answers."""

from __future__ import annotations

import json
import sqlite3
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import pytest

from training.deployed import RegistryUnavailableError, UntrainedError, deployed
from training.registry import Registry

MODEL = "move_probability"
VERSION = {"name": MODEL, "version": "3", "tags": [{"key": "sha256", "value": "0"}]}


class Answers(ThreadingHTTPServer):
    """Answers every request with the same bytes, whatever they are."""

    answer = b""


class Handler(BaseHTTPRequestHandler):
    def do_GET(self) -> None:
        self.wfile.write(self.server.answer)

    def log_message(self, *_: object) -> None:
        pass


@pytest.fixture
def registry(monkeypatch: pytest.MonkeyPatch) -> Iterator[Answers]:
    with Answers(("127.0.0.1", 0), Handler) as server:
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
