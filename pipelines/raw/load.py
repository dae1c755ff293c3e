"""Loading raw tables: source rows in, a file of good rows and a file of refused rows a day out.

Work goes block by block of days, so that memory is bounded by a block and a killed load resumes where it stood. While
one block is written by two threads the next is read. Of several rows with one key that became known on one day the
latest counts; versions that differ by day are all kept, since a snapshot of the days between saw the older one.
"""

from __future__ import annotations

import hashlib
import os
from collections import Counter
from collections.abc import Callable, Iterator, Mapping
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import ExitStack, closing
from dataclasses import dataclass, field, replace
from datetime import UTC, date, datetime
from tempfile import TemporaryDirectory

import duckdb

from pipelines.raw.admission import Admission, admit
from pipelines.raw.block import Block
from pipelines.raw.contracts import TABLES, RawTable
from pipelines.raw.mapping import MappingFile
from pipelines.raw.scan import BadSourceError, Rejected, Scan, Work
from pipelines.raw.sources import Source
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
    block_rows: int = 1_000_000


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


def load(
    source: Source,
    store: RawStore,
    mapping: MappingFile | None = None,
    options: LoadOptions = LoadOptions(),
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
        except BadSourceError as problem:
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
    with ExitStack() as until_done:
        spill = until_done.enter_context(TemporaryDirectory(prefix=f".loading-{table.name}-", dir=store.home))
        connection = until_done.enter_context(closing(_connect(options, spill)))
        work = Work(connection, until_done)
        scans, admissions = [], []
        for number, item in enumerate(items):
            if not source.has(item):
                raise BadSourceError(f"{table.name}: {source} has no {item!r}, which the mapping names.")
            plain = parts[number].copies(table.known) if parts else table.known
            scan = source.scan(work, item, f"source_{number}", (plain, since) if plain and since else None)
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
        rejected = tuple(line for scan in self.scans for line in scan.rejected)
        offered = self._rows_by_day()
        if rejected or None in ledger:
            offered.setdefault(None, 0)
        wanted = {
            day: rows
            for day, rows in sorted(offered.items(), key=_day_order)
            if self._is_wanted(ledger.get(day), rows + (0 if day else len(rejected)))
        }
        total = sum(wanted.values())
        done: list[DayCounts] = []
        pending: list[Future[DayCounts]] = []
        self.progress(self.table.name, 0, total)
        with ThreadPoolExecutor(max_workers=2, thread_name_prefix="write") as writers:
            for number, offered_now in enumerate(_blocks(wanted, self.options.block_rows)):
                # Two tables in turn: one is being written while the other is filled.
                block = Block(self.connection, self.table, f"block_{number % 2}")
                counts = self._filled(block, offered_now)
                done += [future.result() for future in pending]
                self.progress(self.table.name, sum(one.read for one in done), total)
                pending = [writers.submit(self._write, block, day, counts[day], rejected) for day in offered_now]
            done += [future.result() for future in pending]
        self.progress(self.table.name, total, total)
        return self._report(done, days_unchanged=len(offered) - len(wanted))

    def _filled(self, block: Block, offered: Mapping[date | None, int]) -> dict[date | None, DayCounts]:
        try:
            return block.fill(self.admissions, offered)
        except (duckdb.IOException, duckdb.InvalidInputException) as problem:
            msg = f"{self.table.name}: the source broke off while it was read ({str(problem).splitlines()[0]})."
            raise BadSourceError(msg) from problem
        finally:
            for scan in self.scans:
                scan.verify_unchanged()

    def _write(self, block: Block, day: date | None, counts: DayCounts, rejected: tuple[Rejected, ...]) -> DayCounts:
        # Lines that were no rows have no day either.
        lines = () if day else rejected
        reasons = Counter(counts.reasons) + Counter(line.reason for line in lines)
        whole = replace(
            counts,
            read=counts.read + len(lines),
            quarantined=counts.quarantined + len(lines),
            reasons=dict(sorted(reasons.items())),
            declaration=self.declaration,
        )
        block.write_day(self.store, day, whole, lines)
        return whole

    def _rows_by_day(self) -> dict[date | None, int]:
        union = " UNION ALL ".join(admission.dated for admission in self.admissions)
        where = "true"
        if self.options.first:
            where += f" AND (known_on >= DATE '{self.options.first}' OR known_on IS NULL)"
        if self.options.last:
            where += f" AND (known_on <= DATE '{self.options.last}' OR known_on IS NULL)"
        query = f"SELECT known_on, count(*) FROM ({union}) WHERE {where} GROUP BY known_on"
        return dict(self.connection.execute(query).fetchall())

    def _is_wanted(self, before: DayCounts | None, read: int) -> bool:
        if before is None or self.options.again or before.declaration != self.declaration:
            return True
        return before.read != read

    def _report(self, done: list[DayCounts], days_unchanged: int) -> TableReport:
        reasons: dict[str, int] = {}
        for counts in done:
            for reason, rows in counts.reasons.items():
                reasons[reason] = reasons.get(reason, 0) + rows
        return TableReport(
            self.table.name,
            read=sum(counts.read for counts in done),
            loaded=sum(counts.loaded for counts in done),
            quarantined=sum(counts.quarantined for counts in done),
            superseded=sum(counts.superseded for counts in done),
            reasons=dict(sorted(reasons.items(), key=lambda item: (-item[1], item[0]))),
            days_loaded=len(done),
            days_unchanged=days_unchanged,
            left_out=sum(admission.left_out for admission in self.admissions),
            unused=tuple(dict.fromkeys(column for admission in self.admissions for column in admission.unused)),
        )


def _blocks(wanted: Mapping[date | None, int], rows: int) -> Iterator[dict[date | None, int]]:
    """Days in order, so many at a time that a block holds about `rows` rows; undated rows are a block of their own."""
    block: dict[date | None, int] = {}
    for day, count in wanted.items():
        if block and (None in block or day is None or sum(block.values()) + count > rows):
            yield block
            block = {}
        block[day] = count
    if block:
        yield block


def _day_order(item: tuple[date | None, int]) -> date:
    return item[0] or date.min
