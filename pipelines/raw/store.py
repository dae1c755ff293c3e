"""Where loaded raw data lies: one Parquet file a table and day of becoming known, its counts in the file itself.

A day is committed by one rename of one file, so a kill at any moment leaves the old day or the new one, and the
counts can never disagree with the rows beside them. Rows that broke their contract lie in the quarantine, a file a
day as well, which bears the counts of the good file that it belongs to; those whose day cannot be told lie under
`known_on=undated`.
"""

from __future__ import annotations

import fcntl
import glob
import json
import os
import shutil
from collections.abc import Iterator, Mapping
from contextlib import ExitStack, contextmanager
from dataclasses import asdict, dataclass, field, replace
from datetime import UTC, date, datetime
from pathlib import Path
from typing import TYPE_CHECKING

import ibis
import pyarrow as pa
import pyarrow.parquet as pq

from pipelines.parquet import quoted, write_whole
from pipelines.raw.contracts import RawTable

if TYPE_CHECKING:
    import duckdb

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


class BadHomeError(ValueError):
    """The folder of loaded data cannot be used as it is."""


@dataclass(frozen=True)
class DayCounts:
    """What became of the rows of one day: `read` is always `loaded + quarantined + superseded`.

    `content` is the sum over all cells that were read, by which a changed day is told from one that was not. Where rows
    are sums of several source rows, those are counted too; loads of earlier releases did not (None).
    `good_rows` is the sum over the good rows, by which features know what they were computed from.
    """

    read: int
    loaded: int
    quarantined: int
    superseded: int
    reasons: Mapping[str, int] = field(default_factory=dict)
    declaration: str = ""
    content: str = ""
    source_loaded: int | None = None
    source_quarantined: int | None = None
    good_rows: str = ""


@dataclass(frozen=True)
class DayFiles:
    """The file of a day's good rows and that of its refused ones."""

    good: Path
    refused: Path


@dataclass(frozen=True)
class Rows:
    """A query, and an order of its rows that leaves no choice."""

    query: str
    order: str


@dataclass(frozen=True)
class RawStore:
    """The folder of loaded raw tables and their quarantine."""

    home: Path

    def day(self, table: str, day: date | None) -> DayFiles:
        """Where the rows of one day lie."""
        place = Path(table, f"known_on={day or UNDATED}", "part.parquet")
        return DayFiles(good=self.home / "raw" / place, refused=self.home / "quarantine" / place)

    def ledger(self, table: str) -> dict[date | None, DayCounts]:
        """The counts of every day that was loaded; None stands for rows whose day cannot be told.

        A day whose refused rows are not those of its good file was left so by a kill, or by a hand: it keeps its counts
        but no declaration, so that it is loaded again.
        """
        folder = self.home / "raw" / table
        counts: dict[date | None, DayCounts] = {}
        for good in sorted(folder.glob("known_on=*/part.parquet")):
            label = good.parent.name.removeprefix("known_on=")
            try:
                day = None if label == UNDATED else date.fromisoformat(label)
                of_day = _counts_in(good)
                refused = self.day(table, day).refused
                told = _counts_in(refused) if refused.exists() else None
            except (ValueError, KeyError, TypeError, OSError) as problem:
                msg = f"{good.parent}: no loaded day, or a damaged one ({problem}). Remove that folder and load again."
                raise BadHomeError(msg) from problem
            whole = told == (of_day if of_day.quarantined else None)
            counts[day] = of_day if whole else replace(of_day, declaration="")
        return counts

    def last_day_with_rows(self, table: str) -> date | None:
        """The last day on which a good row of a table became known; None if it has no good row."""
        dated = (self.home / "raw" / table).glob("known_on=[0-9]*/part.parquet")
        for file in sorted(dated, reverse=True):
            if pq.read_metadata(file).num_rows:
                return date.fromisoformat(file.parent.name.removeprefix("known_on="))
        return None

    def has_rows(self, table: str) -> bool:
        """Whether any good row of a table is loaded."""
        return self.last_day_with_rows(table) is not None

    def refused_rows(self, table: str) -> int:
        """How many rows of a table are in quarantine."""
        files = (self.home / "quarantine" / table).glob("known_on=*/part.parquet")
        return sum(pq.read_metadata(file).num_rows for file in files)

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
        folder = self.home / "raw" / table.name
        files = f"{glob.escape(str(folder))}/known_on=[0-9]*/part.parquet"
        if not any(folder.glob("known_on=[0-9]*/part.parquet")):
            empty = table.schema.append(pa.field("known_on", pa.date32())).empty_table()
            if connection.name != "duckdb":
                return ibis.memtable(empty)
            # Not Ibis' way to replace a table, which DuckDB 2 refuses.
            connection.con.register(f"raw_{table.name}", empty)
            return connection.table(f"raw_{table.name}")
        if connection.name != "duckdb":
            # Spark takes a folder's name for a column only below a base that it is told.
            return connection.read_parquet(files, table_name=f"raw_{table.name}", basePath=str(folder))
        # The day from the end of the path, not from all of it as Hive would: folders above, such as price=5, would
        # replace columns. DuckDB skips files by this as well, as long as nothing stands between it and read_parquet.
        day = f"CAST(left(right(filename, {len('YYYY-MM-DD/part.parquet')}), {len('YYYY-MM-DD')}) AS DATE)"
        connection.raw_sql(
            f"CREATE OR REPLACE TEMP VIEW raw_{table.name} AS SELECT * EXCLUDE (filename), {day} AS known_on "
            f"FROM read_parquet({quoted(files)}, hive_partitioning = false, filename = true)"
        )
        return connection.table(f"raw_{table.name}")

    @contextmanager
    def loading(self, *tables: str) -> Iterator[None]:
        """Keep other loads of these tables out, and clear away what a killed one left half written."""
        with ExitStack() as locks:
            for table in tables:
                locks.enter_context(self._locked(table))
            for table in tables:
                self._clear_away(table)
            yield

    @contextmanager
    def _locked(self, table: str) -> Iterator[None]:
        file = self.home / ".locks" / table
        try:
            file.parent.mkdir(parents=True, exist_ok=True)
            # Not emptied before it is ours: it tells who has it.
            opened = file.open("a+")
        except OSError as problem:
            msg = f"{self.home}: cannot be the home of loaded data ({problem.strerror}: {problem.filename})."
            raise BadHomeError(msg) from problem
        with opened as lock:
            try:
                fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
            except BlockingIOError:
                lock.seek(0)
                msg = (
                    f"{table}: another load into {self.home} is running ({lock.read() or 'just begun'}). "
                    "Nothing was loaded. Wait until it has ended, or set TIDEMARK_HOME to load elsewhere."
                )
                raise AlreadyLoadingError(msg) from None
            lock.truncate(0)
            lock.write(f"process {os.getpid()}, since {datetime.now(UTC):%Y-%m-%d %H:%M:%S} UTC")
            lock.flush()
            yield

    def _clear_away(self, table: str) -> None:
        for kind in ("raw", "quarantine"):
            for leftover in (self.home / kind / table).glob("known_on=*/.writing"):
                leftover.unlink()
        for spill in self.home.glob(f".loading-{table}-*"):
            shutil.rmtree(spill)

    @staticmethod
    def commit(
        connection: duckdb.DuckDBPyConnection, files: DayFiles, good: Rows, refused: Rows, counts: DayCounts
    ) -> None:
        """Write the rows that two queries select as one day: the refused first, since the good file is the commit."""
        if counts.quarantined:
            _write(connection, refused, files.refused, counts.quarantined, counts)
        else:
            files.refused.unlink(missing_ok=True)
        _write(connection, good, files.good, counts.loaded, counts)


def _counts_in(file: Path) -> DayCounts:
    return DayCounts(**json.loads((pq.read_metadata(file).metadata or {})[METADATA_KEY.encode()]))


def _write(connection: duckdb.DuckDBPyConnection, rows: Rows, file: Path, expected: int, counts: DayCounts) -> None:
    told = {METADATA_KEY: json.dumps(asdict(counts), sort_keys=True)}
    written = write_whole(connection, rows.query, rows.order, file, told)
    if written != expected:
        msg = f"{file}: {expected} rows were counted but {written} were written. This is a fault of Tidemark's own."
        raise AssertionError(msg)
