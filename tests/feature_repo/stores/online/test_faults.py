"""Redis killed, flushed, full, locked, strange: right answers or clear errors."""

from __future__ import annotations

import asyncio
import socket
import threading
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pyarrow as pa
import pytest
from online_project import INSTANT, day
from online_trips import lay, opened_at, read, read_async
from redis_servers import Server, free_port, running

from feature_repo.stores.wire.attempts import breaker_of
from feature_repo.stores.wire.errors import OnlineStoreAwayError, OnlineStoreRefusedError
from feature_repo.stores.wire.lookup import LookupPlan


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
    (corrupt,) = plan.read([{"driver_id": 1}]).corrupt
    assert "something else than a hash: another program writes into this database; choose another db=" in corrupt.reason
    with pytest.raises(OnlineStoreRefusedError, match=r"WRONGTYPE .*choose another db="):
        lay(plan._store)
    client.flushall()
    lay(plan._store)
    assert read(plan, 7) == 7


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
