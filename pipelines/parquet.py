"""One way to write a Parquet file: whole or not at all, and the same rows always the same bytes."""

from __future__ import annotations

import os
from collections.abc import Mapping
from pathlib import Path

import duckdb

# Delta encodings (v2) with snappy measured both smaller and faster than v1 with zstd.
_OPTIONS = "FORMAT parquet, COMPRESSION snappy, PARQUET_VERSION v2"


def write_whole(
    connection: duckdb.DuckDBPyConnection, query: str, order: str, file: Path, metadata: Mapping[str, str] | None = None
) -> int:
    """Write the rows of a query in an order that leaves no choice, and tell their number. One rename shows the file."""
    columns = [column for column, *_ in connection.execute(f"DESCRIBE {query}").fetchall()]
    # DuckDB declares a column `required` if the table that it comes from, of which this may be a part, has no null in
    # it. Nulls that it cannot rule out make the schema depend on nothing but the query.
    nulls = f"SELECT {', '.join('NULL' for _ in columns)} WHERE random() < 0"
    pairs = ", ".join(f"{key}: {quoted(value)}" for key, value in (metadata or {}).items())
    options = _OPTIONS + (f", KV_METADATA {{{pairs}}}" if pairs else "")
    file.parent.mkdir(parents=True, exist_ok=True)
    writing = file.with_name(".writing")
    (written,) = connection.execute(
        f"COPY (({query}) UNION ALL ({nulls}) ORDER BY {order}) TO {quoted(str(writing))} ({options})"
    ).fetchall()[0]
    with writing.open("rb+") as handle:
        os.fsync(handle.fileno())
    writing.replace(file)
    return int(written)


def quoted(text: str) -> str:
    """A string as an SQL literal."""
    return "'" + text.replace("'", "''") + "'"
