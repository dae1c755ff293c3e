"""Small raw tables, and a desk to load them on."""

from __future__ import annotations

from contextlib import closing
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import duckdb
import pyarrow as pa
import pyarrow.parquet as pq

from pipelines.raw.load import LoadOptions, LoadReport, load
from pipelines.raw.mapping import MappingFile
from pipelines.raw.sources import open_source
from pipelines.raw.store import RawStore
from pipelines.raw.tables import table

NOW = datetime(2025, 1, 1, tzinfo=UTC)


def at(text: str) -> datetime:
    """A moment in UTC."""
    return datetime.fromisoformat(text).replace(tzinfo=UTC)


def deal(deal_id: int | None, known: str = "2024-03-05 10:00", **changes: Any) -> dict[str, Any]:
    """A good deal, but for the changes."""
    row = {
        "deal_id": deal_id, "kind": "SELL", "property_id": 1, "customer_id": 2, "agent_id": None, "price": 100.0,
        "loan_amount": None, "loan_rate": None, "occurred_at": at("2024-03-05 09:00"), "ingested_at": at(known),
    }  # fmt: skip
    return row | changes


def as_deals(*rows: dict[str, Any]) -> pa.Table:
    """Deals as an Arrow table, as lenient about nulls as a file is."""
    schema = pa.schema([field.with_nullable(True) for field in table("deals").schema])
    return pa.Table.from_pylist(list(rows), schema=schema)


class Desk:
    """A source folder and a home, and what a test does with them."""

    def __init__(self, folder: Path) -> None:
        self.source = folder / "source"
        self.source.mkdir()
        self.store = RawStore(folder / "home")

    def write(self, name: str, rows: pa.Table) -> Path:
        """Put a Parquet file into the source."""
        file = self.source / name
        file.parent.mkdir(parents=True, exist_ok=True)
        pq.write_table(rows, file)
        return file

    def text(self, name: str, content: str | bytes) -> Path:
        """Put any other file into the source."""
        file = self.source / name
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_bytes(content.encode() if isinstance(content, str) else content)
        return file

    def load(self, name: str = "deals", mapping: MappingFile | None = None, **options: Any) -> LoadReport:
        """Load one table and see that its counts add up."""
        source = open_source(self.source, encoding=mapping.encoding if mapping else "utf-8")
        (report,) = load(source, self.store, mapping, LoadOptions(tables=(name,), **({"now": NOW} | options)))
        assert report.read == report.loaded + report.quarantined + report.superseded
        return report

    def loaded(self, query: str, name: str = "deals") -> list[tuple[Any, ...]]:
        """Query what was loaded, as `rows`."""
        files = self.store.home / "raw" / name / "known_on=[0-9]*" / "part.parquet"
        with closing(duckdb.connect()) as connection:
            connection.execute("SET TimeZone = 'UTC'")
            connection.execute(f"CREATE VIEW rows AS FROM read_parquet('{files}', hive_partitioning = true)")
            return connection.execute(query).fetchall()

    def refused(self, name: str = "deals") -> list[list[str]]:
        """The reasons of each refused row."""
        return self.store.quarantine(name)["reasons"].to_pylist()
