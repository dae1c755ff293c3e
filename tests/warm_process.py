"""Programs in processes of their own that need not import the large libraries again.

Python's fork server imports them once a test worker; each program is forked from it, knows nothing of the tests, and
imports the project itself, under the settings that it is given. What a program does, and how it ends, is as if started
by hand.
"""

from __future__ import annotations

import multiprocessing
import os
import sys
import warnings
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from functools import cache
from multiprocessing.context import ForkServerContext, ForkServerProcess
from pathlib import Path
from subprocess import CompletedProcess
from tempfile import TemporaryDirectory

LIBRARIES = [
    "prometheus_client",  # before Feast, which would have each count written to a file
    "pandas", "pyarrow.dataset", "pyarrow.parquet", "duckdb", "ibis", "sqlglot", "feast", "dagster", "typer", "rich",
    "expectations.gx",  # how the project imports Great Expectations
]  # fmt: skip


STREAMS = ("out", "err")
FEAST = "import sys; from feast.cli.cli import cli; sys.argv[0] = 'feast'; cli()"


def run(
    code: str, words: Sequence[str], environment: Mapping[str, str] | None = None, seconds: float = 300
) -> CompletedProcess[str]:
    """Run a program with command-line arguments, without warnings, and wait for it. Ours is the default environment."""
    with TemporaryDirectory() as folder, started(code, words, environment, Path(folder)) as process:
        process.join(seconds)
        out, err = (Path(folder, name).read_text() for name in STREAMS)
        if process.exitcode is None:
            raise TimeoutError(f"{' '.join(words)} took more than {seconds} s; it said:\n{err[-5000:]}")
        return CompletedProcess([code, *words], process.exitcode, out, err)


@contextmanager
def started(
    code: str, words: Sequence[str], environment: Mapping[str, str] | None = None, folder: Path | None = None
) -> Iterator[ForkServerProcess]:
    """The same without waiting: the process, killed at the end if it still runs. What it says goes into the folder."""
    files = [str(folder / name) if folder else os.devnull for name in STREAMS]
    settings = dict(os.environ if environment is None else environment)
    process = _server().Process(target=_main, args=(code, list(words), settings, *files))
    process.start()
    try:
        yield process
    finally:
        if process.exitcode is None:
            process.kill()
        process.join()


@cache
def _server() -> ForkServerContext:
    context = multiprocessing.get_context("forkserver")
    context.set_forkserver_preload(LIBRARIES)
    return context


def _main(code: str, words: list[str], environment: dict[str, str], out: str, err: str) -> None:
    os.environ.clear()
    os.environ.update(environment)
    for stream, file in ((1, out), (2, err)):
        os.dup2(os.open(file, os.O_WRONLY | os.O_CREAT | os.O_TRUNC), stream)
    warnings.simplefilter("ignore")
    sys.argv = ["tidemark", *words]
    exec(compile(code, "<program>", "exec"), {"__name__": "__main__"})  # noqa: S102  the test's own
