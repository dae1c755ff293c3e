"""One world that most tests look at, and the questions that they ask of it."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple

import duckdb
import pytest

from pipelines.raw.tables.homes import ENGAGEMENT
from pipelines.world.building import WorldReport
from pipelines.world.homes.generate import TABLES, generate
from pipelines.world.homes.plan import WorldPlan

SOME_CUSTOMERS = 800


class World(NamedTuple):
    plan: WorldPlan
    folder: Path
    report: WorldReport


@pytest.fixture(scope="session")
def world(tmp_path_factory: pytest.TempPathFactory) -> World:
    """Two years: 180 days to learn from, 180 days of labels, and the same again to be tested on."""
    plan = WorldPlan(customers=4_000, days=730, seed=11)
    folder = tmp_path_factory.mktemp("worlds") / "two-years"
    return World(plan, folder, generate(plan, folder))


@pytest.fixture(scope="session")
def sql(world: World) -> Iterator[duckdb.DuckDBPyConnection]:
    """The world's tables; `good_<table>` without the broken rows, the latest version of each.

    `good_engagement` holds some customers only: enough to tell, and quick.
    """
    with duckdb.connect() as connection:
        connection.execute("set timezone = 'UTC'")
        for raw in TABLES:
            files = f"{world.folder}/{raw.name}/**/*.parquet"
            connection.execute(f"create view {raw.name} as from read_parquet('{files}')")
            key = ", ".join(raw.key)
            whole = " and ".join(
                [f"{c.name} is not null" for c in raw.columns if c.required]
                + [f"({c.name} is null or {c.name} >= {c.ge})" for c in raw.columns if c.ge is not None]
                + [f"({c.name} is null or {c.name} <= {c.le})" for c in raw.columns if c.le is not None]
                + [f"{c.name} <> 'carrier pigeon'" for c in raw.columns if c.allowed]
            )
            some = f" and customer_id <= {SOME_CUSTOMERS}" if raw is ENGAGEMENT else ""
            connection.execute(
                f"create table good_{raw.name} as select distinct on ({key}) * from {raw.name} "
                f"where {whole} and {raw.happened} <= {raw.known}{some} order by {key}, {raw.known} desc"
            )
        yield connection
