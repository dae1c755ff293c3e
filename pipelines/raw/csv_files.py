"""CSV as the world sends it: read as text, cell by cell, with what is no row set aside."""

from __future__ import annotations

import csv
import glob
import gzip
import re
import shutil
import zlib
from collections.abc import Mapping, Sequence
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import TextIO

import duckdb

from pipelines.parquet import quoted
from pipelines.raw.checks import name
from pipelines.raw.column_names import described
from pipelines.raw.scan import (
    ORIGIN,
    ROW,
    BadSourceError,
    Rejected,
    Scan,
    Work,
    columns_of,
    first_line,
    require_distinct,
)

_DELIMITERS = ",;\t|"
# The encodings that DuckDB reads itself, by the names that Python's codecs go by.
_NATIVE = {"utf-8": "utf-8", "iso8859-1": "latin-1"}
_LONGEST_HEADER = 100_000
_UNREADABLE = (LookupError, OSError, EOFError, UnicodeError, zlib.error)


def scan_csv(
    work: Work,
    item: str,
    relation: str,
    fingerprints: Mapping[Path, tuple[int, ...]],
    encoding: str,
) -> Scan:
    """Every cell as text: what it means is for the contract to say, and a guess would hide what is wrong."""
    rejected: list[Rejected] = []
    header: Sequence[str] = ()
    # In the order of the files, so that a row that has nothing else to go by can be told by its number.
    work.connection.execute("SET preserve_insertion_order = true")
    lines, before = f"{relation}_lines", dict[Path, int]()
    for number, file in enumerate(fingerprints):
        delimiter, columns = _header(item, file, encoding)
        if header and set(columns) != set(header):
            first = next(iter(fingerprints))
            odd = sorted(set(columns) ^ set(header))
            msg = f"{item}: the headers of {file} and {first} differ in {described(odd)}."
            raise BadSourceError(msg)
        header = header or columns
        selected = f"SELECT {', '.join(map(name, header))}, {quoted(str(file))} AS {ORIGIN} FROM "
        into = f"CREATE OR REPLACE TABLE {lines} AS" if number == 0 else f"INSERT INTO {lines}"
        before[file] = _count(work.connection, lines) if number else 0
        native = _NATIVE.get(encoding)
        readable = file if native else _rewritten(work, item, file, encoding)
        try:
            try:
                work.connection.execute(f"{into} {selected} {_read_csv(readable, columns, delimiter, native)}")
            except duckdb.InvalidInputException as problem:
                if "invalid state" not in str(problem) or not native:
                    raise
                # Line ends of several kinds in one file: DuckDB cannot read it at all.
                readable = _rewritten(work, item, file, encoding)
                work.connection.execute(f"{into} {selected} {_read_csv(readable, columns, delimiter, None)}")
        except duckdb.Error as problem:
            msg = f"{item}: {file} cannot be read as CSV ({first_line(problem)})."
            raise BadSourceError(msg) from problem
        rejected += _rejected(work.connection, file)
    work.connection.execute("SET preserve_insertion_order = false")
    first_rows = " ".join(f"WHEN {quoted(str(file))} THEN {rows}" for file, rows in before.items())
    work.connection.execute(
        f"CREATE OR REPLACE VIEW {relation} AS "
        f"SELECT *, rowid + 1 - CASE {ORIGIN} {first_rows} END AS {ROW} FROM {lines}"
    )
    return Scan(relation, columns_of(work.connection, relation), tuple(rejected), fingerprints, typed=False)


def _count(connection: duckdb.DuckDBPyConnection, relation: str) -> int:
    return int(connection.execute(f"SELECT count(*) FROM {relation}").fetchall()[0][0])


def _read_csv(file: Path, columns: Sequence[str], delimiter: str, encoding: str | None) -> str:
    typed = ", ".join(f"{quoted(column)}: 'VARCHAR'" for column in columns)
    compression = "gzip" if file.suffix.lower() == ".gz" else "none"
    return (
        f"read_csv({quoted(glob.escape(str(file)))}, columns = {{{typed}}}, header = true, auto_detect = false, "
        f"delim = {quoted(delimiter)}, quote = '\"', escape = '\"', encoding = {quoted(encoding or 'utf-8')}, "
        f"compression = '{compression}', strict_mode = true, store_rejects = true, rejects_limit = 0, "
        "hive_partitioning = false)"
    )


def _rewritten(work: Work, item: str, file: Path, encoding: str) -> Path:
    """A copy in UTF-8 with line ends of one kind, for as long as the work lasts."""
    copy = Path(work.until_done.enter_context(TemporaryDirectory(dir=work.spill)), "copy.csv")
    # Stray bytes in what should be UTF-8 go through, and cost their own lines only.
    errors = "surrogateescape" if encoding == "utf-8" else "strict"
    try:
        with _opened(file, encoding, errors) as text, copy.open("w", encoding="utf-8", errors=errors) as rewritten:
            shutil.copyfileobj(text, rewritten)
    except _UNREADABLE as problem:
        raise BadSourceError(f"{item}: {file} cannot be read as {encoding} ({problem}).") from problem
    return copy


def _opened(file: Path, encoding: str, errors: str) -> TextIO:
    codec = "utf-8-sig" if encoding == "utf-8" else encoding
    if file.suffix.lower() == ".gz":
        return gzip.open(file, "rt", encoding=codec, errors=errors)
    return file.open(encoding=codec, errors=errors)


def _header(item: str, file: Path, encoding: str) -> tuple[str, list[str]]:
    try:
        # Whatever is no text is let through to be found below: only the header matters here, not what follows it.
        with _opened(file, encoding, errors="surrogateescape") as text:
            line = text.readline(_LONGEST_HEADER)
    except _UNREADABLE as problem:
        raise BadSourceError(f"{item}: {file} cannot be read as {encoding} ({problem}).") from problem
    if not line.isprintable() and re.search("[\udc80-\udcff]", line):
        msg = (
            f"{item}: the header of {file} is not {encoding}. Save it as UTF-8, or name its encoding in a mapping file."
        )
        raise BadSourceError(msg)
    delimiter = max(_DELIMITERS, key=line.count)
    endless = len(line) >= _LONGEST_HEADER
    columns = [] if endless else [column.strip() for column in next(csv.reader([line], delimiter=delimiter), [])]
    blank = [str(place) for place, column in enumerate(columns, start=1) if not column]
    if "\0" in line or not columns or blank:
        fault = f"columns without a name: {', '.join(blank)}"
        if "\0" in line or not columns:
            fault = "no line of column names at its top; is it UTF-16, or not CSV at all?"
        msg = f"{item}: {file} has a bad header: {fault}."
        raise BadSourceError(msg)
    require_distinct(item, file, columns)
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
