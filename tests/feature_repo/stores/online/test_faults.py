"""Redis frozen, killed, restarted, flushed, full, locked: right answers or clear errors, and never another's answer."""

from __future__ import annotations

import asyncio
import signal
import socket
import threading
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import pyarrow as pa
import pytest
from feast import FeatureStore
from feast.types import Int64, String
from online_project import DRIVER, INSTANT, day, opened, view_of
from redis_servers import Relay, Server, eventually, free_port, running

from feature_repo.stores.wire.errors import OnlineStoreAwayError, OnlineStoreRefusedError
from feature_repo.stores.wire.lookup import LookupPlan
from feature_repo.stores.wire.transport import breaker_of

FAST: dict[str, Any] = {
    "socket_timeout_seconds": 0.2,
    "connect_timeout_seconds": 0.2,
    "retries": 1,
    "breaker_seconds": 1,
}
DRIVERS = 50


def opened_at(folder: Path, address: str, **settings: Any) -> FeatureStore:
    view = view_of(folder, {"trips": Int64, "city": String})
    return opened(folder, address, [DRIVER, view], ours=True, **{**FAST, **settings})


def lay(store: FeatureStore) -> None:
    """Driver n has made n trips."""
    drivers = list(range(DRIVERS))
    table = pa.table(
        {
            "driver_id": drivers,
            "trips": drivers,
            "city": ["x" * 1000] * DRIVERS,
            "event": pa.array([day(1)] * DRIVERS, INSTANT),
            "created": pa.array([day(1)] * DRIVERS, INSTANT),
        }
    )
    store._get_provider().online_store.online_write_table(
        store.config, store.get_feature_view("stats"), table.to_batches()
    )


@pytest.fixture
def plan(server: Server, tmp_path: Path) -> LookupPlan:
    store = opened_at(tmp_path, server.address)
    lay(store)
    return LookupPlan.compile(store, ["stats:trips", "stats:city"])


def read(plan: LookupPlan, driver: int) -> Any:
    return plan.read([{"driver_id": driver}]).column("trips")[0]


def read_async(plan: LookupPlan, driver: int) -> Any:
    async def one() -> Any:
        try:
            return (await plan.read_async([{"driver_id": driver}])).column("trips")[0]
        finally:
            await plan.close_async()

    return asyncio.run(one())


WAYS = pytest.mark.parametrize("ask", [read, read_async])


@WAYS
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


@pytest.fixture
def relay(server: Server) -> Iterator[Relay]:
    relay = Relay(server)
    yield relay
    relay.close()


def test_a_late_answer_is_given_to_nobody(server: Server, relay: Relay, tmp_path: Path) -> None:
    store = opened_at(tmp_path, relay.address, retries=0, breaker_failures=100)
    lay(store)
    plan = LookupPlan.compile(store, ["stats:trips"])

    def wait_in_vain() -> None:
        relay.delay = 0.3
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
            relay.delay = 0.3
            with pytest.raises(OnlineStoreAwayError):
                await plan.read_async([{"driver_id": 2}])
            relay.delay = 0.0
            told.append((await plan.read_async([{"driver_id": driver}])).column("trips")[0])
            relay.delay = 0.1
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


@WAYS
def test_a_killed_redis_is_missed_at_once_and_served_from_again_after_its_return(
    plan: LookupPlan, server: Server, tmp_path: Path, ask: Callable[..., Any]
) -> None:
    assert ask(plan, 1) == 1
    server.kill()
    began = time.monotonic()
    with pytest.raises(OnlineStoreAwayError, match=f"Redis at {server.address}"):
        ask(plan, 1)
    assert time.monotonic() - began < 1
    server.start()
    lay(plan._store)
    assert ask(plan, 1) == 1


@pytest.mark.parametrize("rows", [1, 5000])
def test_whoever_asks_much_gets_the_same_fault_as_who_asks_little(plan: LookupPlan, server: Server, rows: int) -> None:
    asked = {"driver_id": list(range(rows))}
    server.kill()
    with pytest.raises(OnlineStoreAwayError, match=f"Redis at {server.address}"):
        plan.read(asked)

    async def on_a_loop() -> None:
        with pytest.raises(OnlineStoreAwayError, match=f"Redis at {server.address}"):
            await plan.read_async(asked)
        await plan.close_async()

    asyncio.run(on_a_loop())


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
    for _ in range(5):
        with pytest.raises(OnlineStoreAwayError, match="expected an answer"):
            read(plan, 1)
    began = time.monotonic()
    for ask in (read, read_async):
        with pytest.raises(OnlineStoreAwayError, match="is not asked again for") as told:
            ask(plan, 1)
        assert 0 < told.value.retry_after_seconds <= 1
    with pytest.raises(OnlineStoreAwayError, match="is not asked again for"):
        plan.read({"driver_id": list(range(10_000))})
    assert time.monotonic() - began < 0.3
    server.start()
    assert eventually(lambda: [read(plan, 1)], 3) == [None]
    lay(plan._store)
    assert read_async(plan, 1) == 1


def test_faults_of_one_address_do_not_close_another(tmp_path: Path, address: str) -> None:
    nobody = f"127.0.0.1:{free_port()}"
    for name in ("here", "there"):
        (tmp_path / name).mkdir()
    there, here = opened_at(tmp_path / "there", nobody), opened_at(tmp_path / "here", address)
    for _ in range(6):
        with pytest.raises(OnlineStoreAwayError, match=nobody):
            lay(there)
    assert breaker_of(there.config.online_store.wire_settings()).opened
    lay(here)


def test_a_write_that_was_cut_off_is_made_whole_by_doing_it_again(plan: LookupPlan, server: Server) -> None:
    store = plan._store
    online, view = store._get_provider().online_store, store.get_feature_view("stats")
    rows = 200_000
    table = pa.table(
        {
            "driver_id": range(rows),
            "trips": range(rows),
            "city": ["y"] * rows,
            "event": pa.array([day(2)] * rows, INSTANT),
            "created": pa.array([day(2)] * rows, INSTANT),
        }
    )
    threading.Timer(0.4, server.kill).start()
    with pytest.raises(OnlineStoreAwayError):
        online.online_write_table(store.config, view, table.to_batches())
    server.start()
    time.sleep(1.1)
    assert online.online_write_table(store.config, view, table.to_batches()).written == rows
    assert server.client().dbsize() == rows
    drivers = list(range(0, rows, 997))
    assert plan.read({"driver_id": drivers}).column("trips").tolist() == drivers


def test_scripts_that_redis_has_forgotten_are_told_again(plan: LookupPlan, server: Server) -> None:
    server.client().flushall()
    server.client().script_flush()
    lay(plan._store)
    assert read(plan, 7) == 7


def test_what_was_flushed_is_not_found(plan: LookupPlan, server: Server) -> None:
    server.client().flushall()
    found = plan.read([{"driver_id": 1}])
    assert found.matrix.tolist() == [[None, None]]
    assert found.statuses["stats"].tolist() == [3]


def test_a_full_redis_says_so_and_goes_on_answering(plan: LookupPlan, server: Server) -> None:
    server.client().config_set("maxmemory", "1mb")
    with pytest.raises(OnlineStoreRefusedError, match=rf"Redis at {server.address} refused: .*OOM .*raise it"):
        lay(plan._store)
    assert read(plan, 7) == 7


def test_a_key_of_another_program_is_named_as_such(plan: LookupPlan, server: Server) -> None:
    client = server.client()
    for key in client.scan_iter():
        client.set(key, "not ours")
    with pytest.raises(OnlineStoreRefusedError, match=r"WRONGTYPE .*choose another db="):
        read(plan, 1)
    with pytest.raises(OnlineStoreRefusedError, match=r"WRONGTYPE .*choose another db="):
        lay(plan._store)
    client.flushall()
    lay(plan._store)
    assert read(plan, 7) == 7


@WAYS
def test_a_password_is_used_and_a_wrong_one_is_not_tried_twice(tmp_path: Path, ask: Callable[..., Any]) -> None:
    locked = Server(tmp_path / "locked", free_port(), ("--save", "", "--requirepass", "12345"), password="12345")  # noqa: S106
    with running(locked):
        for name in ("right", "wrong"):
            (tmp_path / name).mkdir()
        right = opened_at(tmp_path / "right", f"{locked.address},password=12345")
        lay(right)
        assert ask(LookupPlan.compile(right, ["stats:trips"]), 3) == 3
        wrong = opened_at(tmp_path / "wrong", f"{locked.address},password=nonsense,socket_timeout=1")
        with pytest.raises(OnlineStoreRefusedError, match="refused the login") as told:
            ask(LookupPlan.compile(wrong, ["stats:trips"]), 3)
        assert "nonsense" not in str(told.value)


def test_a_server_that_says_too_much_is_not_believed(tmp_path: Path) -> None:
    """A stranger that answers each question twice."""
    with socket.create_server(("127.0.0.1", 0)) as listening:
        port = listening.getsockname()[1]

        def babble() -> None:
            while True:
                try:
                    connection, _ = listening.accept()
                except OSError:
                    return
                with connection:
                    while asked := connection.recv(65536):
                        connection.sendall(
                            b"*3\r\n$-1\r\n$-1\r\n$-1\r\n" * 2 if b"HMGET" in asked else b"+OK\r\n" * asked.count(b"*")
                        )

        threading.Thread(target=babble, daemon=True).start()
        plan = LookupPlan.compile(opened_at(tmp_path, f"127.0.0.1:{port}"), ["stats:trips", "stats:city"])
        for ask in (read, read_async):
            with pytest.raises(OnlineStoreAwayError, match="more replies than there were commands"):
                ask(plan, 1)
