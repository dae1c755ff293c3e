"""Rows added to what is there: pushed features into a view's files, logged features into their folder."""

from __future__ import annotations

import time
import uuid
from collections.abc import Iterator
from pathlib import Path

import pyarrow as pa
import pyarrow.dataset as ds
import pyarrow.fs as pafs
from feast.feature_logging import LoggingDestination
from feast.feature_view import FeatureView
from feast.infra.offline_stores.file_source import FileLoggingDestination

from feature_repo.stores.asof.file_names import is_pattern
from feature_repo.stores.asof.gather import portions_in_memory
from feature_repo.stores.asof.parquet_source import open_source, place_of
from feature_repo.stores.asof.parquet_target import ParquetTarget


def append(view: FeatureView, table: pa.Table, repo_path: Path | str | None) -> None:
    """Add rows to the files of a view, as the last ones, so that of equal versions the one written last counts.

    A single file is written anew, in memory for a few row groups at a time; a folder gets a further file, in the
    Hive partition that each row belongs to if it has any.
    """
    if view.batch_source is None:
        raise ValueError(f"view {view.name!r} has no batch source to write into")
    filesystem, path, shown = place_of(view.batch_source, repo_path)
    target = ParquetTarget(filesystem, path, shown)
    there = filesystem.get_file_info(path).type
    if there == pafs.FileType.NotFound and is_pattern(path):
        raise ValueError(f"{shown}: expected a file or a folder to write into, found a pattern")
    if there == pafs.FileType.NotFound:
        target.write(lambda _: iter([table]))
        return
    source = open_source(view.batch_source, repo_path)
    if sorted(table.column_names) != sorted(source.columns):
        raise ValueError(
            f"{shown}: expected the columns {', '.join(source.columns)}, found {', '.join(table.column_names)}"
        )
    schema = pa.schema([(name, source.type_of(name)) for name in source.columns])
    added = table.select(schema.names).cast(schema)
    if there == pafs.FileType.File:

        def all_rows(_: Path | None) -> Iterator[pa.Table]:
            for groups in portions_in_memory(source.groups, 1.0):
                yield source.read(groups, schema.names)
            yield added

        target.write_file(path, all_rows)
        return
    partitions = [name for name in source.columns if name in source.files[-1].partition]
    # Names sort by time behind `part...`, and no two writers share one.
    name = f"written-{time.time_ns():020d}-{uuid.uuid4().hex[:8]}"
    _write_folder(added, filesystem, path, name, partitions)


def log(data: pa.Table | Path, destination: LoggingDestination, repo_path: Path | str | None) -> None:
    """Add logged features to their folder, in Hive partitions if the destination names columns for them."""
    if not isinstance(destination, FileLoggingDestination):
        raise TypeError(
            f"expected a FileLoggingDestination, found {type(destination).__name__}: this store writes Parquet files"
        )
    filesystem, path, _ = place_of(destination.to_data_source(), repo_path)
    rows = ds.dataset(data, format="parquet") if isinstance(data, Path) else data
    name = f"logged-{time.time_ns():020d}-{uuid.uuid4().hex[:8]}"
    _write_folder(rows, filesystem, path, name, list(destination.partition_by or []))


def _write_folder(
    rows: pa.Table | ds.Dataset, filesystem: pafs.FileSystem, path: str, name: str, partitions: list[str]
) -> None:
    """One further file a partition; each shows under its name when it is whole."""
    ds.write_dataset(
        rows,
        path,
        basename_template=f"{name}-{{i}}.parquet",
        format="parquet",
        filesystem=filesystem,
        partitioning=partitions or None,
        partitioning_flavor="hive" if partitions else None,
        existing_data_behavior="overwrite_or_ignore",
    )
