"""Where the private Redis of a home listens and the password it lets one in by, kept in a file of its owner's."""

from __future__ import annotations

import json
import re
import secrets
import socket
from dataclasses import asdict, dataclass
from pathlib import Path
from tempfile import NamedTemporaryFile
from typing import Any

import redis
from redis.backoff import NoBackoff
from redis.retry import Retry

from feature_repo.stores.private_redis.locks import is_alive

# Below the ports that the kernel lends to outgoing connections: the port is kept while no server listens there.
_PORTS = range(20_000, 30_000)


class PrivateRedisError(RuntimeError):
    """The private Redis does not start, answer or stop."""


@dataclass(frozen=True)
class PrivateAddress:
    """The port of a home's server on this machine, and its password."""

    port: int
    password: str

    def __str__(self) -> str:
        """As Feast writes it."""
        return f"127.0.0.1:{self.port},password={self.password}"


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


def stored_address(folder: Path) -> PrivateAddress | None:
    """The address in the folder's file, unless there is none or it came with a copy of another folder."""
    try:
        stored = json.loads((folder / "address.json").read_text(encoding="utf-8"))
    except FileNotFoundError:
        return None
    written_for = stored.get("folder")
    # Files of earlier releases name no folder. That a server lives here shows whose such a file is.
    is_ours = written_for == _identity(folder) if written_for else is_alive(folder)
    return PrivateAddress(stored["port"], stored["password"]) if is_ours else None


def new_address(folder: Path) -> PrivateAddress:
    """Another address for the folder, which is kept there from now on."""
    # A letter first, or Feast would read a password of digits as a number. With another port goes another password,
    # since whoever listens on the old port knows the old one.
    address = PrivateAddress(_free_port(), f"p{secrets.token_hex(24)}")
    with NamedTemporaryFile("w", dir=folder, prefix=".writing-", delete=False) as file:
        json.dump({**asdict(address), "folder": _identity(folder)}, file)
    Path(file.name).replace(folder / "address.json")
    return address


def is_taken(port: int) -> bool:
    """Whether a server of this machine listens on the port."""
    with socket.socket() as probe:
        # As Redis binds: what lingers of closed connections does not count.
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind(("127.0.0.1", port))
        except OSError:
            return True
    return False


def _identity(folder: Path) -> list[int]:
    """What a folder keeps when it is renamed and a copy of it does not have."""
    state = folder.stat()
    return [state.st_dev, state.st_ino]


def _free_port() -> int:
    for _ in range(100):
        port = secrets.choice(_PORTS)
        if not is_taken(port):
            return port
    raise PrivateRedisError(f"no free port found between {_PORTS.start} and {_PORTS.stop} on 127.0.0.1.")


def _value(text: str) -> Any:
    try:
        return json.loads(text)
    except json.JSONDecodeError:
        return text
