"""Where Parquet is written: a file, whole or not at all, or a folder that other files may lie in."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path

import pyarrow as pa
import pyarrow.fs as pafs
import pyarrow.parquet as pq
from feast.errors import SavedDatasetLocationAlreadyExists
from feast.infra.offline_stores.file_source import FileSource

from feature_repo.stores.asof.file_names import files_under
from feature_repo.stores.asof.parquet_source import place_of

# The size at which DuckDB and Polars read on all cores.
_ROWS_A_GROUP = 122_880

Parts = Callable[[Path | None], Iterator[pa.Table]]


@dataclass(frozen=True)
class ParquetTarget:
    """A path to write to."""

    filesystem: pafs.FileSystem
    path: str
    # The path as people know it.
    shown: str

    @classmethod
    def of(cls, path: str, repo_path: Path | str | None = None, endpoint: str = "") -> ParquetTarget:
        """The target at a path or URI; a relative path counts from the feature repository."""
        return cls(*place_of(FileSource(path=path, s3_endpoint_override=endpoint or None), repo_path))

    def write(self, parts: Parts, *, overwrite: bool = True) -> int:
        """Write parts as one file. In a folder, it takes the place of all others."""
        there = self.filesystem.get_file_info(self.path).type
        if there != pafs.FileType.NotFound and not overwrite:
            raise SavedDatasetLocationAlreadyExists(self.shown)
        if self.path.endswith(".parquet"):
            return self.write_file(self.path, parts)
        old = [file.path for file in files_under(self.filesystem, self.path)]
        written = self.write_file(f"{self.path}/part-0.parquet", parts)
        for path in old:
            if path != f"{self.path}/part-0.parquet":
                self.filesystem.delete_file(path)
        return written

    def write_file(self, path: str, parts: Parts) -> int:
        """Write a file whose name shows when it is whole."""
        folder, _, name = path.rpartition("/")
        if self._local and folder:
            self.filesystem.create_dir(folder, recursive=True)
        # An object appears on S3 when its upload ends; a local file appears by its name.
        writing = f"{folder}/.writing-{name}" if self._local and folder else path
        try:
            rows = self._write(writing, parts, Path(folder) if writing != path else None)
        except BaseException:
            if writing != path:
                Path(writing).unlink(missing_ok=True)
            raise
        if writing != path:
            with Path(writing).open("rb+") as handle:
                os.fsync(handle.fileno())
            Path(writing).replace(path)
        return rows

    def _write(self, path: str, parts: Parts, near: Path | None) -> int:
        rows = 0
        with ExitStack() as stack:
            # A part is encoded while the next one is joined.
            pool = stack.enter_context(ThreadPoolExecutor(1))
            writer: pq.ParquetWriter | None = None
            writing: Future[None] | None = None
            for part in parts(near):
                if writer is None:
                    dictionary = _worth_a_dictionary(part.schema)
                    writer = stack.enter_context(
                        pq.ParquetWriter(path, part.schema, filesystem=self.filesystem, use_dictionary=dictionary)
                    )
                if writing:
                    writing.result()
                writing = pool.submit(writer.write_table, part, row_group_size=_ROWS_A_GROUP)
                rows += part.num_rows
            if writing:
                writing.result()
        return rows

    @property
    def _local(self) -> bool:
        return isinstance(self.filesystem, pafs.LocalFileSystem)


def _worth_a_dictionary(schema: pa.Schema) -> list[str] | bool:
    """Columns whose values recur. Trying it on floats costs time and rarely saves a byte."""
    names = [field.name for field in schema if not pa.types.is_floating(field.type)]
    return names or False
