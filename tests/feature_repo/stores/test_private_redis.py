"""The private Redis, with real servers, real kills and real strangers on its port."""

from __future__ import annotations

import json
import os
import shutil
import signal
import socket
import stat
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from contextlib import ExitStack
from pathlib import Path

import psutil
import pytest
import redis

from feature_repo.stores.online import redis_address
from feature_repo.stores.private_redis import (
    PrivateRedisError,
    address,
    client_of,
    is_running,
    running,
    without_password,
)

USE = """
import sys, time
from pathlib import Path
from feature_repo.stores.private_redis import running
with running(Path(sys.argv[1])) as address:
    print(address, flush=True)
    sys.stdin.readline()
"""
WRITE = """
import sys
from pathlib import Path
from feature_repo.stores.private_redis import address
from feature_repo.stores.private_redis import client_of
with client_of(address(Path(sys.argv[1]))) as client:
    number = 0
    while True:
        with client.pipeline(transaction=False) as pipe:
            for i in range(20):
                pipe.set(f"padding {i}", "." * 2000)
            pipe.set("number", number)
            pipe.execute()
        print(number, flush=True)
        number += 1
"""


@pytest.fixture(autouse=True)
def no_redis_is_named(monkeypatch):
    monkeypatch.delenv("TIDEMARK_REDIS", raising=False)


@pytest.fixture
def home(tmp_path) -> Iterator[Path]:
    yield tmp_path / "home"
    end(tmp_path / "home")


def server_of(home: Path) -> psutil.Process:
    with client_of(address(home)) as client:
        return psutil.Process(client.info("server")["process_id"])


def end(home: Path) -> None:
    """Nothing of a test outlives it, whatever became of it."""
    for process in psutil.process_iter(["cwd", "name"]):
        if process.info["cwd"] == str(home / "redis") and process.info["name"].startswith("redis"):
            process.kill()
            process.wait()


def append_only_file(home: Path) -> Path:
    """Where writes are kept: one file before Redis 7, and one beside others in a folder since."""
    (file,) = [file for file in (home / "redis").rglob("appendonly*") if file.is_file() and file.suffix == ".aof"]
    return file


@pytest.fixture
def use(home) -> Iterator[object]:
    """Let other processes use the server of the home, until their standard input is closed."""
    with ExitStack() as stack:

        def started() -> subprocess.Popen[str]:
            process = subprocess.Popen(
                [sys.executable, "-c", USE, str(home)], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
            )
            stack.enter_context(process)
            stack.callback(process.kill)
            return process

        yield started


def test_it_runs_while_it_is_needed_and_keeps_what_it_was_told(home):
    assert not is_running(home)
    with running(home) as where, client_of(where) as client:
        assert is_running(home)
        client.set("a", 1)
    assert not is_running(home)
    with running(home) as again, client_of(again) as client:
        assert again == where
        assert client.get("a") == b"1"


def test_it_listens_on_this_machine_alone_and_lets_nobody_in_without_the_password(home):
    with running(home) as where:
        with client_of(where.split(",")[0]) as stranger, pytest.raises(redis.AuthenticationError):
            stranger.ping()
        assert {one.laddr.ip for one in server_of(home).net_connections() if one.status == "LISTEN"} == {"127.0.0.1"}


def test_the_password_is_seen_by_the_owner_alone(home):
    with running(home) as where:
        password = where.split("password=")[1].split(",")[0]
        assert not any(password in word for word in server_of(home).cmdline())
        assert stat.S_IMODE((home / "redis").stat().st_mode) == 0o700
        files = [file for file in (home / "redis").rglob("*") if file.is_file()]
        telling = [file for file in files if password in file.read_text(errors="replace")]
        assert {file.name for file in telling} == {"address.json", "redis.conf"}
        assert {stat.S_IMODE(file.stat().st_mode) for file in telling} == {0o600}
    assert password not in without_password(where)


def test_memory_that_runs_out_refuses_writes_and_forgets_nothing(home):
    with running(home) as where, client_of(where) as client:
        assert client.config_get("maxmemory-policy")["maxmemory-policy"] == "noeviction"


@pytest.mark.parametrize("attempt", range(3))
def test_nothing_acknowledged_is_lost_when_redis_is_killed_while_it_is_written_to(home, attempt):
    with running(home):
        writer = subprocess.Popen(
            [sys.executable, "-c", WRITE, str(home)], stdout=subprocess.PIPE, stderr=subprocess.PIPE
        )
        with writer:
            told = [writer.stdout.readline() for _ in range(300 + 100 * attempt)]
            server_of(home).kill()
            # On a busy machine the kill may come before the next write.
            acknowledged = int([*told, *writer.stdout.read().split()][-1])
    with running(home) as where, client_of(where) as client:
        assert int(client.get("number")) in (acknowledged, acknowledged + 1)
        # What everysec loses shows in few kills only: see private_redis/server.py.
        assert client.config_get("appendfsync")["appendfsync"] == "no"


def test_a_killed_platform_leaves_its_server_to_the_next_one_which_stops_it(home, use):
    platform = use()
    where = platform.stdout.readline().strip()
    with client_of(where) as client:
        client.set("a", 1)
    server = server_of(home)
    platform.kill()
    platform.wait()
    assert server.is_running()
    with running(home) as again, client_of(again) as client:
        assert again == where
        assert server_of(home) == server
        assert client.get("a") == b"1"
    assert not is_running(home)


def test_whoever_leaves_last_stops_it(home, use):
    first, second = use(), use()
    for process in (first, second):
        process.stdout.readline()
    first.communicate("\n")
    assert is_running(home)
    second.communicate("\n")
    assert not is_running(home)
    assert (first.returncode, second.returncode) == (0, 0)


def test_two_that_start_at_once_share_one_server(home, use):
    users = [use() for _ in range(4)]
    assert len({user.stdout.readline() for user in users}) == 1
    servers = [p for p in psutil.process_iter(["cwd"]) if p.info["cwd"] == str(home / "redis")]
    assert len(servers) == 1
    for user in users:
        user.communicate("\n")
    assert not is_running(home)


def test_two_homes_on_one_machine_have_a_server_each(tmp_path):
    with (
        running(tmp_path / "one") as one,
        running(tmp_path / "two") as two,
        client_of(one) as first,
        client_of(two) as second,
    ):
        first.set("a", 1)
        assert second.get("a") is None
    assert one != two


@pytest.mark.parametrize("says", [b"", b"HTTP/1.1 400 Bad Request\r\n\r\n"])
def test_a_port_that_someone_else_took_is_left_to_them_with_another_password(home, says):
    with running(home) as before, client_of(before) as client:
        client.set("a", 1)
    port = int(before.split(",")[0].split(":")[1])
    with socket.socket() as stranger:
        stranger.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        stranger.bind(("127.0.0.1", port))
        stranger.listen()
        with running(home) as after, client_of(after) as client:
            assert client.get("a") == b"1"
            assert address(home) == after
    assert after.split(",")[0] != before.split(",")[0]
    assert after.split(",")[1] != before.split(",")[1]


def test_a_redis_of_someone_else_on_the_port_is_neither_used_nor_stopped(home, tmp_path):
    address(home)
    with running(tmp_path / "other") as theirs:
        port = int(theirs.split(",")[0].split(":")[1])
        stored = json.loads((home / "redis" / "address.json").read_text())
        (home / "redis" / "address.json").write_text(json.dumps({**stored, "port": port}))
        with running(home) as ours, client_of(ours) as client:
            assert client.config_get("dir")["dir"] == str(home / "redis")
        with client_of(theirs) as client:
            assert client.ping()


def test_a_copied_home_has_an_address_of_its_own_while_the_other_home_is_served(home, tmp_path):
    copy = tmp_path / "copy"
    with running(home) as where, client_of(where) as client:
        client.set("whose", "the home's")
        shutil.copytree(home, copy, copy_function=shutil.copy2)
        assert address(copy) not in (where, address(home))
        assert not is_running(copy)
        with running(copy) as elsewhere, client_of(elsewhere) as of_copy:
            of_copy.set("whose", "the copy's")
            assert client.get("whose") == b"the home's"
            assert server_of(copy) != server_of(home)
        assert address(home) == where
    end(copy)


def test_a_home_whose_port_went_to_its_copy_is_refused_there(home, tmp_path):
    copy = tmp_path / "copy"
    with running(home) as where:
        pass
    shutil.copytree(home, copy, copy_function=shutil.copy2)
    address(copy)
    stored = json.loads((copy / "redis" / "address.json").read_text())
    port = int(where.split(",")[0].split(":")[1])
    (copy / "redis" / "address.json").write_text(json.dumps({**stored, "port": port}))
    with running(copy) as taken, client_of(where) as client:
        assert taken.split(",")[0] == where.split(",")[0]
        with pytest.raises(redis.AuthenticationError):
            client.get("whose")


def test_a_renamed_home_keeps_its_address_and_its_server(home, use, tmp_path):
    platform = use()
    platform.stdout.readline()
    before, server, renamed = address(home), server_of(home), tmp_path / "renamed"
    home.rename(renamed)
    try:
        with running(renamed) as where:
            assert where == before
            assert server_of(renamed) == server
    finally:
        renamed.rename(home)


def test_an_address_that_names_no_folder_counts_only_while_its_server_lives(home, use):
    platform = use()
    platform.stdout.readline()
    before = address(home)
    stored = json.loads((home / "redis" / "address.json").read_text())
    (home / "redis" / "address.json").write_text(json.dumps({key: stored[key] for key in ("port", "password")}))
    assert address(home) == before
    platform.stdin.close()
    platform.wait()
    assert address(home) != before


def test_a_stale_pid_file_harms_no_process_that_has_the_number_now(home):
    with running(home):
        server_of(home).kill()
    with subprocess.Popen(["sleep", "60"]) as bystander:
        (home / "redis" / "redis.pid").write_text(f"{bystander.pid}\n")
        with running(home) as where, client_of(where) as client:
            assert client.ping()
        assert bystander.poll() is None
        bystander.kill()


def test_the_next_start_forgives_a_tail_that_a_kill_tore_off(home):
    with running(home) as where, client_of(where) as client:
        client.set("a", 1)
        client.set("b", "torn")
    file = append_only_file(home)
    os.truncate(file, file.stat().st_size - 5)
    with running(home) as where, client_of(where) as client:
        assert client.get("a") == b"1"
        assert client.get("b") is None


def test_a_file_that_is_broken_in_the_middle_is_told_with_what_to_do(home):
    with running(home) as where, client_of(where) as client:
        client.set("a", "1" * 100)
        client.set("b", "2" * 100)
    file = append_only_file(home)
    file.write_bytes(b"rubbish" + file.read_bytes()[7:])
    with (
        pytest.raises(PrivateRedisError, match=r"Bad file format[\s\S]*materialise the online assets again"),
        running(home),
    ):
        pass
    shutil.rmtree(home / "redis")
    with running(home) as where, client_of(where) as client:
        assert client.ping()


def test_a_frozen_server_is_told_with_its_process_and_is_not_killed(home, use, monkeypatch):
    platform = use()
    platform.stdout.readline()
    server = server_of(home)
    platform.kill()
    platform.wait()
    server.send_signal(signal.SIGSTOP)
    monkeypatch.setattr("feature_repo.stores.private_redis.server._SECONDS_TO_ANSWER", 1)
    try:
        with pytest.raises(PrivateRedisError, match=rf"does not answer at 127.0.0.1:\d+.*{server.pid}"), running(home):
            pass
    finally:
        server.send_signal(signal.SIGCONT)
    with running(home):
        assert server_of(home) == server


def test_a_server_that_is_killed_in_use_is_started_by_the_next_who_comes(home):
    with running(home) as where:
        server_of(home).kill()
        with running(home) as again, client_of(again) as client:
            assert again == where
            assert client.ping()


def until(condition, seconds=15):
    deadline = time.monotonic() + seconds
    while not (met := condition()) and time.monotonic() < deadline:
        time.sleep(0.02)
    return met


def test_a_server_that_is_killed_in_use_is_started_again_without_anybody_coming(home):
    with running(home) as where:
        with client_of(where) as client:
            client.set("a", 1)
        killed = server_of(home)
        killed.kill()
        killed.wait()
        assert until(lambda: is_running(home))
        with running(home) as again, client_of(again) as client:  # waits until it answers
            assert (again, client.get("a")) == (where, b"1")
            assert server_of(home) != killed


def test_of_many_that_see_the_server_killed_one_starts_it(home, use):
    users = [use() for _ in range(3)]
    for user in users:
        user.stdout.readline()
    for _ in range(3):
        killed = server_of(home)
        killed.kill()
        killed.wait()
        assert until(lambda: is_running(home))
        with running(home):
            there = [p for p in psutil.process_iter(["cwd"]) if p.info["cwd"] == str(home / "redis")]
            assert there == [server_of(home)]
    assert (home / "redis" / "redis.log").read_text().count("Server initialized") == 4
    for user in users:
        user.communicate("\n")
    assert not is_running(home)


def test_nobody_watches_after_the_last_has_left(home):
    with running(home):
        assert "private-redis-watch" in {thread.name for thread in threading.enumerate()}
    assert "private-redis-watch" not in {thread.name for thread in threading.enumerate()}
    assert not is_running(home)


def test_a_server_that_does_not_start_again_is_tried_until_it_does(home, monkeypatch, caplog):
    monkeypatch.setattr("feature_repo.stores.private_redis.watch._SECONDS_AFTER_A_FAILURE", 0.1)
    with running(home) as where:
        with client_of(where) as client:
            client.set("a", "1" * 100)
        file = append_only_file(home)
        killed = server_of(home)
        kept = file.read_bytes()
        file.write_bytes(b"rubbish" + kept[7:])
        killed.kill()
        assert until(lambda: "Bad file format" in caplog.text)
        assert "materialise the online assets again" in caplog.text
        file.write_bytes(kept)
        assert until(lambda: is_running(home))
        with running(home) as again, client_of(again) as client:
            assert client.get("a") == b"1" * 100


def test_a_home_that_is_deleted_in_use_is_not_made_again(home, caplog):
    with running(home):
        killed = server_of(home)
        (home / "redis").rename(home / "elsewhere")
        killed.kill()
        killed.wait()
        assert until(lambda: "does not start again" in caplog.text)
        assert not (home / "redis").exists()
        (home / "elsewhere").rename(home / "redis")


def test_the_address_is_known_before_the_server_ever_ran_and_stays(home):
    before = address(home)
    assert not is_running(home)
    with running(home) as where:
        assert where == before


def test_a_redis_that_is_named_is_used_and_none_is_started(home, monkeypatch):
    with running(home, "elsewhere:6379,db=1") as where:
        assert where == redis_address(home, where) == "elsewhere:6379,db=1"
    monkeypatch.setenv("TIDEMARK_REDIS", "elsewhere:6379,db=2")
    assert redis_address(home) == "elsewhere:6379,db=2"
    assert redis_address(home, where) == "elsewhere:6379,db=1"
    assert not home.exists()


def test_the_servers_path_may_hold_spaces_and_quotes(tmp_path):
    home = tmp_path / """a "b" 'c' d\\e #f"""
    with running(home) as where, client_of(where) as client:
        client.set("a", 1)
    assert list((home / "redis").glob("appendonly*"))


def test_many_threads_of_one_process_may_use_it(home):
    told = []

    def some() -> None:
        with running(home) as where, client_of(where) as client:
            time.sleep(0.01)
            told.append(client.incr("n"))

    threads = [threading.Thread(target=some) for _ in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert sorted(told) == list(range(1, 9))
    assert not is_running(home)
