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
from pathlib import Path

from feature_repo.stores import private_redis
from pipelines.instance import prepare

CHECKOUT = Path(__file__).parents[1]
_SECONDS_TO_START = 120


class UserInterfaceError(RuntimeError):
    """The UI did not come up."""


def command(port: int) -> list[str]:
    """What starts the UI, on this machine only."""
    dagster = str(Path(sys.executable).with_name("dagster"))
    return [dagster, "dev", "--workspace", "workspace.yaml", "--host", "127.0.0.1", "--port", str(port)]


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


@contextmanager
def running(home: Path, port: int) -> Iterator[str]:
    """The UI's address, once it answers; it is stopped at the end, and what it wrote stays in the home folder."""
    with private_redis.running(home), _answering(home, port) as address:
        yield address


def foreground(home: Path, port: int) -> int:
    """The UI in this terminal until it is interrupted or told to end; gives its exit code."""
    prepare(home)
    with private_redis.running(home):
        with heeding_interrupts():
            process = subprocess.Popen(  # noqa: S603  our own words
                command(port),
                cwd=CHECKOUT,
                start_new_session=True,  # an interrupt of the terminal reaches it through us, once
            )
        for number in (signal.SIGINT, signal.SIGTERM):
            signal.signal(number, lambda *_: process.send_signal(signal.SIGINT))
        return process.wait()


@contextmanager
def _answering(home: Path, port: int) -> Iterator[str]:
    prepare(home)
    with socket.socket() as probe:
        if probe.connect_ex(("127.0.0.1", port)) == 0:
            raise UserInterfaceError(f"port {port} is taken. Stop what listens there, or name another: --port.")
    log = home / "dagster" / "dev.log"
    log.parent.mkdir(parents=True, exist_ok=True)
    with log.open("w") as written, heeding_interrupts():
        process = subprocess.Popen(  # noqa: S603  our own words
            command(port), cwd=CHECKOUT, stdout=written, stderr=subprocess.STDOUT, start_new_session=True
        )
    try:
        deadline = time.monotonic() + _SECONDS_TO_START
        while not _answers(port):
            if process.poll() is not None or time.monotonic() > deadline:
                raise UserInterfaceError(f"the Dagster UI did not come up; {log} tells why.")
            time.sleep(0.5)
        yield f"http://127.0.0.1:{port}"
    finally:
        process.send_signal(signal.SIGINT)
        try:
            process.wait(30)
        except subprocess.TimeoutExpired:
            os.killpg(process.pid, signal.SIGKILL)
            process.wait()


def _answers(port: int) -> bool:
    try:
        with urllib.request.urlopen(f"http://127.0.0.1:{port}/server_info", timeout=5):
            return True
    except OSError:
        return False
