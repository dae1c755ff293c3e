"""What the transform tests share: the oracle, loaded by path, and ways to make raw tables of literal rows."""

from __future__ import annotations

import importlib.util
from collections.abc import Callable, Mapping
from datetime import UTC, date, datetime, time, timedelta
from pathlib import Path
from random import Random
from types import ModuleType
from typing import Any

import ibis
import pyarrow as pa
import pytest

from pipelines.computation.days import Days
from pipelines.computation.raw_tables import RawTables
from pipelines.raw.tables import TABLES, table
from pipelines.raw.tables.homes import ACTIONS

Row = dict[str, Any]
Rows = Mapping[str, list[Row]]


@pytest.fixture(scope="session")
def oracle() -> ModuleType:
    spec = importlib.util.spec_from_file_location("transforms_oracle", Path(__file__).with_name("oracle.py"))
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


@pytest.fixture(scope="session")
def arrow_tables() -> Callable[[Rows], dict[str, pa.Table]]:
    """Literal rows as raw tables: what a row lacks is null, and a table without rows is empty."""

    def made(rows: Rows) -> dict[str, pa.Table]:
        names = [each.name for each in TABLES]
        return {name: pa.Table.from_pylist(rows.get(name, []), schema=table(name).schema) for name in names}

    return made


@pytest.fixture
def duckdb_tables(arrow_tables: Callable[[Rows], dict[str, pa.Table]]) -> Callable[[Rows], RawTables]:
    """Literal rows as the transforms take them."""
    connection = ibis.duckdb.connect()

    def made(rows: Rows) -> RawTables:
        for name, data in arrow_tables(rows).items():
            connection.con.register(name, data)
        return RawTables({name: connection.table(name) for name in arrow_tables({})})

    return made


@pytest.fixture
def snapshots_of(
    duckdb_tables: Callable[[Rows], RawTables],
) -> Callable[..., dict[tuple[int, datetime], Row]]:
    """Snapshots of literal rows by key and instant, as the oracle gives them."""

    def made(transform: ModuleType, rows: Rows, first: date, last: date) -> dict[tuple[int, datetime], Row]:
        return by_key(transform.snapshots(duckdb_tables(rows), Days(first, last)).to_pyarrow())

    return made


def by_key(snapshots: pa.Table) -> dict[tuple[int, datetime], Row]:
    """Snapshots by key and instant, in order."""
    key = snapshots.column_names[0]
    rows = snapshots.sort_by([(key, "ascending"), ("event_timestamp", "ascending")]).to_pylist()
    assert len({(row[key], row["event_timestamp"]) for row in rows}) == len(rows), "a snapshot recurs"
    return {
        (row.pop(key), row.pop("event_timestamp")): {k: v for k, v in row.items() if k != "created_timestamp"}
        for row in rows
    }


@pytest.fixture(scope="session")
def history() -> Rows:
    """A year and a half of facts, seeded: late ones, redelivered ones, corrected and revised ones among them."""
    random = Random(7)
    start = datetime(2023, 9, 1, tzinfo=UTC)

    def moment(first: int, last: int) -> datetime:
        return start + timedelta(days=random.randint(first, last), microseconds=random.randrange(86_400_000_000))

    def told(row: Row, happened: str, known: str = "ingested_at", **corrected: Any) -> list[Row]:
        """The row as it becomes known: at once or late, and at times once more, the same or corrected."""
        first = row[happened] + timedelta(hours=random.choice([0, 1, 1, 1, 30, 200]))
        again = first + timedelta(days=random.randint(1, 40))
        versions = [{**row, known: first}]
        if random.random() < 0.3:
            versions.append({**row, **(corrected if random.random() < 0.6 else {}), known: again})
        return versions

    def maybe(value: Any) -> Any:
        return value if random.random() < 0.85 else None

    acts = [(channel, action) for channel, actions in ACTIONS.items() for action in actions]
    rows: dict[str, list[Row]] = {each.name: [] for each in TABLES}
    for key in range(1, 6):
        row = {"customer_id": key, "region_id": key % 2, "joined_at": moment(0, 300)}
        rows["customers"] += told(row, "joined_at", region_id=3)
    for key in range(1500):
        channel, action = random.choice(acts)
        row = {
            "event_id": key, "customer_id": random.randint(1, 6), "channel": channel, "action": action,
            "object_id": maybe(random.randint(1, 9)), "value": maybe(random.random() * 50),
            "occurred_at": moment(0, 500),
        }  # fmt: skip
        rows["engagement"] += told(row, "occurred_at", occurred_at=row["occurred_at"] - timedelta(days=3), value=1.25)
    for key in range(1, 31):
        years = [random.randint(1900, 2020), maybe(random.randint(1990, 2025))]
        for valid_from in {moment(-900, 0), moment(0, 500)}:
            row = {
                "property_id": key, "region_id": key % 3, "owner_id": maybe(random.randint(1, 5)), "kind": "house",
                "bedrooms": maybe(3), "bathrooms": maybe(1.5), "living_area_sqft": maybe(random.random() * 3000),
                "lot_area_sqft": maybe(5000.0), "year_built": years[0], "year_renovated": years[1],
                "condition_grade": maybe(7), "latitude": 47.5, "longitude": -122.1, "valid_from": valid_from,
            }  # fmt: skip
            rows["properties"] += told(row, "valid_from", kind="condo", owner_id=4)
    for key in range(200):
        row = {
            "deal_id": key, "kind": random.choice(["BUY", "SELL", "REFINANCE", "INVESTMENT"]),
            "property_id": maybe(random.randint(1, 30)), "customer_id": maybe(random.randint(1, 5)),
            "agent_id": maybe(random.randint(1, 4)), "price": random.random() * 1e6,
            "loan_amount": maybe(random.random() * 5e5), "loan_rate": None, "occurred_at": moment(-1200, 500),
        }  # fmt: skip
        rows["deals"] += told(row, "occurred_at", price=123_456.78, property_id=1)
    for region in range(3):
        for back in range(60):
            observed = date(2020 + back // 12, back % 12 + 1, 1)
            published = datetime(2020 + (back + 1) // 12, (back + 1) % 12 + 1, 1, 9, tzinfo=UTC)
            row = {
                "region_id": region, "observed_on": observed, "median_sale_price": 3e5 + random.random() * 1e5,
                "days_on_market": maybe(30.5), "inventory_months": maybe(3.25), "sale_to_list_ratio": maybe(0.98),
                "new_listings": maybe(random.randint(5, 50)), "sales_count": random.randint(0, 40),
                "published": published,
            }  # fmt: skip
            rows["region_market"] += told(row, "published", "published_at", sales_count=77)
    for week in range(120):
        observed = date(2022, 9, 1) + timedelta(days=7 * week)
        for series in ("mortgage_rate_30y", "unemployment_rate"):
            row = {"series": series, "observed_on": observed, "value": 3 + random.random()}
            row["published"] = datetime.combine(observed, time(16), UTC)
            rows["macro"] += told(row, "published", "published_at", value=9.5)
    return rows
