"""What is kept of a Parquet file's footer: its columns, its row groups, and from when to when their times reach.

To parse the footers of a thousand files takes longer than to read the rows that a few questions want of them. What is
kept is a small part of a footer, so that it may outlive the read.
"""

from __future__ import annotations

import json
import os
import time
from collections import OrderedDict
from collections.abc import Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from threading import Lock

import pyarrow as pa
import pyarrow.dataset as ds
import pyarrow.fs as pafs
import pyarrow.parquet as pq

_FOOTERS_AT_A_TIME = 16
_MOST_ROW_GROUPS, _MOST_SCHEMAS = 65_536, 64
# A file that was written a moment ago may be written again within one tick of its file system's clock.
_SETTLED_NANOSECONDS = 2 * 10**9
_PER_SECOND = {"milliseconds": 10**3, "microseconds": 10**6, "nanoseconds": 10**9}
_SECONDS_A_DAY = 86_400


@dataclass(frozen=True)
class ColumnTimes:
    """The least and the greatest integer of a column of times, by row group; None where the footer has none."""

    ticks_per_second: float
    ranges: tuple[tuple[int, int] | None, ...]


@dataclass(frozen=True)
class Footer:
    """What is known of a file without reading a row."""

    schema: pa.Schema
    rows: tuple[int, ...]
    sizes: tuple[int, ...]
    times: Mapping[str, ColumnTimes]


@dataclass(frozen=True)
class FileVersion:
    """What changes when a file is written again or replaced."""

    modified: int
    size: int
    inode: int
    device: int

    @classmethod
    def of(cls, path: str) -> FileVersion:
        """The version that lies there now."""
        status = os.stat(path)  # noqa: PTH116  a thousand at a time
        return cls(status.st_mtime_ns, status.st_size, status.st_ino, status.st_dev)

    def is_settled(self) -> bool:
        """Whether a later write could not have the same time."""
        return self.modified < time.time_ns() - _SETTLED_NANOSECONDS


class FooterCache:
    """The footers of local files that were read last; a file that has changed is read again."""

    def __init__(self, most_row_groups: int = _MOST_ROW_GROUPS) -> None:
        self._most = most_row_groups
        self._footers: OrderedDict[str, tuple[FileVersion, Footer]] = OrderedDict()
        self._row_groups = 0
        self._schemas: list[pa.Schema] = []
        self._lock = Lock()

    def footers(self, fragments: Sequence[ds.ParquetFileFragment], filesystem: pafs.FileSystem) -> list[Footer]:
        """The footers of files, parsed where they are not known. Elsewhere than on local disks nothing is kept."""
        if not isinstance(filesystem, pafs.LocalFileSystem):
            return _parsed(fragments)
        # Before the footers are read: what is written in between has a later version than the footer is kept under.
        versions = [FileVersion.of(fragment.path) for fragment in fragments]
        footers = [self._known(fragment.path, version) for fragment, version in zip(fragments, versions, strict=True)]
        unknown = [at for at, footer in enumerate(footers) if footer is None]
        for at, footer in zip(unknown, _parsed([fragments[at] for at in unknown]), strict=True):
            footers[at] = self._keep(fragments[at].path, versions[at], footer)
        return [footer for footer in footers if footer is not None]

    def _known(self, path: str, version: FileVersion) -> Footer | None:
        with self._lock:
            entry = self._footers.get(path)
            if entry is None or entry[0] != version:
                return None
            self._footers.move_to_end(path)
            return entry[1]

    def _keep(self, path: str, version: FileVersion, footer: Footer) -> Footer:
        if not version.is_settled():
            return footer
        with self._lock:
            kept = Footer(self._shared(footer.schema), footer.rows, footer.sizes, footer.times)
            self._drop(path)
            self._footers[path] = (version, kept)
            self._row_groups += len(kept.rows)
            while self._row_groups > self._most:
                self._drop(next(iter(self._footers)))
        return kept

    def _drop(self, path: str) -> None:
        entry = self._footers.pop(path, None)
        self._row_groups -= len(entry[1].rows) if entry else 0

    def _shared(self, schema: pa.Schema) -> pa.Schema:
        """The same schema, one object for all files that have it."""
        for known in self._schemas:
            if known.equals(schema, check_metadata=True):
                return known
        self._schemas = [schema, *self._schemas][:_MOST_SCHEMAS]
        return schema


FOOTERS = FooterCache()
"""Of this process: who reads the past again and again, as a scorer does, reads the same files."""


def _parsed(fragments: Sequence[ds.ParquetFileFragment]) -> list[Footer]:
    if not fragments:
        return []
    with ThreadPoolExecutor(_FOOTERS_AT_A_TIME) as pool:
        return list(pool.map(_footer, fragments))


def _footer(fragment: ds.ParquetFileFragment) -> Footer:
    try:
        metadata = fragment.metadata
    except pa.ArrowInvalid as error:
        raise ValueError(f"{fragment.path}: expected a Parquet file: {error}") from None
    groups = [metadata.row_group(number) for number in range(metadata.num_row_groups)]
    schema = fragment.physical_schema
    return Footer(
        schema=schema,
        rows=tuple(group.num_rows for group in groups),
        sizes=tuple(group.total_byte_size for group in groups),
        times={
            name: _column_times(metadata.schema, name, groups)
            for name, kind in zip(schema.names, schema.types, strict=True)
            if pa.types.is_timestamp(kind) or pa.types.is_date(kind)
        },
    )


def _column_times(schema: pq.ParquetSchema, name: str, groups: Sequence[pq.RowGroupMetaData]) -> ColumnTimes:
    leaf = next((at for at in range(len(schema)) if schema.column(at).path == name), None)
    per_second = 0.0 if leaf is None else _ticks_per_second(schema.column(leaf))
    return ColumnTimes(per_second, tuple(_range(group, leaf) if per_second else None for group in groups))


def _range(group: pq.RowGroupMetaData, leaf: int | None) -> tuple[int, int] | None:
    statistics = None if leaf is None else group.column(leaf).statistics
    if statistics is None or not statistics.has_min_max:
        return None
    return int(statistics.min_raw), int(statistics.max_raw)


def _ticks_per_second(column: pq.ColumnSchema) -> float:
    """How often the integers of a column of times tick; 0 for what is no such column."""
    logical = json.loads(column.logical_type.to_json())
    if logical.get("Type") == "Timestamp" and column.physical_type == "INT64":
        return _PER_SECOND.get(logical["timeUnit"], 0)
    return 1 / _SECONDS_A_DAY if logical.get("Type") == "Date" else 0
