"""The guard before a load writes: a batch that would take too many good rows away is stopped while they are there.

A source is the truth, so a day that it no longer has is emptied. But a file with a header alone, or a column that came
in another form, looks the same as a source that was really emptied, and what serves is made of these rows.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import date

import duckdb

from pipelines.raw.checks import name
from pipelines.raw.contracts import RawTable
from pipelines.raw.row_validation import RowValidation, rows_of
from pipelines.raw.scan import BadSourceError
from pipelines.raw.store import DayCounts
from training.wording import counted

Ledger = Mapping[date | None, DayCounts]

_REMEDY = (
    "This table was left as it was. Mend the source or the mapping, or load with --max-drop 1 if what it holds is "
    "right (TIDEMARK_MAX_DROP=1 for runs in the UI)."
)


class LostRowsError(BadSourceError):
    """A load that would take more good rows away than it may."""


@dataclass(frozen=True)
class LostRowsGuard:
    """What it takes to count the good rows that a load would leave of those that were loaded before.

    What counts are rows of the source. Of rows that are sums of others there may be fewer or more for good reasons,
    such as another period, and the wrong dates of few source rows may make more groups than the right ones of many.
    """

    connection: duckdb.DuckDBPyConnection
    table: RawTable
    validations: Sequence[RowValidation]
    declaration: str
    max_drop: float
    rejected: int = 0

    def require_kept(self, ledger: Ledger, covered: Iterable[date | None], changed: Mapping[date | None, int]) -> None:
        """Stop if too many good rows of the covered days would be lost by writing the changed ones.

        If the mapping or the contract changed as well, rows may move to other days, and only their total counts. New
        rows could then make up for lost ones, so the share of refused rows must not rise by more either.
        """
        days = [day for day in covered if day in ledger]
        by_source = _count_source_rows(ledger[day] for day in days)
        loaded = {day: _good(ledger[day], by_source=by_source) for day in days}
        if self.max_drop >= 1 or not any(loaded.get(day) for day in changed):
            return
        good = self._good_rows(changed, by_source=by_source)
        redeclared = any(ledger[day].declaration not in ("", self.declaration) for day in loaded if day in changed)
        compared = {*loaded, *changed} if redeclared else loaded.keys()
        before = sum(loaded.values())
        after = sum(good.get(day, 0) if day in changed else loaded.get(day, 0) for day in compared)
        lost, read = before - after, sum(changed.values())
        all_refused = read > 0 and not good
        if lost > self.max_drop * before or (lost > 0 and all_refused):
            raise LostRowsError(self._loss(lost, before, ledger, changed, all_refused=all_refused))
        if redeclared and by_source:
            self._require_no_more_refused([ledger[day] for day in loaded if day in changed], good, changed)

    def _require_no_more_refused(
        self, before: Sequence[DayCounts], good: Mapping[date | None, int], changed: Mapping[date | None, int]
    ) -> None:
        loaded, refused = sum(good.values()), self._refused_source_rows(changed)
        share = refused / (loaded + refused) if refused else 0.0
        good_before = sum(_good(counts, by_source=True) for counts in before)
        refused_before = sum(
            counts.quarantined if counts.source_quarantined is None else counts.source_quarantined for counts in before
        )
        share_before = refused_before / (good_before + refused_before)
        if share > share_before + self.max_drop:
            raise LostRowsError(
                f"{self.table.name}: {refused:,} of {counted(loaded + refused, 'source row')} would be refused "
                f"({_percent(share)}; {_percent(share_before)} before, and at most {_percent(self.max_drop)} more may "
                f"be), and the others would replace {good_before:,} good ones. Refused: {self._reasons(changed)}. "
                f"{_REMEDY}"
            )

    def _loss(
        self, lost: int, before: int, ledger: Ledger, changed: Mapping[date | None, int], *, all_refused: bool
    ) -> str:
        allowed = "all that changed is refused" if all_refused else f"at most {_percent(self.max_drop)} may be"
        held = sum(rows for day, rows in changed.items() if day in ledger)
        reasons = self._reasons(changed)
        of_source = self._is_grouped and _count_source_rows(ledger.values())
        good = counted(before, "good source row" if of_source else "good row")
        share = f"{lost:,} of the {good}" if before > 1 else f"the {good}"
        rows = counted(held, "grouped row" if self._is_grouped else "row")
        return (
            f"{self.table.name}: {share} loaded before would be lost "
            f"({_percent(lost / before)}; {allowed}). For the days that changed the source holds {rows}"
            f"{f'; refused: {reasons}' if reasons else ''}. {_REMEDY}"
        )

    @property
    def _is_grouped(self) -> bool:
        return any(validation.grouped for validation in self.validations)

    def _good_rows(self, days: Collection[date | None], *, by_source: bool) -> dict[date | None, int]:
        """How many good rows of each day would be written: of several with one key only the last is."""
        key = ", ".join(map(name, self.table.key))
        if self._is_grouped and by_source:
            # The one that counts of several with one key is chosen as when a block is written.
            order = ", ".join([f"{name(self.table.known)} DESC", *(name(column.name) for column in self.table.columns)])
            rows = rows_of(self.validations, days, condition="reasons IS NULL")
            last = (
                f"SELECT DISTINCT ON (known_on, {key}) known_on, source_rows FROM ({rows}) ORDER BY known_on, {key}, "
            )
            query = f"SELECT known_on, sum(source_rows)::BIGINT FROM ({last}{order}) GROUP BY known_on"
        else:
            rows = rows_of(self.validations, days, f"DISTINCT known_on, {key}", "reasons IS NULL")
            query = f"SELECT known_on, count(*) FROM (SELECT DISTINCT * FROM ({rows})) GROUP BY known_on"
        return dict(self.connection.execute(query).fetchall())

    def _refused_source_rows(self, days: Collection[date | None]) -> int:
        wanted = set(days)
        rows = rows_of(self.validations, wanted, "source_rows", "reasons IS NOT NULL")
        query = f"SELECT coalesce(sum(source_rows), 0)::BIGINT FROM ({rows})"
        refused = int(self.connection.execute(query).fetchall()[0][0])
        return refused + (self.rejected if None in wanted else 0)

    def _reasons(self, days: Collection[date | None]) -> str:
        rows = rows_of(self.validations, days, "unnest(reasons) AS reason, source_rows", "reasons IS NOT NULL")
        query = f"SELECT reason, sum(source_rows)::BIGINT FROM ({rows}) GROUP BY reason ORDER BY 2 DESC, 1 LIMIT 3"
        return ", ".join(f"{reason} ({count:,})" for reason, count in self.connection.execute(query).fetchall())


def _count_source_rows(days: Iterable[DayCounts]) -> bool:
    """Whether every day was loaded by a release that counts them; rows and source rows do not add up."""
    return all(counts.source_loaded is not None or not counts.loaded for counts in days)


def _good(counts: DayCounts, *, by_source: bool) -> int:
    return (counts.source_loaded or 0) if by_source else counts.loaded


def _percent(share: float) -> str:
    return f"{100 * share:.0f} %"
