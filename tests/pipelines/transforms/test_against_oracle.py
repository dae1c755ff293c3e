"""Whatever the history, the transforms and the oracle give the same snapshots."""

from __future__ import annotations

import functools
import math
from collections.abc import Callable
from datetime import UTC, date, datetime, timedelta
from types import ModuleType
from typing import Any

import ibis
import pyarrow as pa
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from pipelines.computation.days import Days
from pipelines.computation.raw_tables import RawTables
from pipelines.raw.tables import table
from pipelines.raw.tables.homes import ACTIONS
from pipelines.transforms import pipeline_of

Row = dict[str, Any]
DAYS = Days(date(2024, 2, 27), date(2024, 3, 3))
START = datetime(2024, 2, 27, tzinfo=UTC)
EDGES = (0, 1, 6, 7, 29, 30, 89, 90, 364, 365, 1825, 1826)
WITHIN_DAY = (timedelta(0), timedelta(microseconds=1), timedelta(hours=12), timedelta(days=1, microseconds=-1))

offsets = st.one_of(
    st.builds(lambda day, edge: day - edge, st.integers(-1, 6), st.sampled_from(EDGES)), st.integers(-400, 6)
)
recent_offsets = st.one_of(
    st.builds(lambda day, edge: day - edge, st.integers(-1, 6), st.sampled_from(EDGES[:8])), st.integers(-95, 6)
)
lags = st.sampled_from([timedelta(0), timedelta(hours=13), *(timedelta(days=n) for n in (1, 2, 7, 30, 88, 89, 90))])
customer_ids = st.integers(1, 2)
property_ids = st.integers(1, 4)
region_ids = st.integers(1, 2)
prices = st.sampled_from([0.0, 100_000.5, 250_000.0, 333_333.33])


def moments(days: st.SearchStrategy[int] = offsets) -> st.SearchStrategy[datetime]:
    return st.builds(lambda day, rest: START + timedelta(days=day) + rest, days, st.sampled_from(WITHIN_DAY))


def facts(name: str, most: int, happened: st.SearchStrategy[Any], **columns: st.SearchStrategy[Any]) -> Any:
    """Rows of a raw table, one for each fact and day of becoming known; few ids, so that facts have versions."""
    contract = table(name)

    def made(row: Row, lag: timedelta) -> Row:
        time = row[contract.happened]
        start = time if isinstance(time, datetime) else datetime.combine(time, datetime.min.time(), UTC)
        return {**{c.name: None for c in contract.columns}, **row, contract.known: start + lag}

    rows = st.builds(made, st.fixed_dictionaries({contract.happened: happened, **columns}), lags)
    return st.lists(
        rows, max_size=most, unique_by=lambda row: (*(row[k] for k in contract.key), row[contract.known].date())
    )


def maybe(values: st.SearchStrategy[Any]) -> st.SearchStrategy[Any]:
    return st.one_of(st.none(), values)


@functools.cache
def month(back: int) -> date:
    number = 2024 * 12 + 2 - back
    return date(number // 12, number % 12 + 1, 1)


acts = st.sampled_from([(channel, action) for channel, actions in ACTIONS.items() for action in actions])
customers = facts("customers", 4, moments(), customer_id=customer_ids, region_id=region_ids)
engagement = st.builds(
    lambda rows: [{**row, "channel": row["channel"][0], "action": row["channel"][1]} for row in rows],
    facts(
        "engagement", 25, moments(recent_offsets), event_id=st.integers(1, 18), customer_id=customer_ids, channel=acts,
        object_id=maybe(st.integers(1, 3)), value=maybe(st.sampled_from([0.0, 0.125, 3.7])),
    ),
)  # fmt: skip
deals = facts(
    "deals", 14, moments(), deal_id=st.integers(1, 10), kind=st.sampled_from(["BUY", "SELL", "REFINANCE", "INVESTMENT"]),
    property_id=maybe(property_ids), customer_id=maybe(customer_ids), agent_id=maybe(st.integers(1, 3)), price=prices,
    loan_amount=maybe(prices),
)  # fmt: skip
properties = facts(
    "properties", 8, st.one_of(moments(), st.just(START - timedelta(days=100))), property_id=property_ids,
    region_id=region_ids, owner_id=maybe(customer_ids), kind=st.sampled_from(["house", "land"]),
    living_area_sqft=maybe(st.sampled_from([0.0, 1500.0])), year_built=maybe(st.sampled_from([1950, 2024, 2025])),
    year_renovated=maybe(st.sampled_from([2000, 2030])),
)  # fmt: skip
some_months = facts(
    "region_market", 20, st.builds(month, st.one_of(st.integers(0, 2), st.integers(0, 14))), region_id=region_ids,
    median_sale_price=prices, days_on_market=maybe(st.just(20.5)), sales_count=st.integers(0, 3),
)  # fmt: skip
macro = facts(
    "macro", 8, st.builds(lambda day: (START + timedelta(days=day)).date(), recent_offsets),
    series=st.sampled_from(["mortgage_rate_30y", "unemployment_rate", "cpi"]), value=st.sampled_from([3.5, 4.25]),
)  # fmt: skip


@st.composite
def published_years(draw: st.DrawFn) -> list[Row]:
    """The past three years of a region, a few months missing and a few revised."""
    known = {back: START - timedelta(days=30 * back - 25) for back in range(1, 39)}
    counts = draw(st.lists(st.integers(0, 4), min_size=38, max_size=38))
    rows = [
        {
            "region_id": 1, "observed_on": month(back), "median_sale_price": 1000.0 + counts[back - 1], "new_listings": None
            if counts[back - 1] == 3 else counts[back - 1], "sales_count": counts[-back], "days_on_market": None,
            "inventory_months": None, "sale_to_list_ratio": None, "published_at": known[back],
        }
        for back in known
        if counts[back - 1] != 4 or back % 2
    ]  # fmt: skip
    revisions = draw(st.lists(st.sampled_from(rows), max_size=4, unique_by=lambda row: row["observed_on"]))
    lag = draw(st.integers(1, 40))
    return rows + [
        {**row, "sales_count": 9, "published_at": row["published_at"] + timedelta(days=lag)} for row in revisions
    ]


HISTORIES = {
    "behavioural": {"customers": customers, "engagement": engagement},
    "transactional": {"customers": customers, "deals": deals},
    "property": {"properties": properties, "deals": deals, "region_market": some_months},
    "location": {"properties": properties},
    "market": {"region_market": st.one_of(some_months, published_years()), "macro": macro},
}


@pytest.mark.parametrize("view", HISTORIES)
def test_transform_gives_what_the_oracle_gives(
    view: str, oracle: ModuleType, arrow_tables: Callable[..., dict[str, pa.Table]]
) -> None:
    connection = ibis.duckdb.connect()
    key, _, _ = oracle.VIEWS[view]
    empty = arrow_tables({})
    for name, data in empty.items():
        connection.con.register("rows", data)
        connection.con.execute(f'CREATE TABLE "{name}" AS FROM rows')
    raw = RawTables({name: connection.table(name) for name in empty})
    transform = pipeline_of(view).transform
    # Making the SQL, and parsing it, takes longer than running it, and is the same for every history.
    connection.con.execute(f"PREPARE snapshots AS {connection.compile(transform(raw, DAYS))}")

    @settings(max_examples=75, deadline=None, suppress_health_check=list(HealthCheck))
    @given(rows=st.fixed_dictionaries(HISTORIES[view]))
    def agree(rows: dict[str, list[Row]]) -> None:
        for name, data in arrow_tables(rows).items():
            connection.con.register("rows", data)
            connection.con.execute(f'DELETE FROM "{name}"; INSERT INTO "{name}" FROM rows')
        expected = oracle.snapshots({**{name: [] for name in empty}, **rows}, view, DAYS.first, DAYS.last)
        found = connection.con.sql("EXECUTE snapshots").to_arrow_table().to_pylist()
        assert sorted((row[key], row["event_timestamp"]) for row in found) == sorted(expected)
        for row in found:
            different = {
                name: (row[name], value)
                for name, value in expected[row[key], row["event_timestamp"]].items()
                if not same(row[name], value)
            }
            assert not different, f"{key} {row[key]} at {row['event_timestamp']}: (found, expected) {different}"

    agree()


def same(found: Any, expected: Any) -> bool:
    if isinstance(found, float) and isinstance(expected, float | int):
        return math.isclose(found, expected, rel_tol=1e-9, abs_tol=1e-9)
    return type(found) is type(expected) and found == expected
