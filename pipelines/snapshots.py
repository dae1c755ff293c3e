"""Snapshots of a view: computed block by block, looked at, and only then laid where readers find them.

    <home>/features/<view>/snapshot_on=2024-01-05/part.parquet    what Feast reads
    <home>/features/<view>/snapshot_on=2024-01-05/.inputs.json    what it was computed from
    <home>/refused/<view>/snapshot_on=2024-01-05/part.parquet     what was computed but broke its contract

A day appears by one rename, whole or not at all, and computed twice it has the same bytes.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing
from dataclasses import dataclass
from datetime import date, timedelta
from pathlib import Path
from tempfile import TemporaryDirectory

import duckdb
import ibis
import pyarrow as pa
import pyarrow.parquet as pq
from feast import FeatureView

from feature_repo.cadence import cadence_of
from pipelines.computation.days import Days, day_of
from pipelines.computation.raw_tables import RawTables
from pipelines.engine import Engine
from pipelines.epoch import epoch_day
from pipelines.parquet import quoted, write_whole
from pipelines.raw.store import RawStore
from pipelines.view_pipeline import ViewPipeline
from training.snapshot_inputs import raw_history, record
from training.wording import counted

RELATION = "snapshots"
# A block of some four million rows of 30 columns takes about a gigabyte.
BLOCK_ROWS = 4_000_000
DAY = timedelta(days=1)
# So far apart chosen days may lie to be computed at once. The days between them are computed with them and dropped:
# that costs less than reading the raw tables once more.
MOST_APART = timedelta(days=31)
_STRAYS = f"SELECT count(*) FROM {RELATION} WHERE (snapshot_on BETWEEN ? AND ?) IS NOT TRUE"


@dataclass(frozen=True)
class SnapshotStore:
    """The folder of computed snapshots."""

    home: Path

    def published(self, view: str, day: date) -> Path:
        """Where readers find the snapshots of a day."""
        return self.home / "features" / view / f"snapshot_on={day}" / "part.parquet"

    def refused(self, view: str, day: date) -> Path:
        """Where the snapshots of a day are kept that broke their contract."""
        return self.home / "refused" / view / f"snapshot_on={day}" / "part.parquet"

    def rows(self, view: str, day: date) -> int | None:
        """How many snapshots of a day are published; None if that day is not."""
        file = self.published(view, day)
        return int(pq.read_metadata(file).num_rows) if file.exists() else None


@dataclass(frozen=True)
class SnapshotBlock:
    """The computed snapshots of some days, in DuckDB and nowhere else yet."""

    connection: duckdb.DuckDBPyConnection
    view: FeatureView
    days: tuple[date, ...]
    # How many entities must have a snapshot on a day, where that can be said.
    entities: Mapping[date, int]
    # What each day is computed from: a digest of each raw table up to it.
    inputs: Mapping[date, Mapping[str, str]]

    def rows(self) -> dict[date, int]:
        """How many snapshots each day has."""
        found = dict(
            self.connection.execute(f"SELECT snapshot_on, count(*) FROM {RELATION} GROUP BY snapshot_on").fetchall()
        )
        return {day: found.get(day, 0) for day in self.days}

    def table(self, day: date | None = None) -> pa.Table:
        """The snapshots of one day, or of all, as Arrow."""
        where = f"WHERE snapshot_on = DATE '{day}'" if day else ""
        return self.connection.sql(f"SELECT * EXCLUDE snapshot_on FROM {RELATION} {where}").to_arrow_table()

    def publish(self, store: SnapshotStore, days: list[date]) -> None:
        """Lay days where readers find them; what was refused of them before is forgotten."""

        def lay(day: date) -> None:
            file = store.published(self.view.name, day)
            self._write(day, file)
            record(file, self.inputs[day])
            store.refused(self.view.name, day).unlink(missing_ok=True)

        with ThreadPoolExecutor(max_workers=2) as pool:
            list(pool.map(lay, days))

    def refuse(self, store: SnapshotStore, days: list[date]) -> None:
        """Keep days where only an engineer looks; what is published of them stays."""
        for day in days:
            self._write(day, store.refused(self.view.name, day))

    def _write(self, day: date, file: Path) -> None:
        query = f"SELECT * EXCLUDE snapshot_on FROM {RELATION} WHERE snapshot_on = DATE '{day}'"
        with closing(self.connection.cursor()) as cursor:
            write_whole(cursor, query, _order(self.view), file)


def blocks(engine: Engine, raw: RawStore, pipeline: ViewPipeline, days: Iterable[date]) -> Iterator[SnapshotBlock]:
    """Compute the snapshots of some days, given in their order, as many days at a time as fit into a block."""
    with engine.session() as backend, TemporaryDirectory(prefix=".computing-", dir=raw.home) as spill:
        # Before any row is read: what is loaded meanwhile must not count as read.
        histories = {table.name: raw_history(raw.home, table.name) for table in pipeline.reads}
        tables = RawTables({table.name: raw.read(backend, table) for table in pipeline.reads})
        connection = backend.con if engine.is_duckdb else duckdb.connect()
        connection.execute(f"SET TimeZone = 'UTC'; SET temp_directory = {quoted(spill)}")
        ordered = tuple(days)
        for part in _parts(ordered, _rows_a_day(tables, pipeline, Days(ordered[0], ordered[-1]))):
            span = Days(part[0], part[-1])
            computed = pipeline.transform(tables, span)
            if engine.is_duckdb and isinstance(computed, ibis.Table):
                source = f"({ibis.to_sql(computed, dialect='duckdb')})"
            else:
                arrow = computed.to_pyarrow() if isinstance(computed, ibis.Table) else computed
                connection.register("arrived", arrow)
                source = "arrived"
            connection.execute(_statement(pipeline.view, source, part))
            if strays := connection.execute(_STRAYS, [span.first, span.last]).fetchall()[0][0]:
                raise ValueError(
                    f"{pipeline.view.name}: {counted(strays, 'snapshot')} outside {span.first} to {span.last}, which "
                    "were asked for."
                )
            inputs = {day: {table: history.until(day) for table, history in histories.items()} for day in part}
            yield SnapshotBlock(connection, pipeline.view, part, _entities(tables, pipeline, part), inputs)


def _order(view: FeatureView) -> str:
    """The columns that tell each row of a day from every other."""
    keys, cadence = [field.name for field in view.entity_columns], cadence_of(view)
    times = ["event_timestamp", "created_timestamp"] if cadence.is_of_events else ["event_timestamp"]
    return ", ".join([*keys, *times] if cadence.step < DAY or cadence.is_of_events else keys)


def _day_of(view: FeatureView) -> str:
    """The day whose partition holds a row: the one that its instant ends, or on which its event became known."""
    if cadence_of(view).is_of_events:
        return "CAST(created_timestamp AS DATE)"
    return "CAST(event_timestamp - INTERVAL 1 MICROSECOND AS DATE)"


def _statement(view: FeatureView, source: str, part: tuple[date, ...]) -> str:
    """What computes a block: the days between those of the part are dropped, what lies outside is not."""
    chosen_days = set(part)
    between = ", ".join(f"DATE '{day}'" for day in Days(part[0], part[-1]) if day not in chosen_days)
    condition = f"WHERE (snapshot_on NOT IN ({between})) IS NOT FALSE" if between else ""
    # Each day is read on its own later. Transforms leave its rows scattered, so that every read was one of all.
    by_day = "ORDER BY snapshot_on" if len(part) > 1 else ""
    return (
        f"CREATE OR REPLACE TABLE {RELATION} AS SELECT * FROM "
        f"(SELECT *, {_day_of(view)} AS snapshot_on FROM {source}) {condition} {by_day}"
    )


def _entities(tables: RawTables, pipeline: ViewPipeline, part: tuple[date, ...]) -> dict[date, int]:
    """How many entities must have a snapshot on each day, for the views in which each has one a day."""
    if pipeline.population is None:
        return {}
    counts = pipeline.population(tables, Days(part[0], part[-1]))
    return {day: counts.get(epoch_day(day), 0) for day in part}


def _rows_a_day(tables: RawTables, pipeline: ViewPipeline, days: Days) -> int:
    """How many rows a day has: of events on average, else at most."""
    table, cadence = tables[pipeline.reads[0]], cadence_of(pipeline.view)
    if cadence.is_of_events:
        known = day_of(table[pipeline.reads[0].known])
        rows = table.filter((known >= days.start) & (known < days.stop)).count().execute()
        return int(rows) // (days.stop - days.start)
    return int(table[pipeline.key].nunique().execute()) * (DAY // cadence.step)


def _parts(days: Iterable[date], rows_a_day: int) -> Iterator[tuple[date, ...]]:
    """Days that are computed at once: with those between them they have the rows of a block, and no wide gap."""
    length = timedelta(days=max(1, BLOCK_ROWS // max(1, rows_a_day)))
    part: list[date] = []
    for day in days:
        if part and (day - part[0] >= length or day - part[-1] > MOST_APART):
            yield tuple(part)
            part = []
        part.append(day)
    if part:
        yield tuple(part)
