"""A scan: what a source has opened of one table, for DuckDB to read."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping
from contextlib import ExitStack
from dataclasses import dataclass, field, replace
from datetime import date
from pathlib import Path

import duckdb

from pipelines.raw.column_names import described

ORIGIN = "_origin"
ROW = "_row"
"""The columns that tell from which file a row is, and its number there where files are read in order."""


class BadSourceError(ValueError):
    """A source that cannot be read as a whole: it stops the load of its table."""


class SourceAwayError(BadSourceError):
    """A source that does not answer at all: no other table of it can be loaded either."""


@dataclass(frozen=True)
class Rejected:
    """A piece of a file that is no row at all."""

    reason: str
    origin: str
    text: str


@dataclass(frozen=True)
class Scan:
    """A DuckDB relation with a source's columns, `_origin` and `_row`, and the lines of it that were no rows.

    Where `typed` is false every cell is text, and what it means is yet to be found out. A scan that `arrives` can be
    read once; `kept` makes it one that can be read again. `numerals` are columns of text that are numbers all the same.
    """

    relation: str
    columns: Mapping[str, str]
    rejected: tuple[Rejected, ...] = ()
    files: Mapping[Path, tuple[int, ...]] = field(default_factory=dict)
    typed: bool = True
    arrives: bool = False
    numerals: frozenset[str] = frozenset()

    def kept(self, connection: duckdb.DuckDBPyConnection) -> Scan:
        """The same scan with its rows in DuckDB."""
        if not self.arrives:
            return self
        relation = f"{self.relation}_kept"
        connection.execute(f"CREATE OR REPLACE TABLE {relation} AS SELECT * FROM {self.relation}")
        return replace(self, relation=relation, arrives=False)

    def verify_unchanged(self) -> None:
        """Stop if a file is no longer what it was when the scan was opened."""
        for file, before in self.files.items():
            if (after := fingerprint(file)) != before:
                msg = (
                    f"{file} changed while it was read: {before[0]} bytes before, {after[0]} now. "
                    "Load again once whatever writes it has ended."
                )
                raise BadSourceError(msg)


@dataclass(frozen=True)
class Known:
    """The column that tells when a row became known, and the first day that is asked for."""

    column: str
    since: date


@dataclass(frozen=True)
class Work:
    """The DuckDB that a load works in, what is to be closed when it ends, and a folder that lasts as long."""

    connection: duckdb.DuckDBPyConnection
    until_done: ExitStack
    spill: Path


def first_line(problem: Exception) -> str:
    """What a database says is wrong, without its pointers into SQL that nobody wrote."""
    return (str(problem).strip() or type(problem).__name__).splitlines()[0].rstrip(".")


def fingerprint(file: Path) -> tuple[int, ...]:
    """What changes when a file does: its size, its time of change and its place on the disk."""
    try:
        stat = file.stat()
    except FileNotFoundError:
        return (0, 0, 0)
    return (stat.st_size, stat.st_mtime_ns, stat.st_ino)


def require_distinct(item: str, where: object, columns: Iterable[str]) -> None:
    """Stop if columns cannot be told apart, as DuckDB tells them: without regard to case."""
    lower = Counter(column.lower() for column in columns)
    twice = [column for column in columns if lower[column.lower()] > 1]
    if twice:
        msg = f"{item}: {where} has a bad header: names used twice: {described(twice)}. Case makes no difference."
        raise BadSourceError(msg)
    for taken in (ORIGIN, ROW):
        if taken in lower:
            raise BadSourceError(f"{item}: {where} has a column {taken!r}, a name that is taken here. Rename it.")


def columns_of(connection: duckdb.DuckDBPyConnection, relation: str) -> dict[str, str]:
    """The columns of a relation and their DuckDB types."""
    described = connection.execute(f"DESCRIBE {relation}").fetchall()
    return {column: kind for column, kind, *_ in described if column not in (ORIGIN, ROW)}
