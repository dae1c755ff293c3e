"""Loading raw tables: source rows in, a file of good rows and a file of refused rows a day out.

Work goes block by block of days, so that memory is bounded by a block and a killed load resumes where it stood. While
one block is written by two threads the next is read. Of several rows with one key that became known on one day the
latest counts; versions that differ by day are all kept, since a snapshot of the days between saw the older one.
"""

from __future__ import annotations

import hashlib
import os
from collections.abc import Callable, Iterable, Mapping
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import closing
from dataclasses import dataclass, field
from datetime import UTC, date, datetime, timedelta
from pathlib import Path
from tempfile import TemporaryDirectory

import duckdb

from pipelines.raw.admission import Admission, admit
from pipelines.raw.checks import name
from pipelines.raw.contracts import TABLES, RawTable
from pipelines.raw.mapping import MappingFile
from pipelines.raw.sources import BadSource, Rejected, Scan, Source
from pipelines.raw.store import DayCounts, RawStore, quoted

Progress = Callable[[str, int, int], None]


@dataclass(frozen=True)
class LoadOptions:
    """How to load: which tables and days, and with how much of the machine."""

    tables: tuple[str, ...] = ()
    first: date | None = None
    last: date | None = None
    again: bool = False
    now: datetime | None = None
    memory: str = "2GB"
    threads: int = field(default_factory=lambda: min(os.cpu_count() or 1, 8))
    block_rows: int = 2_000_000


@dataclass(frozen=True)
class TableReport:
    """What became of one table: `read` is `loaded + quarantined + superseded`; a problem means it was stopped."""

    table: str
    read: int = 0
    loaded: int = 0
    quarantined: int = 0
    superseded: int = 0
    reasons: Mapping[str, int] = field(default_factory=dict)
    days_loaded: int = 0
    days_unchanged: int = 0
    left_out: int = 0
    unused: tuple[str, ...] = ()
    absent: bool = False
    problem: str = ""


class CountsDoNotAddUp(AssertionError):
    """Rows were lost or made between reading and writing: a fault of the loader, never of the data."""


def load(
    source: Source,
    store: RawStore,
    mapping: MappingFile | None = None,
    options: LoadOptions = LoadOptions(),  # noqa: B008  frozen
    progress: Progress = lambda _table, _done, _total: None,
) -> list[TableReport]:
    """Load raw tables from a source. One table that cannot be read does not keep the others from being loaded."""
    reports = []
    for table in TABLES:
        if options.tables and table.name not in options.tables:
            continue
        try:
            with store.loading(table.name):
                reports.append(_load_table(source, store, table, mapping, options, progress))
        except BadSource as problem:
            reports.append(TableReport(table.name, problem=str(problem)))
    return reports


def _load_table(
    source: Source,
    store: RawStore,
    table: RawTable,
    mapping: MappingFile | None,
    options: LoadOptions,
    progress: Progress,
) -> TableReport:
    parts = mapping.parts.get(table.name, ()) if mapping else ()
    items = [part.item for part in parts] if mapping else [table.name]
    if not mapping and not source.has(table.name):
        return TableReport(table.name, absent=True)
    if not items:
        return TableReport(table.name, absent=True)
    now = options.now or datetime.now(UTC)
    ledger = store.ledger(table.name)
    declaration = hashlib.sha256(repr((table, mapping.text if mapping else "")).encode()).hexdigest()[:16]
    since = _resume_from(ledger, declaration, options)
    store.home.mkdir(parents=True, exist_ok=True)
    with TemporaryDirectory(prefix=".loading-", dir=store.home) as spill, closing(_connect(options, spill)) as connection:
        scans, admissions = [], []
        for number, item in enumerate(items):
            if not source.has(item):
                raise BadSource(f"{table.name}: {source} has no {item!r}, which the mapping names.")
            plain = parts[number].copies(table.known) if parts else table.known
            scan = source.scan(connection, item, f"source_{number}", (plain, since) if plain and since else None)
            mapped = parts[number].compile(scan.columns) if parts else None
            scans.append(scan)
            admissions.append(admit(connection, table, scan, mapped, now))
        loading = _Loading(connection, store, table, declaration, tuple(scans), tuple(admissions), options, progress)
        return loading.run(ledger)


def _connect(options: LoadOptions, spill: str) -> duckdb.DuckDBPyConnection:
    connection = duckdb.connect()
    connection.execute("SET TimeZone = 'UTC'")
    connection.execute(f"SET threads = {options.threads}")
    connection.execute(f"SET memory_limit = {quoted(options.memory)}")
    connection.execute(f"SET temp_directory = {quoted(spill)}")
    # Rows are ordered where they are written; keeping them so before that would only cost memory.
    connection.execute("SET preserve_insertion_order = false")
    connection.execute("SET enable_progress_bar = false")
    return connection


def _resume_from(ledger: Mapping[date | None, DayCounts], declaration: str, options: LoadOptions) -> date | None:
    """The first day worth asking a database for: the last one loaded, since it may have been loaded half past."""
    days = [day for day in ledger if day]
    if options.first or options.again or not days or any(one.declaration != declaration for one in ledger.values()):
        return options.first
    return max(days)


@dataclass
class _Loading:
    """One table being loaded."""

    connection: duckdb.DuckDBPyConnection
    store: RawStore
    table: RawTable
    declaration: str
    scans: tuple[Scan, ...]
    admissions: tuple[Admission, ...]
    options: LoadOptions
    progress: Progress

    def run(self, ledger: Mapping[date | None, DayCounts]) -> TableReport:
        rejected = [one for scan in self.scans for one in scan.rejected]
        offered = self._rows_by_day()
        if rejected or None in ledger:
            offered.setdefault(None, 0)
        wanted = {day: rows for day, rows in sorted(offered.items(), key=_day_order) if self._is_wanted(day, rows, ledger)}
        total = sum(wanted.values())
        done: dict[date | None, DayCounts] = {}
        self.progress(self.table.name, 0, total)
        with ThreadPoolExecutor(max_workers=2, thread_name_prefix="write") as writers:
            pending: list[Future[None]] = []
            for number, block in enumerate(_blocks(wanted, self.options.block_rows)):
                relation = f"block_{number % 2}"
                counts = self._stage(relation, block, wanted)
                for scan in self.scans:
                    scan.verify_unchanged()
                _await(pending)
                pending = [
                    writers.submit(self._write, relation, day, counts[day], rejected if day is None else ()) for day in block
                ]
                done |= counts
                self.progress(self.table.name, sum(wanted[day] for day in done), total)
            _await(pending)
        if None in done and rejected:
            done[None] = _with_rejected(done[None], rejected)
        return self._report(done, days_unchanged=len(offered) - len(wanted))

    def _rows_by_day(self) -> dict[date | None, int]:
        union = " UNION ALL ".join(admission.dated for admission in self.admissions)
        where = "true"
        if self.options.first:
            where += f" AND (known_on >= DATE '{self.options.first}' OR known_on IS NULL)"
        if self.options.last:
            where += f" AND (known_on <= DATE '{self.options.last}' OR known_on IS NULL)"
        query = f"SELECT known_on, count(*) FROM ({union}) WHERE {where} GROUP BY known_on"
        return dict(self._execute(query))

    def _is_wanted(self, day: date | None, rows: int, ledger: Mapping[date | None, DayCounts]) -> bool:
        before = ledger.get(day)
        if before is None or self.options.again or before.declaration != self.declaration:
            return True
        rejected = sum(len(scan.rejected) for scan in self.scans) if day is None else 0
        return before.read != rows + rejected

    def _stage(
        self, relation: str, block: list[date | None], wanted: Mapping[date | None, int]
    ) -> dict[date | None, DayCounts]:
        """Read the rows of some days, drop those that a later one of the same day replaces, and count."""
        known, key = name(self.table.known), ", ".join(map(name, self.table.key))
        days = [day for day in block if day]
        where = "known_on IS NULL"
        if days:
            end = days[-1] + timedelta(days=1)
            where = f"{known} >= '{days[0]} 00:00:00+00' AND {known} < '{end} 00:00:00+00' AND known_on IS NOT NULL"
            if len(days) <= (days[-1] - days[0]).days:
                where += f" AND known_on IN ({', '.join(quoted(str(day)) for day in days)})"
        union = " UNION ALL ".join(f"SELECT * FROM ({admission.rows}) WHERE {where}" for admission in self.admissions)
        self._execute(f"CREATE OR REPLACE TABLE {relation} AS {union}")
        twice = f"SELECT known_on, {key} FROM {relation} WHERE reasons IS NULL GROUP BY ALL HAVING count(*) > 1"
        others = ", ".join(name(column.name) for column in self.table.columns)
        replaced = (
            f"SELECT id, known_on FROM (SELECT r.rowid AS id, r.known_on, row_number() OVER "
            f"(PARTITION BY known_on, {key} ORDER BY {known} DESC, {others}) AS place "
            f"FROM {relation} r JOIN ({twice}) USING (known_on, {key}) WHERE r.reasons IS NULL) WHERE place > 1"
        )
        self._execute(f"CREATE OR REPLACE TABLE replaced AS {replaced}")
        superseded = dict(self._execute("SELECT known_on, count(*) FROM replaced GROUP BY known_on"))
        if superseded:
            self._execute(f"DELETE FROM {relation} WHERE rowid IN (SELECT id FROM replaced)")
        reasons: dict[date | None, dict[str, int]] = {}
        for day, reason, rows in self._execute(
            f"SELECT known_on, reason, count(*) FROM (SELECT known_on, unnest(reasons) AS reason FROM {relation} "
            "WHERE reasons IS NOT NULL) GROUP BY ALL ORDER BY ALL"
        ):
            reasons.setdefault(day, {})[reason] = rows
        found = {
            day: (good, bad)
            for day, good, bad in self._execute(
                f"SELECT known_on, count(*) FILTER (reasons IS NULL), count(*) FILTER (reasons IS NOT NULL) "
                f"FROM {relation} GROUP BY known_on"
            )
        }
        counts = {}
        for day in block:
            good, bad = found.get(day, (0, 0))
            counts[day] = DayCounts(wanted[day], good, bad, superseded.get(day, 0), reasons.get(day, {}), self.declaration)
            if wanted[day] != good + bad + superseded.get(day, 0):
                msg = (
                    f"{self.table.name}, {day or 'undated'}: {wanted[day]} rows were read, but {good} loaded, "
                    f"{bad} quarantined and {superseded.get(day, 0)} superseded."
                )
                raise CountsDoNotAddUp(msg)
        return counts

    def _write(self, relation: str, day: date | None, counts: DayCounts, rejected: Iterable[Rejected]) -> None:
        columns = ", ".join(name(column.name) for column in self.table.columns)
        of_day = f"known_on = DATE '{day}'" if day else "known_on IS NULL"
        good = (
            f"SELECT {columns} FROM {relation} WHERE {of_day} AND reasons IS NULL "
            f"ORDER BY {', '.join(map(name, self.table.key))}"
        )
        bad = f"SELECT reasons, origin, row FROM {relation} WHERE {of_day} AND reasons IS NOT NULL"
        lines = list(rejected)
        if lines:
            values = ", ".join(
                f"([{quoted(line.reason)}], {quoted(line.origin)}, {quoted(line.text)})" for line in lines
            )
            bad += f" UNION ALL SELECT * FROM (VALUES {values})"
            counts = _with_rejected(counts, lines)
        with closing(self.connection.cursor()) as cursor:
            self.store.commit(cursor, self.table.name, day, good, f"{bad} ORDER BY ALL", counts)

    def _report(self, done: Mapping[date | None, DayCounts], days_unchanged: int) -> TableReport:
        reasons: dict[str, int] = {}
        for counts in done.values():
            for reason, rows in counts.reasons.items():
                reasons[reason] = reasons.get(reason, 0) + rows
        return TableReport(
            self.table.name,
            read=sum(counts.read for counts in done.values()),
            loaded=sum(counts.loaded for counts in done.values()),
            quarantined=sum(counts.quarantined for counts in done.values()),
            superseded=sum(counts.superseded for counts in done.values()),
            reasons=dict(sorted(reasons.items(), key=lambda item: (-item[1], item[0]))),
            days_loaded=len(done),
            days_unchanged=days_unchanged,
            left_out=sum(admission.left_out for admission in self.admissions),
            unused=tuple(dict.fromkeys(column for admission in self.admissions for column in admission.unused)),
        )

    def _execute(self, query: str) -> list[tuple]:  # type: ignore[type-arg]
        try:
            return self.connection.execute(query).fetchall()
        except (duckdb.IOException, duckdb.InvalidInputException) as problem:
            msg = f"{self.table.name}: a file broke off while it was read ({str(problem).splitlines()[0]})."
            raise BadSource(msg) from problem


def _with_rejected(counts: DayCounts, lines: Iterable[Rejected]) -> DayCounts:
    reasons = dict(counts.reasons)
    number = 0
    for number, line in enumerate(lines, start=1):
        reasons[line.reason] = reasons.get(line.reason, 0) + 1
    return DayCounts(
        counts.read + number, counts.loaded, counts.quarantined + number, counts.superseded, reasons, counts.declaration
    )


def _blocks(wanted: Mapping[date | None, int], rows: int) -> Iterable[list[date | None]]:
    """Days in order, so many at a time that a block holds about `rows` rows; the undated rows are a block of their own."""
    block: list[date | None] = []
    held = 0
    for day, count in wanted.items():
        if block and (day is None or block[-1] is None or held + count > rows):
            yield block
            block, held = [], 0
        block.append(day)
        held += count
    if block:
        yield block


def _day_order(item: tuple[date | None, int]) -> date:
    return item[0] or date.min


def _await(pending: Iterable[Future[None]]) -> None:
    for future in pending:
        future.result()


def home_folder() -> Path:
    """The folder that all state lives under: TIDEMARK_HOME, or .tidemark here."""
    return Path(os.environ.get("TIDEMARK_HOME", ".tidemark")).absolute()
