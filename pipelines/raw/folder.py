"""Raw data from a folder of Parquet or CSV files, read where they lie."""

from __future__ import annotations

import csv
import gzip
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date
from pathlib import Path

import duckdb
import pyarrow as pa
import pyarrow.parquet as pq

from pipelines.raw.checks import name
from pipelines.raw.scan import ORIGIN, BadSourceError, Rejected, Scan, Work, columns_of, fingerprint
from pipelines.raw.store import quoted

_DELIMITERS = ",;\t|"
_SUFFIXES = (".parquet", ".csv", ".csv.gz", ".tsv", ".asc")


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

    def scan(self, work: Work, item: str, relation: str, known: tuple[str, date] | None) -> Scan:  # noqa: ARG002
        """Open a table's files; which days of them are read is left to their own statistics."""
        files = self._files(item)
        fingerprints = {file: fingerprint(file) for file in files}
        for file, (size, *_) in fingerprints.items():
            if size == 0:
                msg = f"{item}: {file} is empty (0 bytes); a table without rows still needs its header or schema."
                raise BadSourceError(msg)
        kinds = {"parquet" if file.suffix == ".parquet" else "csv" for file in files}
        if len(kinds) > 1:
            msg = f"{item}: found both Parquet and CSV files under {self.path}; leave one kind of them there."
            raise BadSourceError(msg)
        if kinds == {"parquet"}:
            return _scan_parquet(work.connection, item, relation, fingerprints)
        return _scan_csv(work.connection, item, relation, fingerprints, self.encoding)

    def _files(self, item: str) -> list[Path]:
        if any(item.endswith(suffix) for suffix in _SUFFIXES) or "*" in item:
            return sorted(file for file in self.path.glob(item) if file.is_file())
        direct = [file for suffix in _SUFFIXES if (file := self.path / f"{item}{suffix}").is_file()]
        return direct or sorted(
            file
            for file in (self.path / item).rglob("*")
            if file.name.endswith(_SUFFIXES) and not file.name.startswith((".", "_"))
        )


def _scan_parquet(
    connection: duckdb.DuckDBPyConnection, item: str, relation: str, fingerprints: Mapping[Path, tuple[int, ...]]
) -> Scan:
    schemas = {}
    for file in fingerprints:
        try:
            schemas[file] = pq.read_schema(file)
        except (pa.ArrowException, OSError) as problem:
            msg = f"{item}: {file} is no readable Parquet file, perhaps cut off while it was written ({problem})."
            raise BadSourceError(msg) from problem
    first_file, first = next(iter(schemas.items()))
    for file, schema in schemas.items():
        for column in first.names:
            if column not in schema.names:
                msg = f"{item}: {file} lacks the column {column!r} that {first_file} has."
                raise BadSourceError(msg)
            if schema.field(column).type != first.field(column).type:
                msg = (
                    f"{item}: column {column!r} is {schema.field(column).type} in {file} "
                    f"but {first.field(column).type} in {first_file}. Write all files with one schema."
                )
                raise BadSourceError(msg)
    listed = ", ".join(quoted(str(file)) for file in fingerprints)
    connection.execute(
        f"CREATE OR REPLACE VIEW {relation} AS "
        f"SELECT * FROM read_parquet([{listed}], filename = '{ORIGIN}', "
        "hive_partitioning = false, union_by_name = true)"
    )
    return Scan(relation, columns_of(connection, relation), (), fingerprints)


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
            raise BadSourceError(msg)
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
            raise BadSourceError(msg) from problem
        rejected += _rejected(connection, file)
    return Scan(relation, columns_of(connection, relation), tuple(rejected), fingerprints, typed=False)


def _header(item: str, file: Path, encoding: str) -> tuple[str, list[str]]:
    codec = "utf-8-sig" if encoding == "utf-8" else encoding
    try:
        # Whatever is no text is let through to be found below: only the header matters here, not what follows it.
        opened = gzip.open if file.suffix == ".gz" else open
        with opened(file, "rt", encoding=codec, errors="surrogateescape") as text:
            line = text.readline()
    except (LookupError, OSError) as problem:
        raise BadSourceError(f"{item}: {file} cannot be read as {encoding} ({problem}).") from problem
    if not line.isprintable() and re.search("[\udc80-\udcff]", line):
        msg = (
            f"{item}: the header of {file} is not {encoding}. Save it as UTF-8, or name its encoding in a mapping file."
        )
        raise BadSourceError(msg)
    delimiter = max(_DELIMITERS, key=line.count)
    columns = [column.strip() for column in next(csv.reader([line], delimiter=delimiter), [])]
    blank = [str(place) for place, column in enumerate(columns, start=1) if not column]
    twice = sorted({column for column in columns if columns.count(column) > 1})
    if "\0" in line or not columns or blank or twice:
        fault = f"columns without a name: {', '.join(blank)}" if blank else f"names used twice: {', '.join(twice)}"
        if "\0" in line or not columns:
            fault = "no line of column names at its top; is it UTF-16, or not CSV at all?"
        msg = f"{item}: {file} has a bad header: {fault}."
        raise BadSourceError(msg)
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
