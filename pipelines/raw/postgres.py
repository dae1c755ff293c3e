"""Raw data from PostgreSQL, as Arrow from end to end."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from contextlib import closing, contextmanager
from dataclasses import dataclass
from datetime import date
from typing import Any

import adbc_driver_postgresql.dbapi as postgres

from pipelines.parquet import quoted
from pipelines.raw.checks import name
from pipelines.raw.scan import (
    ORIGIN,
    ROW,
    BadSourceError,
    Known,
    Scan,
    SourceAwayError,
    Work,
    columns_of,
    first_line,
    require_distinct,
)

_PLAIN = ("int", "float", "bool", "date", "timestamp", "text", "varchar", "bpchar")
_TIMES = ("date", "timestamp", "timestamptz")
_DECIMAL = ("numeric", "money")
# Whatever is not plainly of this form is not shown, since it may hold a password in a place that we do not know.
_SHOWN = re.compile(
    r"(?P<scheme>postgresql://)(?:(?P<user>[\w.~-]*)(?::(?:[^@/?#%\s]|%[0-9a-fA-F]{2})*)?(?P<at>@))?"
    r"(?P<place>[\w.\-\[\]:]*(?:/[\w.~-]*)?)(?P<options>\?[^#\s]*)?"
)


@dataclass(frozen=True)
class Postgres:
    """A PostgreSQL database, read through Arrow from end to end."""

    url: str

    def __str__(self) -> str:
        """The URL without its password and options."""
        found = self._shown()
        return (
            "".join(found.group(part) or "" for part in ("scheme", "user", "at", "place"))
            if found
            else "the database URL"
        )

    def has(self, item: str) -> bool:
        """Whether the database has a table or view of that name on its search path."""
        return bool(self._types(item))

    def items(self) -> list[str]:
        """What a mapping could name."""
        rows = self._rows(
            "SELECT CASE WHEN table_schema = current_schema() THEN '' ELSE table_schema || '.' END || table_name "
            "FROM information_schema.tables WHERE table_schema NOT IN ('pg_catalog', 'information_schema') ORDER BY 1"
        )
        return [item for (item,) in rows]

    def days(self, item: str, known: str) -> Mapping[date, int] | None:
        """How many rows became known on each day, if the column that tells it is a time."""
        if self._types(item).get(known) not in _TIMES:
            return None
        column = name(known)
        moment = f"{column} AT TIME ZONE 'UTC'" if self._types(item)[known] == "timestamptz" else column
        rows = self._rows(
            f"SELECT ({moment})::date, count(*) FROM {_table(item)} "
            f"WHERE {column} >= '0001-01-01' AND {column} < '9999-12-31' GROUP BY 1"
        )
        return dict(rows)

    def scan(self, work: Work, item: str, relation: str, known: Known | None, exact: frozenset[str]) -> Scan:
        """Open a stream of a table's rows."""
        types = self._types(item)
        require_distinct(item, self, types)
        with self._answering(item):
            database = work.until_done.enter_context(closing(self._connect()))
            cursor = work.until_done.enter_context(closing(database.cursor()))
            cursor.execute(self.query(item, known, exact))
            work.connection.register(f"{relation}_arriving", cursor.fetch_record_batch())
        work.connection.execute(
            f"CREATE OR REPLACE TEMP VIEW {relation} AS "
            f"SELECT *, {quoted(item)} AS {ORIGIN}, CAST(NULL AS BIGINT) AS {ROW} FROM {relation}_arriving"
        )
        numerals = frozenset(column for column in exact if types.get(column) in _DECIMAL)
        return Scan(relation, columns_of(work.connection, relation), arrives=True, numerals=numerals)

    def query(self, item: str, known: Known | None = None, exact: frozenset[str] = frozenset()) -> str:
        """The query a scan sends. Types that Arrow has no equal for are cast by the server.

        Decimals become floats, but for those columns of which every digit counts: they come as text.
        """
        types = self._types(item)
        selected = ", ".join(
            f"{_read(column, kind, exactly=column in exact)} AS {name(column)}" for column, kind in types.items()
        )
        where = ""
        if known and types.get(known.column) in _TIMES:
            column = name(known.column)
            # Rows without a day are asked for as well: those that tell none, and those that tell an impossible one.
            where = f" WHERE {column} >= '{known.since} 00:00:00+00' OR {column} IS NULL OR {column} < '0001-01-01'"
        return f"SELECT {selected} FROM {_table(item)}{where}"

    def _types(self, item: str) -> dict[str, str]:
        rows = self._rows(
            "SELECT attname::text, typname::text FROM pg_attribute JOIN pg_type ON pg_type.oid = atttypid "
            f"WHERE attrelid = to_regclass({quoted(_table(item))}) AND attnum > 0 AND NOT attisdropped "
            "ORDER BY attnum",
            item,
        )
        return dict(rows)

    def _rows(self, query: str, item: str = "") -> list[tuple[Any, ...]]:
        with self._answering(item), closing(self._connect()) as database, closing(database.cursor()) as cursor:
            cursor.execute(query)
            return list(cursor.fetchall())

    @contextmanager
    def _answering(self, item: str) -> Iterator[None]:
        try:
            yield
        except postgres.Error as problem:
            told = first_line(problem).rpartition("ERROR:")[2].strip()
            raise BadSourceError(f"{item}: {self} cannot be asked for it ({told}).") from problem

    def _connect(self) -> postgres.Connection:
        try:
            return postgres.connect(self.url)
        except postgres.Error as problem:
            found = self._shown()
            options = (found["options"] or "") if found else ""
            # What the driver says of a URL that it cannot read quotes from it.
            told = f" ({str(problem).strip()})" if found and "password" not in options.lower() else ""
            msg = f"{self}: the database does not answer{told}. Check the URL and that it runs."
            raise SourceAwayError(msg) from None

    def _shown(self) -> re.Match[str] | None:
        return _SHOWN.fullmatch(self.url)


def _read(column: str, kind: str, *, exactly: bool) -> str:
    cell = name(column)
    if kind in _TIMES:
        # Infinity, and what Arrow cannot count so far from now, as moments that no contract takes.
        far, early = f"'20000-01-01'::{kind}", f"'2000-01-01 BC'::{kind}"
        return f"CASE WHEN {cell} >= {far} THEN {far} WHEN {cell} < {early} THEN {early} ELSE {cell} END"
    if kind in _DECIMAL:
        number = f"{cell}::numeric" if kind == "money" else cell
        return f"{number}::text" if exactly else f"{number}::float8"
    return cell if kind.startswith(_PLAIN) else f"{cell}::text"


def _table(item: str) -> str:
    return ".".join(map(name, item.split(".")))
