"""What /health/ready says of the online store is true, within a second or so, and Redis comes back by itself."""

from __future__ import annotations

import asyncio
import os
import signal
import threading
import time

import pytest

from feature_repo.stores.private_redis import address, client_of
from serving.online_store import OnlineStoreCheck


def redis_pid(home) -> int:
    with client_of(address(home)) as redis:
        return int(redis.info("server")["process_id"])


def until(condition, seconds=15):
    deadline = time.monotonic() + seconds
    while not (met := condition()) and time.monotonic() < deadline:
        time.sleep(0.05)
    return met


@pytest.fixture
def ready(client):
    return lambda: client.get("/health/ready")


def test_a_frozen_redis_makes_the_scorer_unready_until_it_goes_on(ready, client, served_home):
    assert ready().status_code == 200
    pid = redis_pid(served_home)
    os.kill(pid, signal.SIGSTOP)
    try:
        assert until(lambda: ready().status_code == 503)
        began = time.monotonic()
        told = ready().json()
        assert time.monotonic() - began < 1.5
        assert told["status"] == "not ready: the online store is unavailable"
        assert told["missing"] == {}
        assert "expected PONG from Redis at 127.0.0.1:" in told["online_store"]["reason"]
        assert "tidemark_online_store_up 0.0" in client.get("/metrics").text
    finally:
        os.kill(pid, signal.SIGCONT)
    assert until(lambda: ready().status_code == 200)
    assert ready().json()["online_store"]["reason"] is None
    assert "tidemark_online_store_up 1.0" in client.get("/metrics").text


def test_a_redis_that_is_killed_under_a_scorer_is_started_again_and_answers_as_before(ready, client, served_home, ids):
    def answer():
        return client.post("/v1/predict/move-probability", json={"entity_id": str(ids["move_probability"][0])})

    before = answer().json()["predicted_value"]
    for _ in range(2):
        killed = redis_pid(served_home)
        os.kill(killed, signal.SIGKILL)
        refused = []
        assert until(lambda refused=refused: (found := answer()).status_code == 200 or refused.append(found.json()))
        assert {one["title"] for one in refused} <= {"Features unavailable"}
        assert answer().json()["predicted_value"] == before
        assert until(lambda: ready().status_code == 200)
        assert redis_pid(served_home) != killed


def test_many_who_ask_at_once_share_one_ping():
    pings = []

    def ping():
        pings.append(threading.current_thread().name)

    async def ask():
        check = OnlineStoreCheck(ping, "here")
        try:
            return await asyncio.gather(*(check.state() for _ in range(50)))
        finally:
            check.close()

    assert {state.answers for state in asyncio.run(ask())} == {True}
    assert len(pings) == 1


def test_a_ping_without_an_end_is_waited_for_a_second_by_everybody_together(monkeypatch):
    monkeypatch.setattr("serving.online_store.SECONDS", 0.2)
    monkeypatch.setattr("serving.online_store.FRESH_SECONDS", 0.0)
    goes_on = threading.Event()

    async def ask():
        check = OnlineStoreCheck(goes_on.wait, "here:6379")
        try:
            began = time.monotonic()
            states = await asyncio.gather(*(check.state() for _ in range(50)))
            return states, time.monotonic() - began
        finally:
            goes_on.set()
            check.close()

    states, seconds = asyncio.run(ask())
    assert {state.reason for state in states} == {"expected PONG from Redis at here:6379, found nothing within 0.2 s"}
    assert seconds < 1
