"""Commands for shell scripts whose processes need not import the large libraries again.

A server imports them once; each command of a script is a small client that has a process forked from it, with the
client's own streams, folder, environment and signals, and ends as that process ends. Forked processes import the
project themselves, from where PYTHONPATH says. Server and client are this file.
"""

from __future__ import annotations

import importlib
import json
import os
import signal
import socket
import subprocess
import sys
import traceback
import warnings
from collections.abc import Iterator, Mapping
from contextlib import contextmanager, suppress
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

PROGRAMS = {
    "tidemark": "from tidemark import main; main()",
    "feast": "import sys; sys.argv[0] = 'feast'; from feast.cli.cli import cli; cli()",
}
ALSO = ("fastapi", "uvicorn", "sklearn.linear_model", "xgboost", "lightgbm", "onnxruntime")
OURS = frozenset({"expectations", "feature_repo", "pipelines", "serving", "tidemark", "training"})


@contextmanager
def command_folder() -> Iterator[Path]:
    """A folder with the commands, for a PATH."""
    with TemporaryDirectory(prefix="commands-") as scratch:
        folder, address = Path(scratch, "bin"), Path(scratch, "socket")
        folder.mkdir()
        for name in PROGRAMS:
            file = folder / name
            file.write_text(f'#!/bin/sh\nexec {sys.executable} -IS {__file__} {address} {name} "$@"\n')
            file.chmod(0o755)
        server = subprocess.Popen(
            [sys.executable, "-W", "ignore", __file__, str(address)], stdin=subprocess.DEVNULL, stdout=subprocess.PIPE
        )
        try:
            assert server.stdout
            assert server.stdout.readline() == b"ready\n"
            yield folder
        finally:
            server.kill()
            server.communicate()


def _client(address: str, name: str, words: list[str]) -> int:
    """Have a process forked for a command, pass signals on to it, and give its exit code."""
    request = {"name": name, "words": words, "environment": dict(os.environ), "folder": str(Path.cwd())}
    with socket.socket(socket.AF_UNIX) as connection:
        connection.connect(address)
        socket.send_fds(connection, [b"\n"], [0, 1, 2])
        connection.sendall(json.dumps(request).encode() + b"\n")
        with connection.makefile("r") as answers:
            process = int(answers.readline())
            for number in (signal.SIGTERM, signal.SIGINT, signal.SIGHUP):
                signal.signal(number, lambda got, _: os.kill(process, got))
            return int(answers.readline())


def _serve(address: str) -> Mapping[str, Any] | None:
    """Fork a process for each request; in such a process, and nowhere else, this returns what was requested."""
    from warm_process import LIBRARIES

    for library in (*LIBRARIES, *ALSO):
        importlib.import_module(library)
    signal.signal(signal.SIGCHLD, signal.SIG_IGN)  # nobody waits for the keepers
    with socket.socket(socket.AF_UNIX) as listening:
        listening.bind(address)
        listening.listen()
        print("ready", flush=True)
        while True:
            connection = listening.accept()[0]
            if os.fork() == 0:
                listening.close()
                return _kept(connection)
            connection.close()


def _kept(connection: socket.socket) -> Mapping[str, Any]:
    """Fork once more: the parent waits for the program and tells the client how it ended, the child is the program."""
    signal.signal(signal.SIGCHLD, signal.SIG_DFL)
    _, streams, _, _ = socket.recv_fds(connection, 1, 3)
    with connection.makefile("r") as lines:
        request = json.loads(lines.readline())
    process = os.fork()
    if process:
        with suppress(BrokenPipeError):  # the client was killed
            connection.sendall(f"{process}\n".encode())
        code = os.waitstatus_to_exitcode(os.waitpid(process, 0)[1])
        with suppress(BrokenPipeError):
            connection.sendall(f"{code if code >= 0 else 128 - code}\n".encode())
        os._exit(0)
    connection.close()
    for number, stream in enumerate(streams):
        os.dup2(stream, number)
        os.close(stream)
    return request


def _run(name: str, words: list[str], environment: dict[str, str], folder: str) -> int:
    """The program, as if Python had been started for it: its exit code."""
    os.environ.clear()
    os.environ.update(environment)
    os.chdir(folder)
    sys.path[0:1] = ["", *filter(None, environment.get("PYTHONPATH", "").split(":"))]
    for module in [module for module in sys.modules if module.partition(".")[0] in OURS]:
        del sys.modules[module]
    warnings.resetwarnings()
    warnings.simplefilter("ignore")
    sys.argv = [name, *words]
    try:
        exec(compile(PROGRAMS[name], "<command>", "exec"), {"__name__": "__main__"})  # noqa: S102  our own
    except SystemExit as end:
        return end.code if isinstance(end.code, int) else int(end.code is not None)
    except BaseException:
        traceback.print_exc()
        return 1
    return 0


if __name__ == "__main__":
    if sys.argv[2:]:
        sys.exit(_client(sys.argv[1], sys.argv[2], sys.argv[3:]))
    if request := _serve(sys.argv[1]):
        code = _run(**request)
        sys.stdout.flush()
        sys.stderr.flush()
        os._exit(code)  # what the libraries do when Python ends may wait for threads that no fork has
