"""Loading raw tables: source rows in, a file of good rows and a file of refused rows a day out.

Work goes block by block of days, so that memory is bounded by a block and a killed load resumes where it stood. While
one block is written by two threads the next is read. Of several rows with one key that became known on one day the
latest counts; versions that differ by day are all kept, since a snapshot of the days between saw the older one.

The source is the truth: a day of which it holds other rows than were loaded is written anew, one of which it holds
none any more is emptied. What says so is a sum over all cells, which costs less than writing them again.
"""

from __future__ import annotations

import hashlib
import os
from collections import Counter
from collections.abc import Callable, Mapping
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import ExitStack, closing
from dataclasses import dataclass, field, replace
from datetime import UTC, date, datetime
from difflib import get_close_matches
from pathlib import Path
from tempfile import TemporaryDirectory

import duckdb

from pipelines.raw.all_refused import all_refused
from pipelines.raw.block import NO_CONTENT, RowBlock, blocks_of, content_of
from pipelines.raw.contracts import RawTable
from pipelines.raw.expressions import nearest
from pipelines.raw.last_load import LastLoad
from pipelines.raw.lost_rows import LostRowsGuard
from pipelines.raw.mapping import Mapped, MappingFile, Part
from pipelines.raw.resume import resume_from
from pipelines.raw.row_validation import RowValidation, validate_rows
from pipelines.raw.scan import BadSourceError, Known, Rejected, Scan, SourceAwayError, Work
from pipelines.raw.sources import RawSource
from pipelines.raw.store import BadHomeError, DayCounts, RawStore
from pipelines.raw.tables import TABLES
from pipelines.raw.value_guard import ValueGuard
from pipelines.raw.workspace import broken_off, connect

Progress = Callable[[str, int, int], None]
_NAMES_SHOWN = 50


@dataclass(frozen=True)
class LoadOptions:
    """How to load: which tables and days, and with how much of the machine.

    `max_drop` is the share of the good rows loaded before that a load may take away; with 1 it may take all.
    `accepted` names columns, as in deals.price, whose values may jump.
    """

    tables: tuple[str, ...] = ()
    first: date | None = None
    last: date | None = None
    again: bool = False
    now: datetime | None = None
    memory: str = "2GB"
    threads: int = field(default_factory=lambda: min(os.cpu_count() or 1, 8))
    block_rows: int = 1_000_000
    max_drop: float = 0.2
    accepted: tuple[str, ...] = ()


@dataclass(frozen=True)
class LoadReport:
    """What became of one table: `read` is `loaded + quarantined + superseded`.

    Where an entry of the mapping groups, its loaded rows are `summed_up` from so many rows of the source, and with the
    refused ones `source_refused` went.

    A problem means that it was stopped before anything was written, or, if rows were read, that none of them is good.
    """

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
    days_emptied: int = 0
    summed_up: int = 0
    source_refused: int = 0
    absent: bool = False
    warnings: tuple[str, ...] = ()
    problem: str = ""


def load(
    source: RawSource,
    store: RawStore,
    mapping: MappingFile | None = None,
    options: LoadOptions = LoadOptions(),
    progress: Progress = lambda _table, _done, _total: None,
) -> list[LoadReport]:
    """Load raw tables from a source. One table that cannot be read does not keep the others from being loaded."""
    if options.first and options.last and options.first > options.last:
        raise BadSourceError(f"the first day asked for, {options.first}, is after the last, {options.last}.")
    try:
        store.home.mkdir(parents=True, exist_ok=True)
    except OSError as problem:
        msg = f"{store.home}: cannot be the home of loaded data ({problem.strerror}). Name another folder."
        raise BadHomeError(msg) from problem
    tables = [table for table in TABLES if not options.tables or table.name in options.tables]
    reports = []
    # All at once and until the end, or loads from two sources would leave some tables of the one and some of the other.
    with store.loading(*(table.name for table in tables)):
        for table in tables:
            try:
                if mapping.parts.get(table.name) if mapping else source.has(table.name):
                    reports.append(_load_table(source, store, table, mapping, options, progress))
                else:
                    reports.append(LoadReport(table.name, absent=True))
            except (BadSourceError, BadHomeError) as problem:
                reports.append(LoadReport(table.name, problem=str(problem)))
                if isinstance(problem, SourceAwayError):
                    break
            except OSError as problem:
                message = f"{table.name}: {source} or {store.home} cannot be used ({problem})."
                reports.append(LoadReport(table.name, problem=message))
        ended = f"{datetime.now(UTC):%Y-%m-%d %H:%M} UTC"
        for report in reports:
            if not report.absent:
                LastLoad(report.table, str(source), ended, report.problem).keep(store.home)
    return reports


def _load_table(
    source: RawSource,
    store: RawStore,
    table: RawTable,
    mapping: MappingFile | None,
    options: LoadOptions,
    progress: Progress,
) -> LoadReport:
    parts = mapping.parts[table.name] if mapping else (Part.plain(table),)
    ledger = store.ledger(table.name)
    declaration = hashlib.sha256(repr((table, mapping.text if mapping else "")).encode()).hexdigest()[:16]
    for part in parts:
        if not source.has(part.item.word("a name")):
            held = source.items()
            close = get_close_matches(str(part.item.value), held)
            offered = nearest(str(part.item.value), dict.fromkeys([*close, *held[:_NAMES_SHOWN]]))
            raise BadSourceError(str(part.item.error_at(f"{source} has no {part.item}; {offered}")))
    current = not options.again and all(counts.declaration == declaration for counts in ledger.values())
    since = options.first or (resume_from(source, parts, ledger) if current else None)
    with ExitStack() as until_done:
        spill = Path(until_done.enter_context(TemporaryDirectory(prefix=f".loading-{table.name}-", dir=store.home)))
        connection = until_done.enter_context(closing(connect(spill, options.memory, options.threads)))
        work = Work(connection, until_done, spill)
        opened: list[tuple[Part, Scan, Mapped | None]] = []
        try:
            for number, part in enumerate(parts):
                known = part.copies(table.known)
                asked = Known(known, since) if known and since else None
                scan = source.scan(work, part.item.word("a name"), f"source_{number}", asked, part.exact())
                mapped = part.compile(scan.columns) if mapping else None
                # What is a mapping's, or text, is looked at before it is read.
                opened.append((part, scan.kept(connection) if mapped or scan.numerals else scan, mapped))
            now = options.now or datetime.now(UTC)
            validations = tuple(validate_rows(connection, table, scan, mapped, now) for _, scan, mapped in opened)
            scans = tuple(scan for _, scan, _ in opened)
            loading = _Loading(connection, store, table, declaration, since, scans, validations, options, progress)
            return loading.run(ledger)
        except duckdb.Error as problem:
            for part, scan, mapped in opened:
                part.locate_error(connection, scan.relation, mapped)
            raise broken_off(table.name, store.home, problem) from problem


@dataclass
class _Loading:
    """One table being loaded."""

    connection: duckdb.DuckDBPyConnection
    store: RawStore
    table: RawTable
    declaration: str
    since: date | None
    scans: tuple[Scan, ...]
    validations: tuple[RowValidation, ...]
    options: LoadOptions
    progress: Progress

    def run(self, ledger: Mapping[date | None, DayCounts]) -> LoadReport:
        rejected = tuple(line for scan in self.scans for line in scan.rejected)
        offered = self._offered(ledger, rejected)
        wanted = {
            day: rows
            for day, (rows, content) in sorted(offered.items(), key=lambda item: item[0] or date.min)
            if self._is_wanted(ledger.get(day), rows + (0 if day else len(rejected)), content)
        }
        guard = LostRowsGuard(
            self.connection, self.table, self.validations, self.declaration, self.options.max_drop, len(rejected)
        )
        guard.require_kept(ledger, offered, wanted)
        values = ValueGuard(
            self.connection, self.store, self.table, self.validations, self.declaration, self.options.accepted
        )
        shifts = values.require_alike(ledger, wanted)
        total = sum(wanted.values())
        done: list[DayCounts] = []
        pending: list[Future[DayCounts]] = []
        self.progress(self.table.name, 0, total)
        with ThreadPoolExecutor(max_workers=2, thread_name_prefix="write") as writers:
            for number, offered_now in enumerate(blocks_of(wanted, self.options.block_rows)):
                # Two tables in turn: one is being written while the other is filled.
                block = RowBlock(self.connection, self.table, f"block_{number % 2}")
                counts = self._filled(block, offered_now)
                done += [future.result() for future in pending]
                self.progress(self.table.name, sum(one.read for one in done), total)
                pending = [writers.submit(self._write, block, day, counts[day], rejected) for day in offered_now]
            done += [future.result() for future in pending]
        self.progress(self.table.name, total, total)
        emptied = sum(1 for day, rows in wanted.items() if day and not rows and ledger[day].read)
        report = self._report(done, days_emptied=emptied, days_unchanged=len(offered) - len(wanted))
        unchanged = [ledger[day] for day in offered if day not in wanted]
        problem = all_refused(self.table.name, done, unchanged)
        return replace(report, problem=problem, warnings=(*report.warnings, *shifts))

    def _filled(self, block: RowBlock, offered: Mapping[date | None, int]) -> dict[date | None, DayCounts]:
        try:
            return block.fill(self.validations, offered)
        finally:
            for scan in self.scans:
                scan.verify_unchanged()

    def _write(self, block: RowBlock, day: date | None, counts: DayCounts, rejected: tuple[Rejected, ...]) -> DayCounts:
        # Lines that were no rows have no day either.
        lines = () if day else rejected
        reasons = Counter(counts.reasons) + Counter(line.reason for line in lines)
        whole = replace(
            counts,
            read=counts.read + len(lines),
            quarantined=counts.quarantined + len(lines),
            source_quarantined=(counts.source_quarantined or 0) + len(lines),
            reasons=dict(sorted(reasons.items())),
            declaration=self.declaration,
            content=content_of(counts.content, lines),
        )
        block.write_day(self.store, day, whole, lines)
        return whole

    def _offered(
        self, ledger: Mapping[date | None, DayCounts], rejected: tuple[Rejected, ...]
    ) -> dict[date | None, tuple[int, str]]:
        """The rows of each day, and what they hold: also of days that were loaded and of which there are none now."""
        first, last = self.since or date.min, self.options.last or date.max
        union = " UNION ALL ".join(validation.dated for validation in self.validations)
        # Reading every cell is worth it only where that may spare writing them.
        comparable = (
            any(counts.declaration == self.declaration for counts in ledger.values()) and not self.options.again
        )
        cells = "sum(cells)" if comparable else "0"
        query = f"SELECT known_on, count(*), {cells} FROM ({union}) GROUP BY known_on"
        found = {day: (rows, f"{cells:x}") for day, rows, cells in self.connection.execute(query).fetchall()}
        gone = dict.fromkeys([*ledger, *([None] if rejected else [])], (0, NO_CONTENT))
        # Days are left out only here, since a condition on a computed day costs more than to count it.
        offered = {day: held for day, held in (gone | found).items() if day is None or first <= day <= last}
        if None in offered:
            rows, content = offered[None]
            offered[None] = (rows, content_of(content, rejected))
        return offered

    def _is_wanted(self, before: DayCounts | None, read: int, content: str) -> bool:
        if before is None or self.options.again or before.declaration != self.declaration:
            return True
        return (before.read, before.content) != (read, content)

    def _report(self, done: list[DayCounts], *, days_emptied: int, days_unchanged: int) -> LoadReport:
        grouped = any(validation.grouped for validation in self.validations)
        reasons: dict[str, int] = {}
        for counts in done:
            for reason, rows in counts.reasons.items():
                reasons[reason] = reasons.get(reason, 0) + rows
        return LoadReport(
            self.table.name,
            read=sum(counts.read for counts in done),
            loaded=sum(counts.loaded for counts in done),
            quarantined=sum(counts.quarantined for counts in done),
            superseded=sum(counts.superseded for counts in done),
            reasons=dict(sorted(reasons.items(), key=lambda item: (-item[1], item[0]))),
            days_loaded=len(done),
            days_unchanged=days_unchanged,
            days_emptied=days_emptied,
            summed_up=sum(counts.source_loaded or 0 for counts in done) if grouped else 0,
            source_refused=sum(counts.source_quarantined or 0 for counts in done) if grouped else 0,
            left_out=sum(validation.left_out for validation in self.validations),
            warnings=tuple(warning for validation in self.validations for warning in validation.warnings),
            unused=tuple(dict.fromkeys(column for validation in self.validations for column in validation.unused)),
        )
