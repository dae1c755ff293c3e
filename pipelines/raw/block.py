"""A block of days: their rows as read, and how each day of them is counted and written."""

from __future__ import annotations

import hashlib
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from contextlib import closing
from dataclasses import dataclass
from datetime import date
from typing import Any

import duckdb
import pyarrow as pa

from pipelines.raw.checks import name
from pipelines.raw.contracts import RawTable
from pipelines.raw.row_validation import RowValidation, rows_of
from pipelines.raw.scan import Rejected
from pipelines.raw.store import QUARANTINE_SCHEMA, DayCounts, RawStore, Rows

# The sum over the cells of no rows.
NO_CONTENT = "0"


class CountsDoNotAddUpError(AssertionError):
    """Rows were lost or made between reading and writing: a fault of the loader, never of the data."""


@dataclass(frozen=True)
class RowBlock:
    """The rows of some days in one DuckDB table."""

    connection: duckdb.DuckDBPyConnection
    table: RawTable
    relation: str

    def fill(
        self, validations: Sequence[RowValidation], offered: Mapping[date | None, int]
    ) -> dict[date | None, DayCounts]:
        """Read the rows offered for these days and drop those that a later one of the same day replaces.

        None stands for rows whose day cannot be told; it is a block of its own.
        """
        rows = rows_of(validations, offered)
        self.connection.execute(f"CREATE OR REPLACE TABLE {self.relation} AS {rows}")
        arrived = {
            day: (good, bad, f"{cells:x}")
            for day, good, bad, cells in self._rows(
                "SELECT known_on, count(*) FILTER (reasons IS NULL), count(*) FILTER (reasons IS NOT NULL), sum(cells) "
                f"FROM {self.relation} GROUP BY known_on"
            )
        }
        superseded = self._drop_replaced()
        reasons: dict[date | None, dict[str, int]] = {}
        for day, reason, rows in self._rows(
            f"SELECT known_on, reason, count(*) FROM (SELECT known_on, unnest(reasons) AS reason FROM {self.relation}) "
            "GROUP BY ALL ORDER BY ALL"
        ):
            reasons.setdefault(day, {})[reason] = rows
        columns = ", ".join(name(column.name) for column in self.table.columns)
        kept = {
            day: (loaded, refused, f"{good:x}")
            for day, loaded, refused, good in self._rows(
                "SELECT known_on, coalesce(sum(source_rows) FILTER (reasons IS NULL), 0)::BIGINT, "
                "coalesce(sum(source_rows) FILTER (reasons IS NOT NULL), 0)::BIGINT, "
                f"coalesce(sum(hash({columns})) FILTER (reasons IS NULL), 0) FROM {self.relation} GROUP BY known_on"
            )
        }
        counts = {}
        for day, read in offered.items():
            good, bad, content = arrived.get(day, (0, 0, NO_CONTENT))
            replaced, (loaded, refused, good_rows) = superseded.get(day, 0), kept.get(day, (0, 0, NO_CONTENT))
            counts[day] = DayCounts(
                read, good - replaced, bad, replaced, reasons.get(day, {}), content=content,
                source_loaded=loaded, source_quarantined=refused, good_rows=good_rows,
            )  # fmt: skip
            if read != good + bad:
                msg = f"{self.table.name}, {day or 'undated'}: of {read} rows only these arrived: {counts[day]}."
                raise CountsDoNotAddUpError(msg)
        return counts

    def write_day(self, store: RawStore, day: date | None, counts: DayCounts, lines: Sequence[Rejected] = ()) -> None:
        """Write one day, and perhaps lines that were no rows; the store counts again what it writes."""
        of_day = f"known_on = DATE '{day}'" if day else "known_on IS NULL"
        key = ", ".join(map(name, self.table.key))
        columns = ", ".join(name(column.name) for column in self.table.columns)
        rows = f"SELECT {columns} FROM {self.relation} WHERE {of_day} AND reasons IS NULL"
        refused = f"SELECT reasons, origin, row FROM {self.relation} WHERE {of_day} AND reasons IS NOT NULL"
        with closing(self.connection.cursor()) as cursor:
            if lines:
                found = [{"reasons": [line.reason], "origin": line.origin, "row": line.text} for line in lines]
                cursor.register("lines", pa.Table.from_pylist(found, schema=QUARANTINE_SCHEMA))
                refused += " UNION ALL SELECT reasons, origin, row FROM lines"
            store.commit(cursor, store.day(self.table.name, day), Rows(rows, key), Rows(refused, "ALL"), counts)

    def _drop_replaced(self) -> dict[date | None, int]:
        """Of good rows with one key and day, keep the one that became known last; at one instant the columns decide."""
        key = ", ".join(map(name, self.table.key))
        others = ", ".join(name(column.name) for column in self.table.columns)
        twice = f"SELECT known_on, {key} FROM {self.relation} WHERE reasons IS NULL GROUP BY ALL HAVING count(*) > 1"
        replaced = self._rows(
            f"SELECT id, known_on FROM (SELECT r.rowid AS id, r.known_on, row_number() OVER "
            f"(PARTITION BY known_on, {key} ORDER BY {name(self.table.known)} DESC, {others}) AS place "
            f"FROM {self.relation} r JOIN ({twice}) USING (known_on, {key}) WHERE r.reasons IS NULL) WHERE place > 1"
        )
        if replaced:
            ids = ", ".join(str(row) for row, _ in replaced)
            self.connection.execute(f"DELETE FROM {self.relation} WHERE rowid IN (SELECT unnest([{ids}]))")
        return dict(Counter(day for _, day in replaced))

    def _rows(self, query: str) -> list[Any]:
        return self.connection.execute(query).fetchall()


def blocks_of(wanted: Mapping[date | None, int], rows: int) -> Iterator[dict[date | None, int]]:
    """Days in order, so many at a time that a block holds about `rows` rows; undated rows are a block of their own."""
    block: dict[date | None, int] = {}
    for day, count in wanted.items():
        if block and (None in block or day is None or sum(block.values()) + count > rows):
            yield block
            block = {}
        block[day] = count
    if block:
        yield block


def content_of(cells: str, lines: Sequence[Rejected]) -> str:
    """What a day holds, with lines that were no rows."""
    told = repr(sorted((line.reason, line.text) for line in lines))
    return f"{cells}-{hashlib.sha256(told.encode()).hexdigest()[:16]}" if lines else cells
