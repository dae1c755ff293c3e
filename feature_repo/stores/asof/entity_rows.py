"""The rows that ask for features: a pandas, Arrow or Polars table, or an SQL query, as one Arrow table."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Any

import pandas as pd
import pyarrow as pa
import pyarrow.compute as pc
from feast.errors import EntityTimestampInferenceException

from feature_repo.stores.asof.instants import moment_of, timestamps

EVENT = "event_timestamp"


@dataclass(frozen=True)
class EntityRows:
    """The rows, and which of their columns holds the time that each of them asks about."""

    table: pa.Table
    event: str

    @classmethod
    def of(cls, given: Any, repo_path: Path | str | None) -> EntityRows:
        """Read what a user hands in; a time given as text becomes a time, everything else stays as it is."""
        table = _arrow(given, repo_path)
        doubles = sorted({name for name in table.column_names if table.column_names.count(name) > 1})
        if doubles:
            raise ValueError(f"the entity rows have more than one column {doubles[0]!r}: rename one")
        event = _event_column(table)
        at = table.schema.get_field_index(event)
        times = timestamps(table.column(event), event)
        kind = table.schema.types[at]
        if not pa.types.is_date(kind) and times.type != kind:
            table = table.set_column(at, event, times)
        return cls(table, event)

    def reach(self) -> tuple[datetime | None, datetime | None]:
        """The earliest and the latest time asked about."""
        times = timestamps(self.table.column(self.event), self.event)
        ends = pc.min_max(times)
        return moment_of(ends["min"]), moment_of(ends["max"])


def _arrow(given: Any, repo_path: Path | str | None) -> pa.Table:
    if isinstance(given, pa.Table):
        return given
    if isinstance(given, pd.DataFrame):
        return pa.Table.from_pandas(given, preserve_index=False).replace_schema_metadata(None)
    if isinstance(given, str):
        return _queried(given, repo_path)
    if hasattr(given, "__arrow_c_stream__"):
        return pa.table(given)
    raise TypeError(
        "expected entity rows as a pandas DataFrame, an Arrow table, a Polars DataFrame or an SQL query, "
        f"found {type(given).__name__}"
    )


def _queried(query: str, repo_path: Path | str | None) -> pa.Table:
    """Run a query of DuckDB's SQL, in which a file's name counts from the feature repository."""
    import duckdb  # noqa: PLC0415

    with duckdb.connect() as connection:
        connection.execute("SET TimeZone = 'UTC'")
        if repo_path is not None:
            connection.execute("SET file_search_path = ?", [str(repo_path)])
        return connection.sql(query).to_arrow_table()


def _event_column(table: pa.Table) -> str:
    if EVENT in table.column_names:
        return EVENT
    times: list[str] = [field.name for field in table.schema if pa.types.is_timestamp(field.type)]
    if len(times) != 1:
        raise EntityTimestampInferenceException(EVENT)
    return times[0]
