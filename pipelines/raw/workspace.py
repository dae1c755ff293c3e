"""The DuckDB that a load works in, and what its failures mean to whoever loads."""

from __future__ import annotations

from pathlib import Path

import duckdb

from pipelines.parquet import quoted
from pipelines.raw.scan import BadSourceError, first_line


def connect(spill: Path, memory: str, threads: int) -> duckdb.DuckDBPyConnection:
    """A database in memory that spills what does not fit there into a folder."""
    connection = duckdb.connect()
    connection.execute("SET TimeZone = 'UTC'")
    connection.execute(f"SET threads = {threads}")
    try:
        connection.execute(f"SET memory_limit = {quoted(memory)}")
    except duckdb.Error as problem:
        raise BadSourceError(f"memory {memory!r}: expected an amount such as 2GB.") from problem
    connection.execute(f"SET temp_directory = {quoted(str(spill))}")
    # Rows are ordered where they are written; keeping them so before that would only cost memory.
    connection.execute("SET preserve_insertion_order = false")
    connection.execute("SET enable_progress_bar = false")
    return connection


def broken_off(table: str, home: Path, problem: duckdb.Error) -> BadSourceError:
    """What a failure of the database says to whoever loads a table."""
    reason = first_line(problem)
    if isinstance(problem, duckdb.OutOfMemoryException):
        return BadSourceError(f"{table}: the memory is too small ({reason}). Give more with --memory.")
    if "No space left" in reason:
        return BadSourceError(f"{table}: the disk of {home} is full. Make room and load again.")
    return BadSourceError(f"{table}: the source broke off while it was read ({reason}).")
