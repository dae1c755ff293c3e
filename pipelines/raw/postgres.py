"""Raw data from PostgreSQL, as Arrow from end to end."""

from __future__ import annotations

from contextlib import closing
from dataclasses import dataclass
from datetime import date
from urllib.parse import urlsplit, urlunsplit

import adbc_driver_postgresql.dbapi as postgres

from pipelines.raw.checks import name
from pipelines.raw.scan import ORIGIN, BadSourceError, Scan, Work, columns_of
from pipelines.raw.store import quoted


@dataclass(frozen=True)
class Postgres:
    """A PostgreSQL database, read through Arrow from end to end."""

    url: str

    def __str__(self) -> str:
        """The URL, without its password."""
        parts = urlsplit(self.url)
        host = parts.netloc.rpartition("@")[2]
        user = parts.username or ""
        return urlunsplit(parts._replace(netloc=f"{user}@{host}" if user else host))

    def has(self, item: str) -> bool:
        """Whether the database has a table or view of that name on its search path."""
        return bool(self._types(item))

    def scan(self, work: Work, item: str, relation: str, known: tuple[str, date] | None) -> Scan:
        """Open a stream of a table's rows."""
        database = work.until_done.enter_context(closing(self._connect()))
        cursor = work.until_done.enter_context(closing(database.cursor()))
        cursor.execute(self.query(item, known))
        work.connection.register(f"{relation}_arriving", cursor.fetch_record_batch())
        work.connection.execute(
            f"CREATE OR REPLACE TEMP VIEW {relation} AS SELECT *, {quoted(item)} AS {ORIGIN} FROM {relation}_arriving"
        )
        return Scan(relation, columns_of(work.connection, relation), arrives=True)

    def query(self, item: str, known: tuple[str, date] | None = None) -> str:
        """The query a scan sends. Types that Arrow has no equal for are cast by the server."""
        casts = {"numeric": "::float8", "money": "::numeric::float8"}
        plain = ("int", "float", "bool", "date", "timestamp", "text", "varchar", "bpchar")
        selected = ", ".join(
            name(column) + casts.get(kind, "" if kind.startswith(plain) else "::text") + f" AS {name(column)}"
            for column, kind in self._types(item).items()
        )
        where = ""
        if known:
            column, since = name(known[0]), known[1]
            where = f" WHERE {column} >= '{since} 00:00:00+00' OR {column} IS NULL"
        return f"SELECT {selected} FROM {_table(item)}{where}"

    def _types(self, item: str) -> dict[str, str]:
        with closing(self._connect()) as database, closing(database.cursor()) as cursor:
            cursor.execute(
                "SELECT attname::text, typname::text FROM pg_attribute JOIN pg_type ON pg_type.oid = atttypid "
                f"WHERE attrelid = to_regclass({quoted(_table(item))}) AND attnum > 0 AND NOT attisdropped "
                "ORDER BY attnum"
            )
            return dict(cursor.fetchall())

    def _connect(self) -> postgres.Connection:
        try:
            return postgres.connect(self.url)
        except postgres.Error as problem:
            msg = f"{self}: the database does not answer ({str(problem).strip()}). Check the URL and that it runs."
            raise BadSourceError(msg) from problem


def _table(item: str) -> str:
    return ".".join(map(name, item.split(".")))
