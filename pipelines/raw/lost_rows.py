"""The guard before a load writes: a batch that would take too many good rows away is stopped while they are there.

A source is the truth, so a day that it no longer has is emptied. But a file with a header alone, or a column that came
in another form, looks the same as a source that was really emptied, and what serves is made of these rows.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import date

import duckdb

from pipelines.parquet import quoted
from pipelines.raw.admission import Admission
from pipelines.raw.checks import name
from pipelines.raw.contracts import RawTable
from pipelines.raw.scan import BadSourceError
from pipelines.raw.store import DayCounts

Ledger = Mapping[date | None, DayCounts]


class LostRowsError(BadSourceError):
    """A load that would take more good rows away than it may."""


@dataclass(frozen=True)
class LostRowsGuard:
    """What it takes to count the good rows that a load would leave of those that were loaded before."""

    connection: duckdb.DuckDBPyConnection
    table: RawTable
    admissions: Sequence[Admission]
    declaration: str
    max_drop: float

    def require_kept(self, ledger: Ledger, covered: Iterable[date | None], changed: Mapping[date | None, int]) -> None:
        """Stop if too many good rows of the covered days would be lost by writing the changed ones.

        If the mapping or the contract changed as well, rows may move to other days, and only their total counts.
        """
        loaded = {day: ledger[day].loaded for day in covered if day in ledger}
        before = sum(loaded.values())
        if self.max_drop >= 1 or not any(loaded.get(day) for day in changed):
            return
        good = self._good_rows(changed)
        redeclared = any(ledger[day].declaration not in ("", self.declaration) for day in loaded if day in changed)
        days = {*loaded, *changed} if redeclared else loaded.keys()
        after = sum(good.get(day, 0) if day in changed else loaded.get(day, 0) for day in days)
        lost, read = before - after, sum(changed.values())
        refused = read > 0 and not good
        if lost > self.max_drop * before or (lost > 0 and refused):
            raise LostRowsError(self._message(lost, before, refused=refused, ledger=ledger, changed=changed))

    def _message(
        self, lost: int, before: int, *, refused: bool, ledger: Ledger, changed: Mapping[date | None, int]
    ) -> str:
        allowed = "all that changed is refused" if refused else f"at most {_percent(self.max_drop)} may be"
        held = sum(rows for day, rows in changed.items() if day in ledger)
        reasons = self._reasons(changed)
        return (
            f"{self.table.name}: {lost:,} of the {before:,} good rows loaded before would be lost "
            f"({_percent(lost / before)}; {allowed}). For the days that changed the source holds {held:,} rows"
            f"{f'; refused: {reasons}' if reasons else ''}. This table was left as it was. Mend the source, or load "
            "with --max-drop 1 if what it holds is right (TIDEMARK_MAX_DROP=1 for runs in the UI)."
        )

    def _good_rows(self, days: Iterable[date | None]) -> dict[date | None, int]:
        """How many good rows of each day would be written: of several with one key only the last is."""
        key = ", ".join(map(name, self.table.key))
        rows = self._union(f"DISTINCT known_on, {key}", days, "reasons IS NULL")
        query = f"SELECT known_on, count(*) FROM (SELECT DISTINCT * FROM ({rows})) GROUP BY known_on"
        return dict(self.connection.execute(query).fetchall())

    def _reasons(self, days: Iterable[date | None]) -> str:
        rows = self._union("unnest(reasons) AS reason", days, "reasons IS NOT NULL")
        query = f"SELECT reason, count(*) FROM ({rows}) GROUP BY reason ORDER BY 2 DESC, 1 LIMIT 3"
        return ", ".join(f"{reason} ({count:,})" for reason, count in self.connection.execute(query).fetchall())

    def _union(self, selected: str, days: Iterable[date | None], condition: str) -> str:
        wanted = set(days)
        listed = ", ".join(quoted(str(day)) for day in wanted if day)
        of_days = [f"known_on IN ({listed})"] if listed else []
        undated = ["known_on IS NULL"] if None in wanted else []
        where = f"{condition} AND ({' OR '.join([*of_days, *undated])})"
        return " UNION ALL ".join(f"SELECT {selected} FROM ({one.rows}) WHERE {where}" for one in self.admissions)


def _percent(share: float) -> str:
    return f"{100 * share:.0f} %"
