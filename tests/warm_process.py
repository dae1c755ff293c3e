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
from collections.abc import Mapping, Sequence
from functools import cache
from multiprocessing.context import ForkServerContext
from pathlib import Path
from subprocess import CompletedProcess
from tempfile import TemporaryDirectory

LIBRARIES = [
    "prometheus_client",  # before Feast, which would have each count written to a file
    "pandas", "pyarrow.dataset", "pyarrow.parquet", "duckdb", "ibis", "sqlglot", "feast", "dagster", "typer", "rich",
    "expectations.gx",  # how the project imports Great Expectations
]  # fmt: skip


def run(code: str, words: Sequence[str], environment: Mapping[str, str], seconds: float = 300) -> CompletedProcess[str]:
    """Run a program with command-line arguments, without warnings, and wait for it."""
    with TemporaryDirectory() as folder:
        out, err = Path(folder, "out"), Path(folder, "err")
        process = _server().Process(target=_main, args=(code, list(words), dict(environment), str(out), str(err)))
        process.start()
        process.join(seconds)
        if process.exitcode is None:
            process.kill()
            process.join()
            raise TimeoutError(f"{' '.join(words)} took more than {seconds} s; it said:\n{err.read_text()[-5000:]}")
        return CompletedProcess(["tidemark", *words], process.exitcode, out.read_text(), err.read_text())


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
