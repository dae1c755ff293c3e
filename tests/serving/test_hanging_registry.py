"""A registry, a mount or a server that never comes to an end keeps its own model waiting, and nobody else."""

from __future__ import annotations

import socket
import threading
import time
from collections.abc import Iterator
from contextlib import suppress
from dataclasses import replace

import pytest
from starlette.testclient import TestClient

from feature_repo.store import open_store
from serving.app import create_app
from serving.models import Models
from training import artifact
from training.deployed import deployed
from training.models import model_names

MODELS = model_names()

MODEL = "transaction_type"
OTHERS = [name for name in MODELS if name != MODEL]


@pytest.fixture
def impatient(settings, monkeypatch):
    """Settings of a scorer that waits for nobody longer than two seconds: models that do not hang take less."""
    monkeypatch.setattr("serving.models._GRACE_SECONDS", 0.5)
    return replace(settings, refresh_seconds=0.1, registry_seconds=1.5, log_level="error")


@pytest.fixture
def hung(monkeypatch) -> Iterator[threading.Event]:
    """Whoever asks for one of the models hangs, as on a mount that is away, until the event is set."""
    back, asked = threading.Event(), []

    def hang(name, *rest):
        if name == MODEL:
            asked.append(name)
            back.wait()
            assert len(asked) == 1 or back.is_set()  # nobody asks again before the first has come back
        return deployed(name, *rest)

    monkeypatch.setattr("serving.models.deployed", hang)
    yield back
    back.set()


@pytest.fixture
def dripping() -> Iterator[str]:
    """A server whose answer takes a day: a byte each tenth of a second, none of them late."""
    end = threading.Event()
    with socket.create_server(("127.0.0.1", 0)) as listening:

        def drip(client: socket.socket) -> None:
            with client, suppress(OSError):
                client.sendall(b"HTTP/1.1 200 OK\r\nContent-Length: 864000\r\n\r\n")
                while not end.wait(0.1):
                    client.sendall(b"{")

        def serve() -> None:
            with suppress(OSError):
                while True:
                    threading.Thread(target=drip, args=(listening.accept()[0],), daemon=True).start()

        thread = threading.Thread(target=serve, daemon=True)
        thread.start()
        yield f"http://127.0.0.1:{listening.getsockname()[1]}"
        end.set()
        listening.shutdown(socket.SHUT_RDWR)
        thread.join()


def until(condition, seconds=20):
    deadline = time.monotonic() + seconds
    while not (met := condition()) and time.monotonic() < deadline:
        time.sleep(0.05)
    return met


def test_a_look_that_hangs_is_named_while_the_others_go_on_and_its_result_is_taken_when_it_comes(impatient, hung):
    models = Models(impatient, open_store())
    models.refresh()
    assert sorted(models.serving) == sorted(OTHERS)
    assert models.faults[MODEL].kind == "registry"
    assert "asking the registry" in models.missing[MODEL]
    assert "takes longer than 2 s" in models.missing[MODEL]
    began, before = time.monotonic(), models.refreshed_at
    models.refresh()
    assert time.monotonic() - began < 2
    assert models.refreshed_at > before
    hung.set()
    assert until(lambda: models.refresh() or not models.faults)
    assert sorted(models.serving) == sorted(MODELS)


def test_files_that_hang_are_named_by_their_version_and_their_place(impatient, served_home, monkeypatch):
    back, require_readable = threading.Event(), artifact.require_readable

    def hang(folder, *rest):
        if MODEL in folder.joinpath("manifest.json").read_text():
            back.wait()
        return require_readable(folder, *rest)

    monkeypatch.setattr("training.artifact.require_readable", hang)
    models = Models(impatient, open_store())
    models.refresh()
    found = deployed(MODEL, home=served_home)
    assert models.faults[MODEL].kind == "files"
    assert f"reading the files of version {found.version} at {found.source} takes longer" in models.missing[MODEL]
    assert sorted(models.serving) == sorted(OTHERS)
    back.set()
    assert until(lambda: models.refresh() or not models.faults)


def test_a_scorer_ends_while_a_look_hangs(impatient, hung):
    with TestClient(create_app(impatient)) as client:
        told = client.get("/health/ready").json()
        assert sorted(told["models"]) == sorted(OTHERS)
        assert "asking the registry" in told["missing"][MODEL]
        metrics = client.get("/metrics").text
        assert f'tidemark_model_fault{{kind="registry",model="{MODEL}"}} 1.0' in metrics
        began = time.monotonic()
    assert time.monotonic() - began < 10


def test_a_registry_that_drips_is_left_in_time_and_the_next_one_that_answers_is_taken(impatient, dripping, monkeypatch):
    monkeypatch.setenv("TIDEMARK_MLFLOW", dripping)
    models = Models(impatient, open_store())
    models.refresh()
    assert {fault.kind for fault in models.faults.values()} == {"registry"}
    assert until(lambda: models.refresh() or "whole answer within 1.5 s" in models.missing[MODEL])
    monkeypatch.delenv("TIDEMARK_MLFLOW")
    assert until(lambda: models.refresh() or not models.faults, 10)
    assert sorted(models.serving) == sorted(MODELS)


def test_files_beyond_the_size_that_is_set_are_refused_by_name_and_by_the_setting(settings):
    models = Models(replace(settings, most_model_file_bytes=1000), open_store())
    models.refresh()
    assert {fault.kind for fault in models.faults.values()} == {"artifact"}
    reason = models.missing[MODEL]
    assert "manifest.json: expected a file of at most 1,000 bytes, found " in reason
    assert "TIDEMARK_MODEL_FILE_MB" in reason


def test_looking_that_comes_to_no_end_is_a_fault_and_begins_again_by_itself(impatient, monkeypatch):
    def without_memory(_):
        raise MemoryError

    with monkeypatch.context() as patch:
        patch.setattr("serving.models._STAGES", 0.1)
        patch.setattr("serving.app.FIRST_LOOK_SECONDS", 0.1)
        patch.setattr(Models, "refresh", without_memory)
        with TestClient(create_app(impatient)) as client:

            def fault():
                return client.get("/health/ready").json()["faults"].get("refresh", "")

            assert until(lambda: "found none for" in fault())
            assert "the last was never" in fault()
            assert "tidemark_models_refresh_overdue 1.0" in client.get("/metrics").text
            patch.undo()
            assert until(lambda: client.get("/health/ready").json()["status"] == "ready")
            assert not fault()
            assert "tidemark_models_refresh_overdue 0.0" in client.get("/metrics").text
