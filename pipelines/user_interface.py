"""The Dagster UI as a child of the command line, and the private Redis beside it: started, waited for, stopped."""

import os
import signal
import socket
import subprocess
import sys
import time
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from feature_repo.settings import setting
from feature_repo.stores import private_redis
from pipelines.instance import prepare

CHECKOUT = Path(__file__).parents[1]
_SECONDS_TO_START = 120


class UserInterfaceError(RuntimeError):
    """The UI did not come up."""


# What Dagster's own code warns of, and its user can do nothing about: `dagster dev` (`dg dev` is another package, for
# projects of another layout), a field that it reads itself, one of Pydantic's. Child processes inherit these.
_KNOWN_WARNINGS = (
    "ignore:Function `dev_command` is superseded",
    "ignore:Property `ScheduleDefinition.environment_vars` is deprecated",
    "ignore:The `__fields__` attribute is deprecated",
)


def command(port: int) -> list[str]:
    """What starts the UI, on this machine only."""
    dagster = str(Path(sys.executable).with_name("dagster"))
    return [dagster, "dev", "--workspace", "workspace.yaml", "--host", "127.0.0.1", "--port", str(port)]


def _environment() -> dict[str, str]:
    """What the UI's processes find: this one's environment, with the known warnings filtered."""
    filters = [os.environ["PYTHONWARNINGS"]] if os.environ.get("PYTHONWARNINGS") else []
    return {**os.environ, "PYTHONWARNINGS": ",".join([*filters, *_KNOWN_WARNINGS])}


@contextmanager
def heeding_interrupts() -> Iterator[None]:
    """Dagster stops its children by SIGINT, which whatever was started in the background is born to ignore.

    What is started within is not: a process inherits that a signal is ignored, and no handler.
    """
    before = signal.signal(signal.SIGINT, signal.default_int_handler)
    try:
        yield
    finally:
        signal.signal(signal.SIGINT, before)


@dataclass(frozen=True)
class UserInterface:
    """A UI that was started, and may not answer yet."""

    address: str
    process: subprocess.Popen[bytes]
    log: Path

    def wait(self) -> None:
        """Wait until it answers."""
        deadline = time.monotonic() + _SECONDS_TO_START
        while not _answers(self.address):
            if self.process.poll() is not None or time.monotonic() > deadline:
                raise UserInterfaceError(f"the Dagster UI did not come up; {self.log} tells why.")
            time.sleep(0.5)


@contextmanager
def running(home: Path, port: int) -> Iterator[str]:
    """The UI's address, once it answers; it is stopped at the end, and what it wrote stays in the home folder."""
    with starting(home, port) as interface:
        interface.wait()
        yield interface.address


@contextmanager
def starting(home: Path, port: int) -> Iterator[UserInterface]:
    """The same without waiting, for whoever has something to do meanwhile."""
    with private_redis.running(home, setting("redis")), _started(home, port) as interface:
        yield interface


def foreground(home: Path, port: int) -> int:
    """The UI in this terminal until it is interrupted or told to end; gives its exit code."""
    prepare(home)
    with private_redis.running(home, setting("redis")):
        with heeding_interrupts():
            process = subprocess.Popen(  # noqa: S603  our own words
                command(port),
                cwd=CHECKOUT,
                env=_environment(),
                start_new_session=True,  # an interrupt of the terminal reaches it through us, once
            )
        for number in (signal.SIGINT, signal.SIGTERM):
            signal.signal(number, lambda *_: process.send_signal(signal.SIGINT))
        return process.wait()


@contextmanager
def _started(home: Path, port: int) -> Iterator[UserInterface]:
    prepare(home)
    with socket.socket() as probe:
        if probe.connect_ex(("127.0.0.1", port)) == 0:
            raise UserInterfaceError(f"port {port} is taken. Stop what listens there, or name another: --port.")
    log = home / "dagster" / "dev.log"
    log.parent.mkdir(parents=True, exist_ok=True)
    with log.open("w") as written, heeding_interrupts():
        process = subprocess.Popen(  # noqa: S603  our own words
            command(port),
            cwd=CHECKOUT,
            env=_environment(),
            stdout=written,
            stderr=subprocess.STDOUT,
            start_new_session=True,
        )
    try:
        yield UserInterface(f"http://127.0.0.1:{port}", process, log)
    finally:
        process.send_signal(signal.SIGINT)
        try:
            process.wait(30)
        except subprocess.TimeoutExpired:
            os.killpg(process.pid, signal.SIGKILL)
            process.wait()


def _answers(address: str) -> bool:
    try:
        with urllib.request.urlopen(f"{address}/server_info", timeout=5):  # noqa: S310  our own server
            return True
    except OSError:
        return False
