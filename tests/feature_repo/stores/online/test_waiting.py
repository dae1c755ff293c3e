"""Redis frozen, slow or silent: a limit to waiting, and nobody is ever given another's answer."""

from __future__ import annotations

import asyncio
import signal
import socket
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import pytest
from online_trips import DRIVERS, lay, opened_at, read, read_async
from redis_servers import Relay, Server, eventually

from feature_repo.stores.wire.errors import OnlineStoreAwayError
from feature_repo.stores.wire.lookup import LookupPlan


@pytest.fixture
def relay(server: Server) -> Iterator[Relay]:
    relay = Relay(server)
    yield relay
    relay.close()


def test_a_frozen_redis_is_waited_for_no_longer_than_said(
    plan: LookupPlan, server: Server, ask: Callable[..., Any]
) -> None:
    assert ask(plan, 1) == 1
    server.send(signal.SIGSTOP)
    began = time.monotonic()
    with pytest.raises(
        OnlineStoreAwayError, match=rf"expected an answer from Redis at {server.address}.*TimeoutError.*tries: 2"
    ):
        ask(plan, 2)
    assert time.monotonic() - began < 2
    server.send(signal.SIGCONT)
    # The late answer to the question about driver 2 must not be taken for that about driver 3.
    assert [ask(plan, driver) for driver in (3, 4, 5)] == [3, 4, 5]


@pytest.mark.parametrize(
    ("silence", "retries", "within", "waited", "tries"),
    [(0.5, 9, 0.9, 0.9, 2), (0.2, 1, 9, 0.4, 2), (5, 9, 0.3, 0.3, 1), (0.2, 0, 9, 0.2, 1)],
)
def test_a_question_is_tried_again_until_its_time_is_over(
    server: Server, tmp_path: Path, ask: Callable[..., Any],
    silence: float, retries: int, within: float, waited: float, tries: int,
) -> None:  # fmt: skip
    store = opened_at(
        tmp_path, server.address, socket_timeout_seconds=silence, retries=retries, answer_within_seconds=within
    )
    lay(store)
    plan = LookupPlan.compile(store, ["stats:trips"])
    assert ask(plan, 1) == 1
    server.send(signal.SIGSTOP)
    for _ in range(2):
        began = time.monotonic()
        with pytest.raises(OnlineStoreAwayError, match=rf"tries: {tries}"):
            ask(plan, 2)
        assert waited - 0.02 < time.monotonic() - began < waited + 1
    server.send(signal.SIGCONT)
    assert [ask(plan, driver) for driver in (3, 4, 5)] == [3, 4, 5]


def test_who_has_waited_already_waits_no_longer_than_for_one_short_try(server: Server, tmp_path: Path) -> None:
    store = opened_at(tmp_path, server.address, socket_timeout_seconds=2, retries=9, answer_within_seconds=3)
    lay(store)
    plan = LookupPlan.compile(store, ["stats:trips"])

    async def on_a_loop() -> None:
        rows = [{"driver_id": 1}]
        assert (await plan.read_async(rows, waited=100)).column("trips")[0] == 1
        server.send(signal.SIGSTOP)
        for waited, waits in ((2.5, 0.5), (100, 0.3)):
            began = time.monotonic()
            with pytest.raises(OnlineStoreAwayError, match="tries: 1"):
                await plan.read_async(rows, waited=waited)
            assert waits - 0.02 < time.monotonic() - began < waits + 1
        await plan.close_async()

    asyncio.run(on_a_loop())


def test_a_question_of_many_rows_has_no_more_time_when_nothing_comes(server: Server, tmp_path: Path) -> None:
    store = opened_at(tmp_path, server.address, socket_timeout_seconds=0.5, retries=9, answer_within_seconds=0.9)
    plan = LookupPlan.compile(store, ["stats:trips"])
    rows = {"driver_id": list(range(2000))}
    plan.read(rows)
    server.send(signal.SIGSTOP)

    async def on_a_loop() -> None:
        try:
            await plan.read_async(rows)
        finally:
            await plan.close_async()

    for ask in (lambda: plan.read(rows), lambda: asyncio.run(on_a_loop())):
        began = time.monotonic()
        with pytest.raises(OnlineStoreAwayError, match="tries: 2"):
            ask()
        assert time.monotonic() - began < 2


def test_a_host_that_does_not_even_connect_is_given_up_in_time(tmp_path: Path, ask: Callable[..., Any]) -> None:
    with socket.socket() as deaf, socket.socket() as first, socket.socket() as second:
        deaf.bind(("127.0.0.1", 0))
        deaf.listen(0)
        for one in (first, second):  # its queue is full from here on
            one.setblocking(False)
            one.connect_ex(deaf.getsockname())
        address = f"127.0.0.1:{deaf.getsockname()[1]}"
        store = opened_at(tmp_path, address, connect_timeout_seconds=0.5, retries=9, answer_within_seconds=0.9)
        plan = LookupPlan.compile(store, ["stats:trips"])
        began = time.monotonic()
        with pytest.raises(OnlineStoreAwayError, match="tries: 2"):
            ask(plan, 1)
        assert 0.88 < time.monotonic() - began < 2


def test_what_arrives_slowly_is_read_to_its_end(server: Server, relay: Relay, tmp_path: Path) -> None:
    """Each piece comes in time, all of it takes longer than the question may."""
    relay.piece = 4096
    store = opened_at(tmp_path, relay.address, socket_timeout_seconds=0.6, answer_within_seconds=0.7, retries=0)
    lay(store)
    plan = LookupPlan.compile(store, ["stats:trips", "stats:city"])
    rows = [{"driver_id": driver} for driver in range(DRIVERS)]
    plan.read(rows)
    relay.delay = 0.1
    began = time.monotonic()
    assert plan.read(rows).column("trips").tolist() == [*range(DRIVERS)]
    assert time.monotonic() - began > 0.8

    async def on_a_loop() -> list[int]:
        try:
            return (await plan.read_async(rows)).column("trips").tolist()
        finally:
            await plan.close_async()

    assert asyncio.run(on_a_loop()) == [*range(DRIVERS)]


def test_a_late_answer_is_given_to_nobody(server: Server, relay: Relay, tmp_path: Path) -> None:
    store = opened_at(tmp_path, relay.address, retries=0, breaker_failures=100)
    lay(store)
    plan = LookupPlan.compile(store, ["stats:trips"])

    def wait_in_vain() -> None:
        relay.delay = 0.6
        with pytest.raises(OnlineStoreAwayError):
            read(plan, 2)
        relay.delay = 0.0

    assert read(plan, 1) == 1
    for driver in (3, 4):
        wait_in_vain()
        assert read(plan, driver) == driver

    async def on_a_loop() -> list[Any]:
        told = []
        await plan.read_async([{"driver_id": 1}])
        for driver in (3, 4):
            relay.delay = 0.6
            with pytest.raises(OnlineStoreAwayError):
                await plan.read_async([{"driver_id": 2}])
            relay.delay = 0.0
            told.append((await plan.read_async([{"driver_id": driver}])).column("trips")[0])
            relay.delay = 0.5
            asking = asyncio.create_task(plan.read_async([{"driver_id": 2}]))
            await asyncio.sleep(0.05)
            asking.cancel()
            with pytest.raises(asyncio.CancelledError):
                await asking
            relay.delay = 0.0
            told.append((await plan.read_async([{"driver_id": driver + 10}])).column("trips")[0])
        await plan.close_async()
        return told

    assert asyncio.run(on_a_loop()) == [3, 13, 4, 14]


def test_a_task_that_is_cancelled_leaves_its_answer_to_nobody(plan: LookupPlan, server: Server) -> None:
    async def cancelled_then_asked() -> list[Any]:
        await plan.read_async([{"driver_id": 1}])
        server.send(signal.SIGSTOP)
        asking = asyncio.create_task(plan.read_async([{"driver_id": 2}]))
        await asyncio.sleep(0.05)
        asking.cancel()
        with pytest.raises(asyncio.CancelledError):
            await asking
        server.send(signal.SIGCONT)
        try:
            return [(await plan.read_async([{"driver_id": one}])).column("trips")[0] for one in (3, 4)]
        finally:
            await plan.close_async()

    assert asyncio.run(cancelled_then_asked()) == [3, 4]


def test_freezing_and_waking_under_load_gives_nobody_anothers_answer(plan: LookupPlan, server: Server) -> None:
    ends = time.monotonic() + 4
    wrong: list[tuple[int, Any]] = []
    told = {"right": 0, "away": 0}

    def ask_on(first: int) -> None:
        driver = first
        while time.monotonic() < ends:
            driver = (driver + 7) % DRIVERS
            try:
                found = read(plan, driver)
            except OnlineStoreAwayError:
                told["away"] += 1
                time.sleep(0.02)
            else:
                told["right"] += 1
                if found != driver:
                    wrong.append((driver, found))

    with ThreadPoolExecutor(4) as pool:
        asking = [pool.submit(ask_on, first) for first in range(4)]
        while time.monotonic() < ends - 1:
            time.sleep(0.1)
            server.send(signal.SIGSTOP)
            time.sleep(0.6)
            server.send(signal.SIGCONT)
        for one in asking:
            one.result()
    assert wrong == []
    assert told["right"] > 100
    assert told["away"] > 0


def test_an_idle_connection_that_died_is_replaced_without_a_word(plan: LookupPlan, server: Server) -> None:
    assert read(plan, 1) == 1
    server.client().client_kill_filter(_type="normal", skipme=True)
    assert read(plan, 2) == 2


def test_one_that_died_while_idle_for_long_is_not_even_tried(plan: LookupPlan, server: Server, tmp_path: Path) -> None:
    (tmp_path / "strict").mkdir()
    strict = LookupPlan.compile(opened_at(tmp_path / "strict", server.address, retries=0), ["stats:trips"])
    assert (read(strict, 1), read_async(strict, 1)) == (1, 1)
    server.client().client_kill_filter(_type="normal", skipme=True)
    time.sleep(1.1)
    assert (read(strict, 2), read_async(strict, 2)) == (2, 2)


def test_the_breaker_opens_and_closes_again(plan: LookupPlan, server: Server) -> None:
    server.kill()
    for _ in range(3):
        with pytest.raises(OnlineStoreAwayError, match="expected an answer"):
            read(plan, 1)
    began = time.monotonic()
    for ask in (read, read_async):
        with pytest.raises(OnlineStoreAwayError, match="is not asked again for") as told:
            ask(plan, 1)
        assert 0 < told.value.retry_after_seconds <= 1
    with pytest.raises(OnlineStoreAwayError, match="is not asked again for"):
        plan.read({"driver_id": list(range(10_000))})
    assert time.monotonic() - began < 1
    server.start()
    assert eventually(lambda: [read(plan, 1)], 3) == [None]
    lay(plan._store)
    assert read_async(plan, 1) == 1
