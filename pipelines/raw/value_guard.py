"""The guard before a load writes: values that jump from those before are stopped while the good rows are there.

A price in thousands, or two columns that changed places, breaks no contract and loses no row, and what serves is made
of it. So what a load would replace is compared with what would replace it, row by row where keys are the same, and by
quantiles; and new days with the days before them. Both are done among rows of one kind (those that agree in all
columns of fixed values), since a day of loans alone is not a day of dearer sales.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import date
from itertools import product

import duckdb

from pipelines.parquet import quoted
from pipelines.raw.checks import name
from pipelines.raw.contracts import Column, RawTable
from pipelines.raw.profiles import (
    FACTOR,
    SHIFT,
    CategoryShares,
    Profile,
    amount,
    factor_between,
    more_nothing,
    profiles_of,
    shift_between,
)
from pipelines.raw.row_validation import RowValidation, rows_of
from pipelines.raw.scan import BadSourceError
from pipelines.raw.store import DayCounts, RawStore
from training.wording import counted

Ledger = Mapping[date | None, DayCounts]

# Of rows with the same key, a correction changes few; a tenth is more than rounding.
_ROWS_CHANGED = 0.5
_TOLERANCE = 0.1
_FEWEST_ROWS = 20
# Of fewer rows than these, all must change, and by the factor.
_FEWEST_SMALL = 5
# New days are compared with at least so many days and rows before them: weekdays differ, and so do small days.
_DAYS_BEFORE = 28
_ROWS_BEFORE = 1000
# More rows than these are not compared, but only some of their days: a quantile is as sure.
_MOST_ROWS = 500_000
_BEFORE, _AFTER = "_values_before", "_values_after"


class JumpingValuesError(BadSourceError):
    """A load that would change what a column holds by more than data do."""


@dataclass(frozen=True)
class Jump:
    """A column that holds something else than before, and how that shows."""

    column: str
    evidence: str


@dataclass(frozen=True)
class ValueGuard:
    """What it takes to compare the rows that a load brings with those that were loaded before.

    `accepted` names columns, as in deals.price, that may hold whatever they do.
    """

    connection: duckdb.DuckDBPyConnection
    store: RawStore
    table: RawTable
    validations: Sequence[RowValidation]
    declaration: str
    accepted: Collection[str] = ()

    def require_alike(self, ledger: Ledger, changed: Mapping[date | None, int]) -> list[str]:
        """Stop if a column of the changed days jumps, against what they held or against the days before them.

        Gives warnings of amounts that move in new days by less than a jump and by more than they do.
        """
        if not self._columns:
            return []
        loaded = {day: counts for day, counts in ledger.items() if day and counts.loaded}
        arriving = {day: rows for day, rows in changed.items() if day and rows}
        replaced = [day for day in arriving if day in loaded]
        redeclared = any(ledger[day].declaration not in ("", self.declaration) for day in ledger if day in changed)
        jumps: list[Jump] = []
        if redeclared:
            # Rows may move to other days, so all that changes is compared with all that changes.
            left = [day for day in loaded if day in changed]
            days = _some_of({day: arriving.get(day, 0) for day in {*arriving, *left}})
            jumps += self._jumps([day for day in left if day in days], [*days], newest=True)
        elif replaced:
            days = _some_of({day: arriving[day] for day in replaced})
            jumps += self._jumps(days, days)
        new = {} if redeclared else {day: rows for day, rows in arriving.items() if day not in loaded}
        if new and loaded:
            jumps += self._jumps(_before(min(new), loaded), _some_of(new), matched=False)
        if jumps:
            raise JumpingValuesError(self._message({jump.column: jump for jump in reversed(jumps)}))
        return list(self._shifts()) if new and loaded else []

    def _message(self, jumps: Mapping[str, Jump]) -> str:
        names = ",".join(f"{self.table.name}.{column}" for column in sorted(jumps))
        evidence = "; ".join(f"{column}: {jump.evidence}" for column, jump in sorted(jumps.items()))
        return (
            f"{self.table.name}: the values jump. {evidence}. This table was left as it was. Mend the source or the "
            "mapping (a unit, columns that changed places), or, if the new values are right, load with "
            f"--accept-change {names} (TIDEMARK_ACCEPT_CHANGE={names} for runs in the UI)."
        )

    @property
    def _columns(self) -> list[Column]:
        """The columns that are compared: neither times nor parts of the key."""
        return [
            column
            for column in self.table.columns
            if column.type not in ("date", "timestamp")
            and column.name not in self.table.key
            and f"{self.table.name}.{column.name}" not in self.accepted
        ]

    def _jumps(
        self, before: Collection[date], after: Collection[date], *, matched: bool = True, newest: bool = False
    ) -> list[Jump]:
        if not before or not after:
            return []
        self._keep(_BEFORE, self._loaded(before))
        self._keep(_AFTER, rows_of(self.validations, after, condition="reasons IS NULL"))
        where = f"{_days(before)} before, {_days(after)} now"
        jumps = list(self._changed_rows(newest=newest)) if matched else []
        named = {jump.column for jump in jumps}
        jumps += [jump for jump in self._changed_quantiles(where) if jump.column not in named]
        return jumps if matched else [*jumps, *self._changed_shares(where)]

    def _keep(self, relation: str, rows: str) -> None:
        columns = ", ".join(name(column.name) for column in self.table.columns)
        self.connection.execute(f"CREATE OR REPLACE TEMP TABLE {relation} AS SELECT {columns}, known_on FROM ({rows})")

    def _loaded(self, days: Collection[date]) -> str:
        files = ", ".join(quoted(str(self.store.day(self.table.name, day).good)) for day in sorted(days))
        day = f"CAST({name(self.table.known)} AS DATE) AS known_on"
        return f"SELECT *, {day} FROM read_parquet([{files}], hive_partitioning = false)"

    def _changed_rows(self, *, newest: bool) -> Iterator[Jump]:
        """Columns that change in most rows whose keys are the same."""
        key = [*self.table.key, *([] if newest else ["known_on"])]
        last = f" QUALIFY row_number() OVER (PARTITION BY {_names(self.table.key)} ORDER BY known_on DESC) = 1"
        before, after = (f"(FROM {relation}{last if newest else ''})" for relation in (_BEFORE, _AFTER))
        counts = ", ".join(_changes(column) for column in self._columns)
        found = self.connection.execute(
            f"SELECT {counts} FROM {before} b JOIN {after} a USING ({_names(key)})"
        ).fetchall()[0]
        for place, column in enumerate(self._columns):
            rows, changed, jumped, typical_before, typical_after = found[5 * place : 5 * place + 5]
            few = rows < _FEWEST_ROWS
            if (few and _FEWEST_SMALL <= rows == jumped) or (not few and changed > _ROWS_CHANGED * rows):
                share = f"{changed:,} of {counted(rows, 'row')} whose keys are the same"
                by = f" by more than {100 * _TOLERANCE:.0f} %" if is_measure(column) else ""
                typical = _typical(column, typical_before, typical_after)
                yield Jump(column.name, f"{share} would change{by}{typical}")

    def _changed_quantiles(self, where: str) -> Iterator[Jump]:
        """Measures whose quantiles jump among rows of one kind."""
        measures = [column for column in self._columns if is_measure(column)]
        if not measures:
            return
        before, after = (self._profiles(relation, measures) for relation in (_BEFORE, _AFTER))
        for column in measures:
            for kind in sorted(after):
                old, new = before.get(kind, {}).get(column.name), after[kind][column.name]
                if old is None:
                    continue
                among = f" among {kind}" if kind else ""
                if (factor := factor_between(old, new)) > FACTOR:
                    yield Jump(
                        column.name,
                        f"a factor of {factor:,.3g}{among}, at most {FACTOR:g} is taken over; median "
                        f"{amount(old.median)} before, {amount(new.median)} now ({where})",
                    )
                    break
                if more_nothing(old, new):
                    yield Jump(
                        column.name,
                        f"{100 * new.nothing:.0f} % of the values{among} are empty or 0, {100 * old.nothing:.0f} % "
                        f"before; median {amount(old.median)} before ({where})",
                    )
                    break

    def _shifts(self) -> Iterator[str]:
        """Warnings of amounts whose rows of one kind are all higher, or lower, in the new days than in those before."""
        amounts = [column for column in self._columns if column.type == "float64"]
        if not amounts:
            return
        before, after = (self._profiles(relation, amounts) for relation in (_BEFORE, _AFTER))
        for kind, column in product(sorted(before.keys() & after.keys()), amounts):
            old, new = before[kind][column.name], after[kind][column.name]
            shift = shift_between(old, new)
            if not 1 / SHIFT < shift < SHIFT:
                among, column_name = f" among {kind}" if kind else "", f"{self.table.name}.{column.name}"
                yield (
                    f"{column_name}: the new rows{among} are all {'higher' if shift > 1 else 'lower'} than those "
                    f"before: median {amount(old.median)} before, {amount(new.median)} now. They were loaded. If that "
                    "is another unit, mend the source or the mapping and load again; if it is right, load with "
                    f"--accept-change {column_name}, which silences this."
                )

    def _profiles(self, relation: str, measures: Sequence[Column]) -> dict[str, dict[str, Profile]]:
        return profiles_of(self.connection, relation, self.table, measures)

    def _changed_shares(self, where: str) -> Iterator[Jump]:
        """Columns of fixed values that mostly hold others than before."""
        for column in self._columns:
            if column.allowed:
                before, after = (self._shares(relation, column) for relation in (_BEFORE, _AFTER))
                if before.differ_from(after):
                    yield Jump(column.name, f"{before} before, {after} now ({where})")

    def _shares(self, relation: str, column: Column) -> CategoryShares:
        query = f"SELECT coalesce({name(column.name)}, 'nothing'), count(*) FROM {relation} GROUP BY 1"
        return CategoryShares(dict(self.connection.execute(query).fetchall()))


def column_names(tables: Iterable[RawTable]) -> list[str]:
    """How columns are accepted: as in deals.price."""
    return [f"{table.name}.{column.name}" for table in tables for column in table.columns]


def is_measure(column: Column) -> bool:
    """Whether a column holds amounts: an integer without a unit is a name or an id."""
    return column.type == "float64" or (column.type in ("int32", "int64") and bool(column.unit))


def _changes(column: Column) -> str:
    """Of rows with a value before: their number, how many change, how many by the factor, and the typical values."""
    before, after = f"b.{name(column.name)}", f"a.{name(column.name)}"
    if not is_measure(column):
        changed = f"{after} IS DISTINCT FROM {before}"
        return (
            f"count({before}), count(*) FILTER ({before} IS NOT NULL AND {changed}), "
            f"count(*) FILTER ({before} IS NOT NULL AND {changed}), mode({before}), mode({after})"
        )
    changed = f"({after} IS NULL OR abs({after} - {before}) > {_TOLERANCE} * abs({before}))"
    jumped = f"({after} > {FACTOR} * {before} OR {before} > {FACTOR} * {after})"
    return (
        f"count({before}), count(*) FILTER ({before} IS NOT NULL AND {changed}), count(*) FILTER ({jumped}), "
        f"median({before}), median({after}) FILTER ({before} IS NOT NULL)"
    )


def _typical(column: Column, before: float | None, after: float | None) -> str:
    if not is_measure(column):
        return f"; most often {before} before, {after} now"
    return f"; median {amount(before)} before, {amount(after)} now"


def _names(columns: Iterable[str]) -> str:
    return ", ".join(map(name, columns))


def _before(first: date, loaded: Mapping[date, DayCounts]) -> list[date]:
    """The loaded days nearest before a day, then those after it, until they are enough to compare with."""
    days: list[date] = []
    rows = 0
    for day in sorted(loaded, key=lambda day: (day > first, abs(day - first))):
        if len(days) >= _DAYS_BEFORE and rows >= _ROWS_BEFORE:
            break
        days.append(day)
        rows += loaded[day].loaded
    return days


def _some_of(days: Mapping[date, int]) -> list[date]:
    """The days, or where they hold too many rows some of them, evenly spread."""
    step = -(-sum(days.values()) // _MOST_ROWS) or 1
    return sorted(days)[::step]


def _days(days: Collection[date]) -> str:
    first, last = min(days), max(days)
    return f"{first}" if first == last else f"{first} to {last}"
