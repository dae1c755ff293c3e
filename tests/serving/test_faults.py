"""The online store goes away: declared errors, nothing wrong served, and answers again within seconds."""

from __future__ import annotations

import os
import signal
import time

import pytest

from feature_repo.stores.private_redis import running
from feature_repo.stores.redis_server import client_of


def redis_pid(address: str) -> int:
    with client_of(address) as redis:
        return int(redis.info("server")["process_id"])


@pytest.fixture
def address(served_home):
    with running(served_home) as where:
        yield where


def ask(client, ids):
    return client.post("/v1/predict/move-probability", json={"entity_id": str(ids["move_probability"][0])})


def answered_again(client, ids, seconds=10):
    deadline = time.monotonic() + seconds
    while time.monotonic() < deadline:
        if (found := ask(client, ids)).status_code == 200:
            return found.json()
        time.sleep(0.2)
    return None


def test_a_frozen_store_is_a_declared_error_and_then_the_same_answer(client, ids, address):
    before = ask(client, ids).json()["predicted_value"]
    pid = redis_pid(address)
    os.kill(pid, signal.SIGSTOP)
    try:
        began = time.monotonic()
        found = ask(client, ids)
        assert (found.status_code, found.headers["content-type"]) == (503, "application/problem+json")
        assert int(found.headers["retry-after"]) >= 1
        assert time.monotonic() - began < 10
    finally:
        os.kill(pid, signal.SIGCONT)
    assert answered_again(client, ids)["predicted_value"] == before


def test_a_killed_store_is_a_declared_error_and_then_the_same_answer(client, ids, served_home, address):
    before = ask(client, ids).json()["predicted_value"]
    os.kill(redis_pid(address), signal.SIGKILL)
    time.sleep(0.2)
    assert ask(client, ids).status_code == 503
    with running(served_home):
        assert answered_again(client, ids)["predicted_value"] == before
