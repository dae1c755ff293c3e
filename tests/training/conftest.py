"""Raw facts by the handful."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable
from datetime import datetime
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from pipelines.raw.tables import TABLES
from training.facts import Facts

SCHEMAS = {table.name: pa.schema([field.with_nullable(True) for field in table.schema]) for table in TABLES}
Tell = Callable[..., Facts]


@pytest.fixture
def tell(tmp_path: Path) -> Tell:
    """Lay down raw rows as the loader does; what a row leaves out is null."""

    def told(known_at: datetime | None = None, **tables: list[dict[str, object]]) -> Facts:
        for name, rows in tables.items():
            days = defaultdict(list)
            for row in rows:
                days[row["ingested_at"].date()].append(row)  # type: ignore[attr-defined]
            for day, of_day in days.items():
                folder = tmp_path / "raw" / name / f"known_on={day}"
                folder.mkdir(parents=True, exist_ok=True)
                pq.write_table(pa.Table.from_pylist(of_day, schema=SCHEMAS[name]), folder / "part.parquet")
        return Facts(tmp_path, known_at)

    return told
