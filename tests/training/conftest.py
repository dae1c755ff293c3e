"""Raw facts by the handful, and one small home with features and models, made once."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Iterator
from datetime import date, datetime, timedelta
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from pipelines.raw.contracts import TABLES
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


@pytest.fixture(scope="session")
def trained_home(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    """A world of 400 customers with two and a half years of features, in Feast's registry."""
    import subprocess
    import sys

    home = tmp_path_factory.mktemp("trained") / "home"
    last = date(2024, 1, 1) + timedelta(days=919)
    run = [sys.executable, "-W", "ignore", "-c", "import tidemark; tidemark.main()"]
    for words in (
        ["world", "--customers", "400", "--days", "920"],
        ["load"],
        ["features", "--from", "2024-01-01", "--to", str(last)],
    ):
        subprocess.run([*run, *words, "--home", str(home)], check=True, capture_output=True, text=True)
    return home
