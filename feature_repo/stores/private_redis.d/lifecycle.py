"""The private Redis of a home: started when someone needs it, again if it ends, stopped when the last one leaves.

    <home>/redis/address.json     port and password, for its owner's eyes only; they outlive the server, not a copy
    <home>/redis/alive            locked by the server itself for as long as it lives
    <home>/redis/users            locked, shared, by each who uses the server
    <home>/redis/starting         locked while someone starts or stops it

The locks are the kernel's (flock): they end with the process that holds them, by kill -9 too. No number in a file is
therefore taken for a living server, and no process is ever killed: a server is asked to stop, over a connection that
knows its password. A platform that was killed leaves its server behind, and the next one of the same home goes on
with it.

The password is also how a server and those who connect recognise each other as of one home: every connection has to
present it. The file therefore names the folder that it was written for, by device and inode, and a copy of it counts
for nothing: the copied home draws a port and a password of its own. A home that was renamed keeps both.
"""

from __future__ import annotations

import fcntl
import json
import os
import secrets
import socket
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import asdict, dataclass
from pathlib import Path
from tempfile import NamedTemporaryFile

from feature_repo.home import home as home_folder
from feature_repo.stores import redis_server
from feature_repo.stores.redis_server import PrivateRedisError
from feature_repo.stores.redis_watch import Watch

# Below the ports that the kernel lends to outgoing connections: the port is kept while no server listens there.
_PORTS = range(20_000, 30_000)


@dataclass(frozen=True)
class Place:
    """Where the server of a home listens, and the word it lets one in by."""

    port: int
    password: str

    def __str__(self) -> str:
        """As Feast writes it."""
        return f"127.0.0.1:{self.port},password={self.password}"


def redis_address() -> str:
    """`TIDEMARK_REDIS` as Feast writes it (host:port,option=value,...), else where the private server is or will be."""
    return os.environ.get("TIDEMARK_REDIS") or address(home_folder())


def address(home: Path) -> str:
    """Where the private server of a home listens while it runs; chosen at the first question."""
    folder = _folder(home)
    if place := _place_of(folder):
        return str(place)
    with _alone(folder):
        return str(_place(folder))


def is_running(home: Path) -> bool:
    """Whether the private server of a home lives; looking changes nothing."""
    return redis_server.is_alive(home.absolute() / "redis")


@contextmanager
def running(home: Path) -> Iterator[str]:
    """The address of a Redis: the one that TIDEMARK_REDIS names, else the private one, started if need be.

    Whoever comes first starts it, and whoever leaves last stops it; others may come and go meanwhile. If it ends while
    it is used, one of those who use it starts it again.
    """
    if named := os.environ.get("TIDEMARK_REDIS"):
        yield named
        return
    folder = _folder(home)
    with (folder / "users").open("a") as user:
        with _alone(folder):
            place = _started(folder)
            fcntl.flock(user, fcntl.LOCK_SH)
        try:
            with Watch(folder, lambda: _restarted(folder)):
                yield str(place)
        finally:
            with _alone(folder):
                fcntl.flock(user, fcntl.LOCK_UN)
                try:
                    fcntl.flock(user, fcntl.LOCK_EX | fcntl.LOCK_NB)
                except BlockingIOError:
                    pass  # someone else still uses it
                else:
                    redis_server.stop(folder, str(place))


def _folder(home: Path) -> Path:
    folder = home.absolute() / "redis"
    folder.mkdir(parents=True, exist_ok=True, mode=0o700)
    return folder


@contextmanager
def _alone(folder: Path) -> Iterator[None]:
    """Wait until nobody else starts or stops the server of this home."""
    with (folder / "starting").open("a") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        yield


def _restarted(folder: Path) -> Place:
    """The place at which the server answers, after one of those who saw it end has started it."""
    with _alone(folder):
        return _started(folder)


def _started(folder: Path) -> Place:
    """The place at which the server answers, after starting it if need be."""
    place = _place(folder)
    if redis_server.is_alive(folder):
        try:
            redis_server.wait_until_it_answers(folder, str(place))
        except PrivateRedisError:
            # What still held the lock may have been a child of a killed server.
            if redis_server.is_alive(folder):
                raise
        else:
            return place
    for _ in range(3):
        if not _is_taken(place.port) and redis_server.start(folder, place.port, place.password, str(place)):
            return place
        place = _place(folder, anew=True)
    raise PrivateRedisError("the private Redis found one port after the other taken. Try again.")


def _place(folder: Path, *, anew: bool = False) -> Place:
    """The place of this home's server: the one it had, or another."""
    if not anew and (known := _place_of(folder)):
        return known
    # A letter first, or Feast would read a password of digits as a number. With another port goes another password,
    # since whoever listens on the old port has been told the old one.
    place = Place(_free_port(), f"p{secrets.token_hex(24)}")
    with NamedTemporaryFile("w", dir=folder, prefix=".writing-", delete=False) as written:
        json.dump({**asdict(place), "folder": _identity(folder)}, written)
    Path(written.name).replace(folder / "address.json")
    return place


def _place_of(folder: Path) -> Place | None:
    """The place in the folder's file, unless there is none or it came with a copy of another folder."""
    try:
        stored = json.loads((folder / "address.json").read_text(encoding="utf-8"))
    except FileNotFoundError:
        return None
    written_for = stored.get("folder")
    # Files of earlier releases name no folder. That a server lives here shows whose such a file is.
    is_ours = written_for == _identity(folder) if written_for else redis_server.is_alive(folder)
    return Place(stored["port"], stored["password"]) if is_ours else None


def _identity(folder: Path) -> list[int]:
    """What a folder keeps when it is renamed and a copy of it does not have."""
    state = folder.stat()
    return [state.st_dev, state.st_ino]


def _free_port() -> int:
    for _ in range(100):
        port = secrets.choice(_PORTS)
        if not _is_taken(port):
            return port
    raise PrivateRedisError(f"no free port found between {_PORTS.start} and {_PORTS.stop} on 127.0.0.1.")


def _is_taken(port: int) -> bool:
    with socket.socket() as probe:
        # As Redis binds: what lingers of closed connections does not count.
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind(("127.0.0.1", port))
        except OSError:
            return True
    return False
