"""Raw data from a folder of Parquet or CSV files, read where they lie."""

from __future__ import annotations

import glob
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import duckdb
import pyarrow as pa
import pyarrow.parquet as pq

from pipelines.parquet import quoted
from pipelines.raw.csv_files import scan_csv
from pipelines.raw.scan import ORIGIN, ROW, BadSourceError, Known, Scan, Work, columns_of, fingerprint, require_distinct

# What DuckDB calls the number of a row in its file, counted from 0.
_NUMBER = "file_row_number"
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
        return any(self._places(item).values())

    def items(self) -> list[str]:
        """What a mapping could name."""
        return sorted(str(file.relative_to(self.path)) for file in _readable(self.path))

    def days(self, item: str, known: str) -> None:  # noqa: ARG002
        """Not to be had without reading the files."""
        return

    def scan(self, work: Work, item: str, relation: str, known: Known | None, exact: frozenset[str]) -> Scan:  # noqa: ARG002
        """Open a table's files; which days of them are read is left to their own statistics."""
        return _scan(work, item, relation, self.files(item), self.encoding)

    def files(self, item: str) -> list[Path]:
        """The files of a table, none of which lies elsewhere."""
        places = {place: files for place, files in self._places(item).items() if files}
        if len(places) > 1:
            msg = f"{item}: found {' and '.join(map(str, places))}, and cannot tell which is meant. Leave one of them."
            raise BadSourceError(msg)
        files = [file for found in places.values() for file in found]
        inside = self.path.resolve()
        for file in files:
            if not (target := file.resolve()).is_relative_to(inside):
                msg = (
                    f"{item}: {file} is a link to {target}, outside of {self.path}. Put the file there itself, or load "
                    "from the folder that it lies in; several may be named."
                )
                raise BadSourceError(msg)
        return files

    def _places(self, item: str) -> dict[Path, list[Path]]:
        """Where an item may lie, and the files there."""
        place = self.path / item
        if Path(item).is_absolute() or ".." in place.parts[len(self.path.parts) :] or place == self.path:
            raise BadSourceError(f"{item}: expected the path of a file inside of {self.path}.")
        if place.is_file():
            return {place: [place]}
        if glob.has_magic(item):
            # A set, since a pattern with several ** tells some files more than once.
            found = {self.path / file for file in glob.glob(item, root_dir=self.path, recursive=True)}  # noqa: PTH207
            return {place: sorted(file for file in found if file.is_file())}
        names = {item.lower(), *(f"{item}{suffix}".lower() for suffix in _SUFFIXES)}
        around = sorted(place.parent.iterdir()) if place.parent.is_dir() else []
        return {
            one: [one] if one.is_file() else sorted(_readable(one))
            for one in around
            if str(one.relative_to(self.path)).lower() in names
        }


@dataclass(frozen=True)
class Folders:
    """Several folders, as of several exports: the files of one name in all of them make one table together."""

    folders: tuple[Folder, ...]

    def __str__(self) -> str:
        """The folders' paths."""
        return ", ".join(map(str, self.folders))

    def has(self, item: str) -> bool:
        """Whether there are files for it in any folder."""
        return any(folder.has(item) for folder in self.folders)

    def items(self) -> list[str]:
        """What a mapping could name."""
        return sorted({item for folder in self.folders for item in folder.items()})

    def days(self, item: str, known: str) -> None:  # noqa: ARG002
        """Not to be had without reading the files."""
        return

    def scan(self, work: Work, item: str, relation: str, known: Known | None, exact: frozenset[str]) -> Scan:  # noqa: ARG002
        """Open a table's files in all folders."""
        files = [file for folder in self.folders for file in folder.files(item)]
        return _scan(work, item, relation, files, self.folders[0].encoding)


def _scan(work: Work, item: str, relation: str, files: Sequence[Path], encoding: str) -> Scan:
    fingerprints = {file: fingerprint(file) for file in files}
    for file, (size, *_) in fingerprints.items():
        if size == 0:
            msg = f"{item}: {file} is empty (0 bytes); a table without rows still needs its header or schema."
            raise BadSourceError(msg)
    kinds = {"parquet" if file.suffix.lower() == ".parquet" else "csv": file for file in files}
    if len(kinds) > 1:
        shown = " and ".join(map(str, kinds.values()))
        msg = f"{item}: found both Parquet and CSV files, such as {shown}; leave one kind of them there."
        raise BadSourceError(msg)
    if kinds.keys() == {"parquet"}:
        return _scan_parquet(work.connection, item, relation, fingerprints)
    return scan_csv(work, item, relation, fingerprints, encoding)


def _readable(folder: Path) -> Iterable[Path]:
    """The files that can be read, without those that Spark and the like hide."""
    return (
        file
        for file in folder.rglob("*")
        if file.name.lower().endswith(_SUFFIXES) and not file.name.startswith((".", "_")) and file.is_file()
    )


def _scan_parquet(
    connection: duckdb.DuckDBPyConnection, item: str, relation: str, fingerprints: Mapping[Path, tuple[int, ...]]
) -> Scan:
    schemas: dict[Path, pa.Schema] = {}
    for file in fingerprints:
        try:
            schemas[file] = pq.read_schema(file)
        except (pa.ArrowException, OSError) as problem:
            msg = f"{item}: {file} is no readable Parquet file, perhaps cut off while it was written ({problem})."
            raise BadSourceError(msg) from problem
        require_distinct(item, file, schemas[file].names)
        if _NUMBER in map(str.lower, schemas[file].names):
            raise BadSourceError(f"{item}: {file} has a column {_NUMBER!r}, a name that is taken here. Rename it.")
    types: dict[str, tuple[pa.DataType, Path]] = {}
    for file, schema in schemas.items():
        for field in schema:
            kind, first = types.get(field.name, (field.type, file))
            # A column without a value has no type of its own yet.
            if not pa.types.is_null(kind) and field.type not in (kind, pa.null()):
                msg = (
                    f"{item}: column {field.name!r} is {field.type} in {file} but {kind} in {first}. "
                    "Write all files with one schema."
                )
                raise BadSourceError(msg)
            types[field.name] = (field.type, file) if pa.types.is_null(kind) else (kind, first)
    for file, schema in schemas.items():
        for column, (_, first) in types.items():
            if column not in schema.names:
                raise BadSourceError(f"{item}: {file} lacks the column {column!r} that {first} has.")
    listed = ", ".join(quoted(glob.escape(str(file))) for file in fingerprints)
    connection.execute(
        f"CREATE OR REPLACE VIEW {relation} AS "
        f"SELECT * EXCLUDE ({_NUMBER}), {_NUMBER} + 1 AS {ROW} FROM read_parquet([{listed}], filename = '{ORIGIN}', "
        f"{_NUMBER} = true, hive_partitioning = false, union_by_name = true)"
    )
    return Scan(relation, columns_of(connection, relation), (), fingerprints)
