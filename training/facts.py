"""Raw facts as they were known at a moment: what labels are read from.

Labels are not features: they look forward from a moment, and no view may hold them. They come from the loaded raw
tables, whose layout (`<home>/raw/<table>/known_on=DAY/part.parquet`, every version of a fact) is an interface.
"""

from __future__ import annotations

import glob
from contextlib import suppress
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

import duckdb
import pyarrow as pa

from feature_repo.stores.wire.times import datetime_of


class NoFactsError(ValueError):
    """The raw table that a label is read from was never loaded."""


class UndeclaredTableError(ValueError):
    """A label reads a raw table that it does not declare."""


@dataclass(frozen=True)
class Facts:
    """The newest version of each raw fact that was known at `known_at`; None is all that was ever loaded."""

    home: Path
    known_at: datetime | None = None
    tables: tuple[str, ...] | None = None
    """The raw tables that a label declares to read; another one is refused. None is every table."""

    def files(self, table: str) -> list[Path]:
        """The files that hold the table, one a day of becoming known."""
        if self.tables is not None and table not in self.tables:
            raise UndeclaredTableError(
                f"the label declares to read {', '.join(self.tables)}, and reads {table}: add {table!r} to its "
                "`also_reads`, from which Dagster knows what a training set depends on."
            )
        found = sorted((self.home / "raw" / table).glob("known_on=[0-9]*/part.parquet"))
        if not found:
            raise NoFactsError(
                f"no rows of {table!r} are loaded in {self.home}, and labels are read from them: run `tidemark load`."
            )
        return found

    def versions(self, table: str) -> str:
        """A query for the rows of a table that were known: every version of each fact."""
        return f"SELECT * FROM {self._rows(table)} WHERE {self._known}"

    def newest(self, table: str, key: str) -> str:
        """A query for the rows of a table, each fact in its newest known version.

        Whoever wants some of the facts must choose among these: a condition that splits versions would let an earlier
        one stand for a fact that has been corrected.
        """
        return f"{self.versions(table)} QUALIFY ingested_at = max(ingested_at) OVER (PARTITION BY {key})"

    def first(self, table: str, key: str) -> str:
        """A query for the rows of a table, each fact in the version that became known first."""
        return f"{self.versions(table)} QUALIFY ingested_at = min(ingested_at) OVER (PARTITION BY {key})"

    def end(self, table: str) -> datetime:
        """The moment up to which the table tells what happened: that of the last thing it tells."""
        last = self.select(f"SELECT epoch_us(max(occurred_at)) AS last FROM {self._rows(table)} WHERE {self._known}")[
            "last"
        ][0].as_py()
        if last is None:
            raise NoFactsError(f"nothing of {table!r} was known at {self.known_at}: choose a later known_at.")
        return datetime_of(last)

    @property
    def _known(self) -> str:
        return "true" if self.known_at is None else f"ingested_at <= {moment(self.known_at)}"

    def _rows(self, table: str) -> str:
        self.files(table)
        pattern = f"{glob.escape(str(self.home / 'raw' / table))}/known_on=[0-9]*/part.parquet".replace("'", "''")
        return f"read_parquet('{pattern}', hive_partitioning = false)"

    def select(self, query: str, **tables: pa.Table) -> pa.Table:
        """The answer to a query, over Arrow tables by name as well."""
        with duckdb.connect() as connection:
            connection.execute("SET TimeZone = 'UTC'")
            # Its bar would cross our own. A notebook without widgets has none, and refuses to be told so.
            with suppress(duckdb.InvalidInputException):
                connection.execute("SET enable_progress_bar = false")
            for name, table in tables.items():
                connection.register(name, table)
            return connection.sql(query).to_arrow_table()


def moment(when: datetime) -> str:
    """A moment as SQL."""
    return f"TIMESTAMPTZ '{when.astimezone(UTC).isoformat()}'"
