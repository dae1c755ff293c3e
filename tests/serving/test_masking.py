"""The user in a registry's address appears nowhere that the scorer speaks: not in answers, nor in the log."""

from __future__ import annotations

import io
import json

import pytest
import structlog
from starlette.testclient import TestClient

from serving import logs
from serving.app import create_app
from serving.settings import Settings

ADDRESS = "http://ann:secret@127.0.0.1:9"
"""Nobody listens on this port."""


def test_a_registry_that_does_not_answer_is_named_without_its_user(tmp_path, monkeypatch, capfd):
    monkeypatch.setenv("TIDEMARK_HOME", str(tmp_path))
    with TestClient(
        create_app(Settings.from_environment({"TIDEMARK_HOME": str(tmp_path), "TIDEMARK_MLFLOW": ADDRESS}))
    ) as client:
        ready = client.get("/health/ready").text
        answer = client.post("/v1/predict/move-probability", json={"entity_id": "1"}).text
        health = client.get("/v1/models/move-probability/health").text
    log = capfd.readouterr().err
    for text in (ready, answer, health, log):
        assert "http://***@127.0.0.1:9" in text
        assert "secret" not in text


@pytest.mark.parametrize("is_watched", [False, True])
def test_a_library_that_puts_the_address_into_an_exception_is_masked_in_the_log(monkeypatch, is_watched):
    stream = io.TextIOWrapper(io.BytesIO(), write_through=True)
    stream.isatty = lambda: is_watched
    monkeypatch.setattr("sys.stderr", stream)
    logs.configure("info")
    try:
        raise OSError(f"cannot reach {ADDRESS}/api")
    except OSError:
        structlog.get_logger().exception("it failed", at=ADDRESS)
    text = stream.buffer.getvalue().decode()
    assert "cannot reach http://***@127.0.0.1:9/api" in text
    assert "secret" not in text
    assert is_watched or json.loads(text)["at"] == "http://***@127.0.0.1:9"
