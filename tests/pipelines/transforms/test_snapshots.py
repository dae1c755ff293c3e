"""The sentences that every snapshot keeps, on tables small enough to check by eye."""

from __future__ import annotations

import importlib
from collections.abc import Callable
from datetime import UTC, date, datetime, timedelta
from types import ModuleType
from typing import Any

import pyarrow as pa
import pytest

from feature_repo.cadence import cadence_of
from feature_repo.views import SNAPSHOT_VIEWS
from pipelines.computation.days import Days
from pipelines.computation.declared import as_declared
from pipelines.computation.raw_tables import RawTables
from pipelines.raw.tables.homes import CUSTOMERS
from pipelines.transforms import behavioural, market, transactional
from pipelines.transforms import property as property_

Row = dict[str, Any]
Snapshots = Callable[..., dict[tuple[int, datetime], Row]]
VIEWS = {view.name: view for view in SNAPSHOT_VIEWS}
ARROW = {"Bool": pa.bool_(), "Float64": pa.float64(), "Int32": pa.int32(), "Int64": pa.int64(), "String": pa.string()}


def at(month: int, day: int, hour: int = 0, *, year: int = 2024, microsecond: int = 0) -> datetime:
    return datetime(year, month, day, hour, microsecond=microsecond, tzinfo=UTC)


def transform(view: str) -> ModuleType:
    return importlib.import_module(f"pipelines.transforms.{view}")


def customer(joined_at: datetime, ingested_at: datetime | None = None, customer_id: int = 1) -> Row:
    known = ingested_at or joined_at
    return {"customer_id": customer_id, "region_id": 5, "joined_at": joined_at, "ingested_at": known}


def opened(event_id: int, occurred_at: datetime, ingested_at: datetime | None = None, **more: Any) -> Row:
    return {
        "event_id": event_id, "customer_id": 1, "channel": "document", "action": "open", "object_id": 7,
        "occurred_at": occurred_at, "ingested_at": ingested_at or occurred_at, **more,
    }  # fmt: skip


def deal(deal_id: int, kind: str, price: float, occurred_at: datetime, **more: Any) -> Row:
    return {
        "deal_id": deal_id, "kind": kind, "price": price, "customer_id": 1, "property_id": 9,
        "occurred_at": occurred_at, "ingested_at": occurred_at, **more,
    }  # fmt: skip


def home(property_id: int, valid_from: datetime, **more: Any) -> Row:
    return {
        "property_id": property_id, "region_id": 5, "kind": "house", "valid_from": valid_from,
        "ingested_at": valid_from, **more,
    }  # fmt: skip


def month(observed_on: date, median: float, published_at: datetime, **more: Any) -> Row:
    return {
        "region_id": 5, "observed_on": observed_on, "median_sale_price": median, "sales_count": 3,
        "published_at": published_at, **more,
    }  # fmt: skip


@pytest.mark.parametrize("view", VIEWS)
def test_columns_and_types_are_those_the_view_declares(view: str, duckdb_tables: Callable[..., RawTables]) -> None:
    declared = [*VIEWS[view].entity_columns, *VIEWS[view].features]
    stamps = [(name, pa.timestamp("us", "UTC")) for name in ("event_timestamp", "created_timestamp")]
    snapshots = transform(view).snapshots(duckdb_tables({}), Days(date(2024, 1, 1), date(2024, 1, 2)))
    found = snapshots.to_pyarrow()
    assert found.num_rows == 0
    assert [(f.name, f.type) for f in found.schema] == [(f.name, ARROW[str(f.dtype)]) for f in declared] + stamps


def test_a_column_the_view_does_not_declare_is_refused(duckdb_tables: Callable[..., RawTables]) -> None:
    customers = duckdb_tables({})[CUSTOMERS]
    with pytest.raises(ValueError, match=r"market: expected the view's columns, found \['birth_year'"):
        as_declared(customers, VIEWS["market"])


def test_days_run_forward() -> None:
    with pytest.raises(ValueError, match="expected days in order, found 2024-01-02 to 2024-01-01"):
        Days(date(2024, 1, 2), date(2024, 1, 1))


def test_first_snapshot_of_a_customer_is_that_of_the_day_after_joining(snapshots_of: Snapshots) -> None:
    rows = {"customers": [customer(at(1, 3, 15)), customer(at(1, 2), at(1, 4, 1), customer_id=2)]}
    found = snapshots_of(behavioural, rows, date(2024, 1, 1), date(2024, 1, 4))
    assert sorted(found) == [(1, at(1, 4)), (1, at(1, 5)), (2, at(1, 5))]
    assert found[1, at(1, 4)]["doc_access_count_7d"] == 0
    assert found[1, at(1, 4)]["doc_last_access_days"] is None


def test_created_timestamp_is_when_the_view_promises_the_snapshot(duckdb_tables: Callable[..., RawTables]) -> None:
    rows = {"customers": [customer(at(1, 1))], "properties": [home(9, at(1, 1))]}
    for view in ("behavioural", "transactional", "property"):
        found = transform(view).snapshots(duckdb_tables(rows), Days(date(2024, 1, 1), date(2024, 1, 1))).to_pyarrow()
        (row,) = found.to_pylist()
        assert row["created_timestamp"] - row["event_timestamp"] == cadence_of(VIEWS[view]).lag


def test_a_late_row_is_not_seen_before_it_was_known(snapshots_of: Snapshots) -> None:
    rows = {"customers": [customer(at(1, 1))], "engagement": [opened(1, at(1, 2, 6), at(1, 4, 9))]}
    found = snapshots_of(behavioural, rows, date(2024, 1, 2), date(2024, 1, 9))
    counts = {instant.day: row["doc_access_count_7d"] for (_, instant), row in found.items()}
    assert counts == {3: 0, 4: 0, 5: 1, 6: 1, 7: 1, 8: 1, 9: 1, 10: 0}
    recencies = {instant.day: row["doc_last_access_days"] for (_, instant), row in found.items()}
    assert recencies == {3: None, 4: None, 5: 2.75, 6: 3.75, 7: 4.75, 8: 5.75, 9: 6.75, 10: 7.75}


def test_a_window_of_seven_days_includes_its_first_instant_and_not_its_last(snapshots_of: Snapshots) -> None:
    rows = {
        "customers": [customer(at(1, 1))],
        "engagement": [
            opened(1, at(1, 9) - timedelta(microseconds=1)),
            opened(2, at(1, 9)),
            opened(3, at(1, 16) - timedelta(microseconds=1)),
            opened(4, at(1, 16)),
        ],
    }
    found = snapshots_of(behavioural, rows, date(2024, 1, 15), date(2024, 1, 15))
    assert found[1, at(1, 16)]["doc_access_count_7d"] == 2
    assert found[1, at(1, 16)]["doc_access_count_30d"] == 3


def test_recencies_of_behaviour_look_back_90_days(snapshots_of: Snapshots) -> None:
    rows = {"customers": [customer(at(1, 1))], "engagement": [opened(1, at(1, 10))]}
    found = snapshots_of(behavioural, rows, date(2024, 4, 8), date(2024, 4, 9))
    assert [row["doc_last_access_days"] for row in found.values()] == [90.0, None]


def test_a_redelivered_row_counts_once(snapshots_of: Snapshots) -> None:
    deliveries = [opened(1, at(1, 2), at(1, day), value=2.5) for day in (2, 3, 5)]
    rows = {"customers": [customer(at(1, 1))], "engagement": deliveries}
    found = snapshots_of(behavioural, rows, date(2024, 1, 2), date(2024, 1, 8))
    assert [row["doc_dwell_minutes_30d"] for row in found.values()] == [2.5] * 7


def test_a_correction_counts_from_the_midnight_after_it_became_known(snapshots_of: Snapshots) -> None:
    rows = {
        "customers": [customer(at(1, 1))],
        "engagement": [
            opened(1, at(1, 2), at(1, 2, 1), value=2.5),
            opened(1, at(1, 2), at(1, 4, 1), value=4.0, object_id=8),
            opened(1, at(1, 2), at(1, 6, 1), channel="search", action="search"),
        ],
    }
    found = snapshots_of(behavioural, rows, date(2024, 1, 2), date(2024, 1, 7))
    columns = ("doc_dwell_minutes_30d", "doc_unique_count_30d", "search_count_30d")
    assert {instant.day: tuple(row[c] for c in columns) for (_, instant), row in found.items()} == {
        3: (2.5, 1, 0), 4: (2.5, 1, 0), 5: (4.0, 1, 0), 6: (4.0, 1, 0), 7: (0.0, 0, 1), 8: (0.0, 0, 1),
    }  # fmt: skip


def test_a_document_counts_once_for_as_long_as_one_of_its_openings_does(snapshots_of: Snapshots) -> None:
    """The second opening shows after the first and leaves before it; the third follows both."""
    rows = {
        "customers": [customer(at(1, 1))],
        "engagement": [opened(1, at(1, 20)), opened(2, at(1, 2), at(1, 22)), opened(3, at(2, 5))],
    }
    found = snapshots_of(behavioural, rows, date(2024, 1, 19), date(2024, 3, 8))
    changes = {}
    for (_, instant), row in found.items():
        if [*changes.values()][-1:] != [row["doc_unique_count_30d"]]:
            changes[instant] = row["doc_unique_count_30d"]
    assert changes == {at(1, 20): 0, at(1, 21): 1, at(3, 7): 0}


def test_a_corrected_deal_changes_only_later_snapshots(snapshots_of: Snapshots) -> None:
    rows = {
        "customers": [customer(at(1, 1))],
        "deals": [
            deal(1, "BUY", 100.0, at(1, 1, year=2020), agent_id=3),
            deal(2, "SELL", 200.0, at(1, 2), agent_id=3),
            deal(2, "SELL", 300.0, at(1, 2), agent_id=4, ingested_at=at(1, 4, 12)),
        ],
    }
    found = snapshots_of(transactional, rows, date(2024, 1, 3), date(2024, 1, 4))
    columns = ("deal_value_sum_total", "deal_value_trend", "agent_count_total", "agent_repeat_share")
    assert [tuple(row[c] for c in columns) for row in found.values()] == [(300.0, 2.0, 1, 1.0), (400.0, 3.0, 2, 0.0)]
    assert found[1, at(1, 4)]["hold_years_avg"] == 1462 / 365.25


def test_a_revised_publication_moves_the_estimate_from_then_on(snapshots_of: Snapshots) -> None:
    rows = {
        "properties": [home(9, at(1, 1, year=2023), living_area_sqft=100.0)],
        "deals": [deal(1, "SELL", 1000.0, at(10, 15, year=2023))],
        "region_market": [
            month(date(2023, 10, 1), 50.0, at(11, 20, year=2023)),
            month(date(2023, 12, 1), 60.0, at(1, 20)),
            month(date(2023, 10, 1), 40.0, at(2, 10)),
        ],
    }
    found = snapshots_of(property_, rows, date(2024, 1, 1), date(2024, 3, 1))
    estimates = {instant.date(): row["estimated_value"] for (_, instant), row in found.items()}
    assert estimates == {date(2024, 1, 2): 1000.0, date(2024, 2, 2): 1200.0, date(2024, 3, 2): 1500.0}
    published = snapshots_of(market, rows, date(2024, 1, 1), date(2024, 2, 29))
    medians = {instant.date(): row["median_sale_price"] for (_, instant), row in published.items()}
    assert medians == {
        date(2024, 1, 2): 50.0,
        date(2024, 1, 21): 60.0,
        date(2024, 2, 2): 60.0,
        date(2024, 2, 11): 60.0,
    }


def test_the_estimate_of_a_year_before_takes_the_sale_of_then(snapshots_of: Snapshots) -> None:
    """The sale of 15 January 2023 is 365 days old at midnight of 15 January 2024, and not a microsecond before."""
    sold = at(1, 15, year=2023)
    for late, expected in ((0, 1.0), (1, 5.0)):
        rows = {
            "properties": [home(9, at(1, 1, year=2022))],
            "deals": [
                deal(1, "SELL", 500.0, at(12, 15, year=2022)),
                deal(2, "SELL", 1500.0, sold + timedelta(microseconds=late)),
                # News, so that there is a snapshot on this day.
                deal(3, "REFINANCE", 1.0, at(1, 14)),
            ],
            "region_market": [
                month(date(2022, 12, 1), 50.0, at(2, 1, year=2023)),
                month(date(2023, 12, 1), 100.0, at(1, 10)),
                month(date(2023, 1, 1), 50.0, at(2, 20, year=2023)),
            ],
        }
        found = snapshots_of(property_, rows, date(2024, 1, 14), date(2024, 1, 14))
        assert found[9, at(1, 15)]["estimated_value"] == 3000.0
        assert found[9, at(1, 15)]["value_change_1y"] == expected


def test_homes_are_ranked_among_all_homes_of_their_region(snapshots_of: Snapshots) -> None:
    """A home with news in mid-month is ranked among homes that have no snapshot then."""
    rows = {
        "properties": [home(key, at(1, 1, year=2023)) for key in (1, 2, 3, 4)],
        "deals": [
            *(deal(key, "SELL", 100.0 * key, at(5, 1, year=2023), property_id=key) for key in (1, 2, 3)),
            deal(9, "REFINANCE", 500.0, at(1, 10), property_id=2, loan_amount=80.0),
        ],
        "region_market": [month(date(2023, 5, 1), 50.0, at(6, 20, year=2023))],
    }
    found = snapshots_of(property_, rows, date(2024, 1, 1), date(2024, 1, 31))
    assert {(key, instant.day): row["region_price_rank"] for (key, instant), row in found.items()} == {
        (1, 2): 0.0, (2, 2): 0.5, (3, 2): 1.0, (4, 2): None, (2, 11): 0.5,
    }  # fmt: skip


def test_own_data_without_customers_or_engagement_gives_homes_and_markets(snapshots_of: Snapshots) -> None:
    rows = {
        "properties": [home(9, at(5, 2, year=2014), region_id=98178, living_area_sqft=1180.0, year_built=2015)],
        "deals": [deal(1, "SELL", 221_900.0, at(10, 13, year=2014), customer_id=None)],
        "region_market": [month(date(2014, 10, 1), 300_000.0, at(11, 1, year=2014), region_id=98178)],
    }
    day = date(2014, 12, 1)
    assert snapshots_of(behavioural, rows, day, day) == {}
    assert snapshots_of(transactional, rows, day, day) == {}
    region = snapshots_of(market, rows, day, day)[98178, at(12, 2, year=2014)]
    assert (region["median_sale_price"], region["days_on_market"], region["is_peak_season"]) == (300_000.0, None, None)
    found = snapshots_of(property_, rows, day, day)[9, at(12, 2, year=2014)]
    assert (found["estimated_value"], found["age_years"], found["loan_balance"]) == (221_900.0, 0, 0.0)
