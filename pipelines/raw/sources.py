"""Where raw data comes from: a folder of Parquet or CSV files, or a PostgreSQL database.

A source offers scans. A scan is a DuckDB relation with the source's own columns, to be read block by block. Files are
read where they lie; CSV and PostgreSQL pass once into DuckDB, which spills to disk when memory is short.
"""

from __future__ import annotations

import csv
import re
from collections.abc import Mapping, Sequence
from contextlib import closing
from dataclasses import dataclass, field
from datetime import date
from pathlib import Path
from typing import Protocol
from urllib.parse import urlsplit, urlunsplit

import duckdb
import pyarrow.parquet as pq

from pipelines.raw.checks import name
from pipelines.raw.store import quoted

ORIGIN = "_origin"
_DELIMITERS = ",;\t|"
_SUFFIXES = (".parquet", ".csv", ".csv.gz", ".tsv", ".asc")


class BadSource(ValueError):
    """A source that cannot be read as a whole: it stops the load of its table."""


@dataclass(frozen=True)
class Rejected:
    """A piece of a file that is no row at all."""

    reason: str
    origin: str
    text: str


@dataclass(frozen=True)
class Scan:
    """A DuckDB relation with a source's columns and `_origin`, and the lines of it that were no rows."""

    relation: str
    columns: Mapping[str, str]
    rejected: tuple[Rejected, ...] = ()
    files: Mapping[Path, tuple[int, ...]] = field(default_factory=dict)

    def verify_unchanged(self) -> None:
        """Stop if a file is no longer what it was when the scan was opened."""
        for file, before in self.files.items():
            if (after := _fingerprint(file)) != before:
                msg = (
                    f"{file} changed while it was read: {before[0]} bytes before, {after[0]} now. "
                    "Load again once whatever writes it has ended."
                )
                raise BadSource(msg)


class Source(Protocol):
    """Anywhere that raw tables can be scanned from."""

    def __str__(self) -> str:
        """How messages and reports call the source; never with a password."""
        ...

    def has(self, item: str) -> bool:
        """Whether the source holds a table, or files, of that name."""
        ...

    def scan(
        self, connection: duckdb.DuckDBPyConnection, item: str, relation: str, known: tuple[str, date] | None
    ) -> Scan:
        """Open one table, or one set of files; `known` asks only for rows whose column is empty or from that day on."""
        ...


def open_source(where: str | Path, *, encoding: str = "utf-8") -> Source:
    """The source that a path or a URL names."""
    if re.match(r"postgres(ql)?://", str(where)):
        return Postgres(str(where))
    folder = Path(where)
    if not folder.is_dir():
        found = "a file" if folder.exists() else "nothing"
        msg = (
            f"{where}: expected a folder of Parquet or CSV files, or a URL postgresql://user@host/database, "
            f"but found {found} there."
        )
        raise BadSource(msg)
    return Folder(folder, encoding)


@dataclass(frozen=True)
class Folder:
    """A folder with a file, or a folder of files, for each table: deals.csv, deals.parquet, deals/**/*.parquet."""

    path: Path
    encoding: str = "utf-8"

    def __str__(self) -> str:
        """The folder's path."""
        return str(self.path)

    def has(self, item: str) -> bool:
        """Whether there are files for it."""
        return bool(self._files(item))

    def scan(
        self,
        connection: duckdb.DuckDBPyConnection,
        item: str,
        relation: str,
        known: tuple[str, date] | None,  # noqa: ARG002  files are pruned by their statistics
    ) -> Scan:
        """Open a table's files."""
        files = self._files(item)
        fingerprints = {file: _fingerprint(file) for file in files}
        for file, (size, *_) in fingerprints.items():
            if size == 0:
                msg = f"{item}: {file} is empty (0 bytes); a table without rows still needs its header or schema."
                raise BadSource(msg)
        kinds = {"parquet" if file.suffix == ".parquet" else "csv" for file in files}
        if len(kinds) > 1:
            msg = f"{item}: found both Parquet and CSV files under {self.path}; leave one kind of them there."
            raise BadSource(msg)
        if kinds == {"parquet"}:
            return _scan_parquet(connection, item, relation, fingerprints)
        return _scan_csv(connection, item, relation, fingerprints, self.encoding)

    def _files(self, item: str) -> list[Path]:
        if any(item.endswith(suffix) for suffix in _SUFFIXES) or "*" in item:
            return sorted(file for file in self.path.glob(item) if file.is_file())
        direct = [file for suffix in _SUFFIXES if (file := self.path / f"{item}{suffix}").is_file()]
        return direct or sorted(
            file
            for file in (self.path / item).rglob("*")
            if file.name.endswith(_SUFFIXES) and not file.name.startswith((".", "_"))
        )


def _fingerprint(file: Path) -> tuple[int, ...]:
    try:
        stat = file.stat()
    except FileNotFoundError:
        return (0, 0, 0)
    return (stat.st_size, stat.st_mtime_ns, stat.st_ino)


def _scan_parquet(
    connection: duckdb.DuckDBPyConnection, item: str, relation: str, fingerprints: Mapping[Path, tuple[int, ...]]
) -> Scan:
    schemas = {}
    for file in fingerprints:
        try:
            schemas[file] = pq.read_schema(file)
        except Exception as problem:
            msg = f"{item}: {file} is no readable Parquet file, perhaps cut off while it was written ({problem})."
            raise BadSource(msg) from problem
    first_file, first = next(iter(schemas.items()))
    for file, schema in schemas.items():
        for column in first.names:
            if column not in schema.names:
                msg = f"{item}: {file} lacks the column {column!r} that {first_file} has."
                raise BadSource(msg)
            if schema.field(column).type != first.field(column).type:
                msg = (
                    f"{item}: column {column!r} is {schema.field(column).type} in {file} "
                    f"but {first.field(column).type} in {first_file}. Write all files with one schema."
                )
                raise BadSource(msg)
    listed = ", ".join(quoted(str(file)) for file in fingerprints)
    connection.execute(
        f"CREATE OR REPLACE VIEW {relation} AS "
        f"SELECT * FROM read_parquet([{listed}], filename = '{ORIGIN}', hive_partitioning = false, union_by_name = true)"
    )
    return Scan(relation, _columns(connection, relation), (), fingerprints)


def _scan_csv(
    connection: duckdb.DuckDBPyConnection,
    item: str,
    relation: str,
    fingerprints: Mapping[Path, tuple[int, ...]],
    encoding: str,
) -> Scan:
    """Every cell as text: what it means is for the contract to say, and a guess would hide what is wrong."""
    rejected: list[Rejected] = []
    header: Sequence[str] = ()
    for number, file in enumerate(fingerprints):
        delimiter, columns = _header(item, file, encoding)
        if header and set(columns) != set(header):
            first = next(iter(fingerprints))
            odd = sorted(set(columns) ^ set(header))
            msg = f"{item}: the headers of {file} and {first} differ in {', '.join(odd)}."
            raise BadSource(msg)
        header = header or columns
        typed = ", ".join(f"{quoted(column)}: 'VARCHAR'" for column in columns)
        listed = ", ".join(map(name, header))
        query = (
            f"SELECT {listed}, {quoted(str(file))} AS {ORIGIN} FROM read_csv({quoted(str(file))}, "
            f"columns = {{{typed}}}, header = true, auto_detect = false, delim = {quoted(delimiter)}, "
            f"quote = '\"', escape = '\"', encoding = {quoted(encoding)}, strict_mode = true, "
            f"store_rejects = true, rejects_limit = 0)"
        )
        try:
            connection.execute(
                f"CREATE OR REPLACE TABLE {relation} AS {query}" if number == 0 else f"INSERT INTO {relation} {query}"
            )
        except duckdb.Error as problem:
            msg = f"{item}: {file} cannot be read as CSV ({str(problem).splitlines()[0]})."
            raise BadSource(msg) from problem
        rejected += _rejected(connection, file)
    return Scan(relation, _columns(connection, relation), tuple(rejected), fingerprints)


def _header(item: str, file: Path, encoding: str) -> tuple[str, list[str]]:
    if file.suffix == ".gz":
        import gzip

        opened = gzip.open(file, "rt", encoding=encoding, newline="")
    else:
        opened = file.open(encoding="utf-8-sig" if encoding == "utf-8" else encoding, newline="")
    try:
        with opened as text:
            line = text.readline()
    except UnicodeError as problem:
        msg = f"{item}: the header of {file} is not {encoding} ({problem}). Save it as UTF-8, or name its encoding."
        raise BadSource(msg) from problem
    delimiter = max(_DELIMITERS, key=line.count)
    columns = [column.strip() for column in next(csv.reader([line], delimiter=delimiter), [])]
    blank = [str(place) for place, column in enumerate(columns, start=1) if not column]
    twice = sorted({column for column in columns if columns.count(column) > 1})
    if "\0" in line or not columns or blank or twice:
        fault = f"columns without a name: {', '.join(blank)}" if blank else f"names used twice: {', '.join(twice)}"
        if "\0" in line or not columns:
            fault = "no line of column names at its top; is it UTF-16, or not CSV at all?"
        msg = f"{item}: {file} has a bad header: {fault}."
        raise BadSource(msg)
    return delimiter, columns


def _rejected(connection: duckdb.DuckDBPyConnection, file: Path) -> list[Rejected]:
    rows = connection.execute(
        "SELECT min(line), any_value(csv_line), list(DISTINCT error_type ORDER BY error_type) "
        "FROM reject_errors GROUP BY line_byte_position ORDER BY 1"
    ).fetchall()
    connection.execute("DROP TABLE reject_errors")
    connection.execute("DROP TABLE reject_scans")
    return [
        Rejected("line: " + ", ".join(kind.lower() for kind in kinds), f"{file}:{line}", text or "")
        for line, text, kinds in rows
    ]


@dataclass(frozen=True)
class Postgres:
    """A PostgreSQL database, read through Arrow from end to end."""

    url: str

    def __str__(self) -> str:
        """The URL, without its password."""
        parts = urlsplit(self.url)
        host = parts.netloc.rpartition("@")[2]
        user = parts.username or ""
        return urlunsplit(parts._replace(netloc=f"{user}@{host}" if user else host))

    def has(self, item: str) -> bool:
        """Whether the database has a table or view of that name on its search path."""
        return bool(self._types(item))

    def scan(
        self, connection: duckdb.DuckDBPyConnection, item: str, relation: str, known: tuple[str, date] | None
    ) -> Scan:
        """Copy a table's rows into DuckDB as they arrive."""
        with closing(self._connect()) as database, closing(database.cursor()) as cursor:
            cursor.execute(self.query(item, known))
            arriving = cursor.fetch_record_batch()
            connection.register("arriving", arriving)
            connection.execute(f"CREATE OR REPLACE TABLE {relation} AS SELECT *, {quoted(item)} AS {ORIGIN} FROM arriving")
            connection.unregister("arriving")
        return Scan(relation, _columns(connection, relation))

    def query(self, item: str, known: tuple[str, date] | None = None) -> str:
        """The query a scan sends. Types that Arrow has no equal for are cast by the server."""
        casts = {"numeric": "::float8", "money": "::numeric::float8"}
        plain = ("int", "float", "bool", "date", "timestamp", "text", "varchar", "bpchar")
        selected = ", ".join(
            name(column) + casts.get(kind, "" if kind.startswith(plain) else "::text") + f" AS {name(column)}"
            for column, kind in self._types(item).items()
        )
        where = ""
        if known:
            column, since = name(known[0]), known[1]
            where = f" WHERE {column} >= '{since} 00:00:00+00' OR {column} IS NULL"
        return f"SELECT {selected} FROM {_table(item)}{where}"

    def _types(self, item: str) -> dict[str, str]:
        with closing(self._connect()) as database, closing(database.cursor()) as cursor:
            cursor.execute(
                "SELECT attname::text, typname::text FROM pg_attribute JOIN pg_type ON pg_type.oid = atttypid "
                f"WHERE attrelid = to_regclass({quoted(_table(item))}) AND attnum > 0 AND NOT attisdropped ORDER BY attnum"
            )
            return dict(cursor.fetchall())

    def _connect(self):  # type: ignore[no-untyped-def]  # noqa: ANN202  the driver's connection bears no types
        import adbc_driver_postgresql.dbapi as postgres

        try:
            return postgres.connect(self.url)
        except postgres.Error as problem:
            msg = f"{self}: the database does not answer ({str(problem).strip()}). Check the URL and that it runs."
            raise BadSource(msg) from problem


def _table(item: str) -> str:
    return ".".join(map(name, item.split(".")))


def _columns(connection: duckdb.DuckDBPyConnection, relation: str) -> dict[str, str]:
    described = connection.execute(f"DESCRIBE {relation}").fetchall()
    return {column: kind for column, kind, *_ in described if column != ORIGIN}
