"""The Parquet files behind a FileSource: found, known by their footers, and read no further than asked.

A source is one file, a folder of files, a Hive-partitioned folder (`day=2024-01-05/part.parquet`) or a pattern with
`*`, `?`, `[...]` and `**`; local, or on S3 and whatever else Arrow has a file system for. Its rows are numbered
through all files, in the order of the paths. Names that begin with `.` or `_` are hidden, as everywhere.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from itertools import groupby
from pathlib import Path

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.dataset as ds
import pyarrow.fs as pafs
from feast.data_format import ParquetFormat
from feast.data_source import DataSource
from feast.infra.offline_stores.file_source import FileSource

from feature_repo.stores.asof.file_names import FileListing, files_under
from feature_repo.stores.asof.footers import FOOTERS, Footer
from feature_repo.stores.asof.instants import Instants, Unit
from feature_repo.stores.asof.row_group_times import bounds
from feature_repo.stores.asof.row_groups import RowGroup

# Arrow's own allocator asks for huge pages, and on virtual machines waited longer for them than the join takes: with
# the system's, a million rows cost 0.9 s of system time instead of 2.7, and the same memory.
POOL = pa.system_memory_pool()


@dataclass(frozen=True)
class ParquetSource:
    """The files of a source, with their footers."""

    path: str
    files: tuple[FileListing, ...]
    fragments: tuple[ds.ParquetFileFragment, ...]
    footers: tuple[Footer, ...]
    # The different schemas of the files, as a rule one, and which of them each file has.
    schemas: tuple[pa.Schema, ...]
    schema_of: tuple[int, ...]
    groups: tuple[RowGroup, ...]
    _bounds: dict[tuple[str, Unit], tuple[Instants, Instants]] = field(default_factory=dict)

    def type_of(self, column: str) -> pa.DataType:
        """The type that holds the column of all files; a column that no file has is an error."""
        types: list[pa.DataType] = []
        for schema in self.schemas:
            at = schema.get_field_index(column)
            if at >= 0 and (kind := schema.types[at]) not in types:
                types.append(kind)
        if not types:
            if any(column in file.partition for file in self.files):
                return _partition_type([file.partition.get(column) for file in self.files])
            raise ValueError(f"{self.path}: expected a column {column!r}, found {', '.join(self.columns)}")
        if len(types) == 1:
            return _plain(types[0])
        try:
            schemas = [pa.schema([(column, _plain(kind))]) for kind in types]
            return pa.unify_schemas(schemas, promote_options="permissive").types[0]
        except (pa.ArrowInvalid, pa.ArrowTypeError):
            kinds = ", ".join(map(str, types))
            raise TypeError(f"{self.path}: column {column!r} is of {kinds}: one type must hold all") from None

    @property
    def columns(self) -> list[str]:
        """All columns, those of the folders' names last."""
        names = dict.fromkeys(name for schema in self.schemas for name in schema.names)
        return list(names | dict.fromkeys(name for file in self.files for name in file.partition))

    def between(self, column: str, low: int | None, high: int | None, unit: Unit) -> tuple[RowGroup, ...]:
        """The row groups that may hold a time from `low` to `high`, by what their files' footers tell."""
        if (column, unit) not in self._bounds:
            groups = [(group.file, group.number) for group in self.groups]
            self._bounds[column, unit] = bounds(self.footers, self.files, groups, column, unit)
        lowest, highest = self._bounds[column, unit]
        may = np.ones(len(self.groups), dtype=bool)
        if low is not None:
            may &= highest >= low
        if high is not None:
            may &= lowest <= high
        return tuple(self.groups[index] for index in np.flatnonzero(may))

    def holding(self, rows: npt.NDArray[np.int64]) -> tuple[RowGroup, ...]:
        """The row groups in which these rows stand."""
        firsts = np.fromiter((group.first for group in self.groups), np.int64, len(self.groups))
        counts = np.bincount(np.searchsorted(firsts, rows, side="right") - 1)
        return tuple(self.groups[index] for index in np.flatnonzero(counts))

    def read(self, groups: Sequence[RowGroup], columns: Sequence[str]) -> pa.Table:
        """The columns of some row groups, which are in the order of the rows."""
        schema = pa.schema([(name, self.type_of(name)) for name in columns])
        tables = [self._stretch(stretch, schema) for stretch in self._stretches(groups)]
        return pa.concat_tables(tables) if tables else schema.empty_table()

    def _stretches(self, groups: Sequence[RowGroup]) -> Iterator[list[RowGroup]]:
        """Neighbours whose files have the same schema."""
        for _, stretch in groupby(groups, key=lambda group: self.schema_of[group.file]):
            yield list(stretch)

    def _stretch(self, groups: Sequence[RowGroup], schema: pa.Schema) -> pa.Table:
        numbers: dict[int, list[int]] = {}
        for group in groups:
            numbers.setdefault(group.file, []).append(group.number)
        fragments = [self._parts(file, parts) for file, parts in numbers.items()]
        physical = self.schemas[self.schema_of[groups[0].file]]
        own = [name for name in schema.names if name in physical.names]
        rows = sum(group.rows for group in groups)
        dataset = ds.FileSystemDataset(fragments, physical, fragments[0].format, fragments[0].filesystem)
        table = dataset.to_table(columns=own, memory_pool=POOL)
        if table.num_rows != rows:
            raise OSError(f"{self.path}: {rows} rows were announced, {table.num_rows} came: do the files change?")
        columns = []
        for name, kind in zip(schema.names, schema.types, strict=True):
            if name in own:
                column = table.column(name)
                columns.append(column if column.type == kind else column.cast(kind))
            else:
                columns.append(self._of_the_folders(groups, name, kind))
        return pa.Table.from_arrays(columns, schema=schema) if columns else table

    def _parts(self, file: int, numbers: list[int]) -> ds.ParquetFileFragment:
        # To name row groups, Arrow parses the footer at once; for a whole file it does so in a thread of its scan.
        whole, fragment = len(self.footers[file].rows), self.fragments[file]
        return fragment if len(numbers) == whole else fragment.subset(row_group_ids=numbers)

    def _of_the_folders(self, groups: Sequence[RowGroup], name: str, kind: pa.DataType) -> pa.ChunkedArray:
        values = [(self.files[group.file].partition.get(name), group.rows) for group in groups]
        chunks = [pa.repeat(pa.scalar(value, pa.string()).cast(kind), rows) for value, rows in values]
        return pa.chunked_array(chunks, kind)


def open_source(source: DataSource, repo_path: Path | str | None) -> ParquetSource:
    """Find the files of a source and read their footers."""
    filesystem, path, shown = place_of(source, repo_path)
    files = tuple(files_under(filesystem, path))
    if not files:
        raise FileNotFoundError(f"{shown}: expected a Parquet file, a folder of them or a pattern, found no file")
    # Ranges read ahead save round trips to a remote store; on a local disk they only cost memory.
    remote = not isinstance(filesystem, pafs.LocalFileSystem)
    form = ds.ParquetFileFormat(default_fragment_scan_options=ds.ParquetFragmentScanOptions(pre_buffer=remote))
    fragments = tuple(form.make_fragment(file.path, filesystem) for file in files)
    footers = tuple(FOOTERS.footers(fragments, filesystem))
    groups, first = [], 0
    for file, footer in enumerate(footers):
        for number, (rows, size) in enumerate(zip(footer.rows, footer.sizes, strict=True)):
            if rows:
                groups.append(RowGroup(file, number, first, rows, size))
            first += rows
    schemas: list[pa.Schema] = []
    schema_of: list[int] = []
    for footer in footers:
        same = (at for at, other in enumerate(schemas) if other is footer.schema or other.equals(footer.schema))
        schema_of.append(next(same, len(schemas)))
        if schema_of[-1] == len(schemas):
            schemas.append(footer.schema)
    return ParquetSource(shown, files, fragments, footers, tuple(schemas), tuple(schema_of), tuple(groups))


def place_of(source: DataSource, repo_path: Path | str | None) -> tuple[pafs.FileSystem, str, str]:
    """The file system of a source, the path there, and how to name it to people."""
    if not isinstance(source, FileSource):
        raise TypeError(f"expected a FileSource, found the {type(source).__name__} {source.name!r}")
    if not isinstance(source.file_format, ParquetFormat | None):
        raise TypeError(f"{source.path}: expected Parquet, found {type(source.file_format).__name__}")
    uri = FileSource.get_uri_for_file_path(repo_path=repo_path, uri=source.path)
    endpoint, credentials = source.file_options.s3_endpoint_override, source.resolve_credentials()
    filesystem, path = FileSource.create_filesystem_and_path(uri, endpoint, resolved_credentials=credentials)
    if filesystem is None:
        filesystem, path = pafs.FileSystem.from_uri(path) if "://" in path else (pafs.LocalFileSystem(), path)
    return filesystem, path.rstrip("/"), uri


def _plain(kind: pa.DataType) -> pa.DataType:
    return kind.value_type if pa.types.is_dictionary(kind) else kind


def _partition_type(values: Sequence[str | None]) -> pa.DataType:
    """Folder names are text; where all are whole numbers or dates, that is what they are."""
    text = pa.array(values, pa.string())
    for kind in (pa.int64(), pa.date32()):
        try:
            pc.cast(text, kind)
        except pa.ArrowInvalid:
            continue
        return kind
    return pa.string()
