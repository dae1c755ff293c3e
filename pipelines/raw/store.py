"""Where loaded raw data lies: one Parquet file a table and day of becoming known, its counts in the file itself.

A day is committed by one rename of one file, so a kill at any moment leaves the old day or the new one, and the
counts can never disagree with the rows beside them. Rows that broke their contract lie in the quarantine, a file a
day as well; those whose day cannot be told lie under `known_on=undated`.
"""

from __future__ import annotations

import fcntl
import json
import os
import shutil
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import asdict, dataclass, field
from datetime import date
from pathlib import Path
from typing import TYPE_CHECKING

import pyarrow as pa
import pyarrow.parquet as pq

from pipelines.raw.contracts import RawTable

if TYPE_CHECKING:
    import duckdb
    import ibis

UNDATED = "undated"
METADATA_KEY = "tidemark"
QUARANTINE_SCHEMA = pa.schema(
    [
        pa.field("reasons", pa.list_(pa.string()), nullable=False),
        pa.field("origin", pa.string()),
        pa.field("row", pa.string()),
    ]
)


class AlreadyLoadingError(RuntimeError):
    """Another process is loading into the same folder."""


@dataclass(frozen=True)
class DayCounts:
    """What became of the rows of one day: `read` is always `loaded + quarantined + superseded`."""

    read: int
    loaded: int
    quarantined: int
    superseded: int
    reasons: Mapping[str, int] = field(default_factory=dict)
    declaration: str = ""


@dataclass(frozen=True)
class DayFiles:
    """The file of a day's good rows and that of its refused ones."""

    good: Path
    refused: Path


@dataclass(frozen=True)
class RawStore:
    """The folder of loaded raw tables and their quarantine."""

    home: Path

    def day(self, table: str, day: date | None) -> DayFiles:
        """Where the rows of one day lie."""
        place = Path(table, f"known_on={day or UNDATED}", "part.parquet")
        return DayFiles(good=self.home / "raw" / place, refused=self.home / "quarantine" / place)

    def ledger(self, table: str) -> dict[date | None, DayCounts]:
        """The counts of every day that was loaded; None stands for rows whose day cannot be told."""
        folder = self.home / "raw" / table
        counts: dict[date | None, DayCounts] = {}
        for file in sorted(folder.glob("known_on=*/part.parquet")):
            label = file.parent.name.removeprefix("known_on=")
            metadata = pq.read_metadata(file).metadata or {}
            day = None if label == UNDATED else date.fromisoformat(label)
            counts[day] = DayCounts(**json.loads(metadata[METADATA_KEY.encode()]))
        return counts

    def quarantine(self, table: str) -> pa.Table:
        """Every refused row of a table: its reasons, the file it came from, the row as it was, and `known_on`."""
        parts = [
            pq.read_table(file, schema=QUARANTINE_SCHEMA, partitioning=None).append_column(
                "known_on", pa.array([file.parent.name.removeprefix("known_on=")] * pq.read_metadata(file).num_rows)
            )
            for file in sorted((self.home / "quarantine" / table).glob("known_on=*/part.parquet"))
        ]
        schema = QUARANTINE_SCHEMA.append(pa.field("known_on", pa.string()))
        return pa.concat_tables(parts) if parts else schema.empty_table()

    def read(self, connection: ibis.BaseBackend, table: RawTable) -> ibis.Table:
        """A loaded table with every version of its facts, plus the day on which each became known."""
        files = self.home / "raw" / table.name / "known_on=[0-9]*" / "part.parquet"
        if not any((self.home / "raw" / table.name).glob("known_on=[0-9]*")):
            empty = table.schema.append(pa.field("known_on", pa.date32())).empty_table()
            return connection.create_table(f"raw_{table.name}", empty, temp=True, overwrite=True)
        return connection.read_parquet(
            str(files), table_name=f"raw_{table.name}", hive_partitioning=True, hive_types={"known_on": "DATE"}
        )

    @contextmanager
    def loading(self, table: str) -> Iterator[None]:
        """Keep other loads of this table out, and clear away what a killed one left half written."""
        folder = self.home / "raw" / table
        folder.mkdir(parents=True, exist_ok=True)
        with (folder / ".lock").open("w") as lock:
            try:
                fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
            except BlockingIOError:
                msg = (
                    f"{table}: another load into {self.home} is running. Wait until it has ended, "
                    "or set TIDEMARK_HOME to load elsewhere."
                )
                raise AlreadyLoadingError(msg) from None
            for kind in ("raw", "quarantine"):
                for leftover in (self.home / kind / table).glob("known_on=*/.writing"):
                    leftover.unlink()
            for spill in self.home.glob(f".loading-{table}-*"):
                shutil.rmtree(spill)
            yield

    @staticmethod
    def commit(
        connection: duckdb.DuckDBPyConnection, files: DayFiles, good: str, refused: str, counts: DayCounts
    ) -> None:
        """Write the rows that two queries select as one day: the refused first, since the good file is the commit."""
        if counts.quarantined:
            _write(connection, refused, files.refused, counts.quarantined, {})
        else:
            files.refused.unlink(missing_ok=True)
        metadata = {METADATA_KEY: json.dumps(asdict(counts), sort_keys=True)}
        _write(connection, good, files.good, counts.loaded, metadata)


def _write(
    connection: duckdb.DuckDBPyConnection, query: str, file: Path, expected: int, metadata: Mapping[str, str]
) -> None:
    """Copy the rows of a query into a Parquet file that appears whole or not at all."""
    file.parent.mkdir(parents=True, exist_ok=True)
    writing = file.with_name(".writing")
    pairs = ", ".join(f"{key}: {quoted(value)}" for key, value in metadata.items())
    # Delta encodings (v2) with snappy measured both smaller and faster than v1 with zstd.
    options = "FORMAT parquet, COMPRESSION snappy, PARQUET_VERSION v2" + (f", KV_METADATA {{{pairs}}}" if pairs else "")
    (written,) = connection.execute(f"COPY ({query}) TO {quoted(str(writing))} ({options})").fetchall()[0]
    if written != expected:
        msg = f"{file}: {expected} rows were counted but {written} were written. This is a fault of Tidemark's own."
        raise AssertionError(msg)
    with writing.open("rb+") as handle:
        os.fsync(handle.fileno())
    writing.replace(file)


def quoted(text: str) -> str:
    """A string as an SQL literal."""
    return "'" + text.replace("'", "''") + "'"
