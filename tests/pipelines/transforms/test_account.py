"""The account view: against a row-by-row oracle, and what recurs on tables small enough to check by eye."""

from __future__ import annotations

from datetime import UTC, date, datetime, timedelta
from random import Random
from typing import Any

import numpy as np
import pytest
from ledger_oracle import account_features

from feature_repo.stores.events.table import EventTable
from pipelines.computation.days import Days
from pipelines.computation.recurring_items import DAY, recurring_items
from pipelines.transforms import account as transform

Row = dict[str, Any]
START = datetime(2024, 1, 1, tzinfo=UTC)
FIRST, LAST = date(2024, 6, 20), date(2024, 8, 10)


def account(account_id: int, opened_at: datetime = START, **more: Any) -> Row:
    return {
        "account_id": account_id, "customer_id": 1, "kind": "checking", "currency": "EUR", "credit_limit": None,
        "opened_at": opened_at, "ingested_at": opened_at, **more,
    }  # fmt: skip


def moved(transaction_id: int, amount: float, occurred_at: datetime, **more: Any) -> Row:
    return {
        "transaction_id": transaction_id, "account_id": 1, "amount": amount, "currency": "EUR", "description": "card",
        "merchant": None, "payment_method": "debit_card", "balance_after": None, "country": None,
        "occurred_at": occurred_at, "ingested_at": occurred_at, **more,
    }  # fmt: skip


def label(transaction_id: int, value: str, labelled_at: datetime) -> Row:
    return {
        "transaction_id": transaction_id, "kind": "category", "value": value, "source": "user",
        "labelled_at": labelled_at,
    }  # fmt: skip


@pytest.fixture(scope="module")
def ledger() -> dict[str, list[Row]]:
    """Three accounts of a year: salaries, rents, purchases; late, corrected and labelled at any time."""
    random = Random(5)
    accounts = [
        account(1, credit_limit=500.0),
        account(2, START + timedelta(days=130)),
        account(3, START + timedelta(days=165), credit_limit=50.0),
        account(1, ingested_at=START + timedelta(days=200), credit_limit=900.0),
    ]
    transactions: list[Row] = []
    labels: list[Row] = []
    for number in range(700):
        occurred = START + timedelta(days=random.uniform(0, 225), microseconds=random.randrange(1_000_000))
        late = random.choice((0, 0, 0, 0, 0, 1, 20)) * random.random()
        row = moved(
            number, round(random.gauss(-20, 60), 2), occurred, account_id=random.choice((1, 1, 2, 3)),
            merchant=random.choice((None, "Corner Shop", "corner  shop!", "Cinema", "Café 12", "")),
            payment_method=random.choice(("cash", "debit_card", "other")),
            balance_after=random.choice((None, round(random.gauss(100, 150), 2))),
            ingested_at=occurred + timedelta(days=late),
        )  # fmt: skip
        transactions.append(row)
        if random.random() < 0.1:
            changes = random.choice(
                ({"amount": round(random.gauss(-20, 60), 2)}, {"account_id": 3}, {"merchant": "Bank"})
            )
            transactions.append(
                {**row, **changes, "ingested_at": row["ingested_at"] + timedelta(days=random.uniform(1, 40))}
            )
        for _ in range(random.choice((0, 1, 1, 2))):
            said_at = row["ingested_at"] + timedelta(days=random.uniform(-1, 60))
            labels.append(label(number, random.choice(("food", "fun", "home")), said_at))
    for month in range(8):
        transactions += [
            moved(1000 + month, 2000.0 + month, START + timedelta(days=30.4 * month), description=f"Salary {month}/24"),
            moved(2000 + month, -700.0, START + timedelta(days=30.4 * month + random.random()), merchant="Landlord",
                  account_id=2),
        ]  # fmt: skip
    transactions += [moved(3000 + week, -9.5, START + timedelta(days=7 * week), merchant="Gym") for week in range(30)]
    return {"accounts": accounts, "transactions": transactions, "transaction_labels": labels}


def test_every_feature_of_every_day_is_that_of_the_oracle(ledger, duckdb_tables):
    table = transform.snapshots(duckdb_tables(ledger), Days(FIRST, LAST)).to_pylist()
    assert len(table) == 3 * 52
    newest = {1: 900.0, 2: None, 3: 50.0}
    opened = {row["account_id"]: row["opened_at"] for row in ledger["accounts"]}
    seen = set()
    for row in table:
        instant, number = row["event_timestamp"], row["account_id"]
        limit = newest[number] if number != 1 or instant > START + timedelta(days=200) else 500.0
        known = account(number, opened[number], credit_limit=limit)
        expected = account_features(ledger, known, instant)
        for name, value in expected.items():
            if value is None:
                assert row[name] is None, (number, instant, name)
            else:
                # A month of what recurs is a whole number of cents, rounded down.
                tolerance = 0.06 if name.startswith("recurring") else 1e-7
                assert row[name] == pytest.approx(value, rel=1e-9, abs=tolerance), (number, instant, name)
                seen.add(name)
    assert seen == {field.name for field in transform.VIEW.features}


def test_a_day_is_the_same_alone_as_among_others(ledger, duckdb_tables):
    raw = duckdb_tables(ledger)
    together = {}
    for row in transform.snapshots(raw, Days(FIRST, LAST)).to_pylist():
        together.setdefault(row["event_timestamp"].date() - timedelta(days=1), {})[row["account_id"]] = row
    for day in (FIRST, date(2024, 7, 14), LAST):
        alone = {row["account_id"]: row for row in transform.snapshots(raw, Days(day, day)).to_pylist()}
        assert alone == together[day]


def test_an_account_without_transactions_has_a_row_and_nothing_in_it(duckdb_tables):
    raw = duckdb_tables({"accounts": [account(1)]})
    (row,) = transform.snapshots(raw, Days(date(2024, 3, 1), date(2024, 3, 1))).to_pylist()
    assert row["account_age_days"] == 61
    assert row["income_month_mean_6m"] == row["recurring_income_month"] == row["transaction_count_30d"] == 0
    assert row["balance"] is row["savings_rate_90d"] is row["income_last_days"] is None


def test_no_account_has_a_row_before_it_is_opened(duckdb_tables):
    raw = duckdb_tables({"accounts": [account(1, START + timedelta(days=10))]})
    days = Days(START.date(), START.date() + timedelta(days=11))
    assert [row["event_timestamp"].day for row in transform.snapshots(raw, days).to_pylist()] == [12, 13]


def test_a_salary_that_is_known_late_counts_from_when_it_is_known(duckdb_tables):
    salaries = [moved(month, 1000.0, START + timedelta(days=30 * month), description="Salary") for month in range(3)]
    salaries[1]["ingested_at"] = START + timedelta(days=63)
    raw = duckdb_tables({"accounts": [account(1)], "transactions": salaries})
    days = Days(date(2024, 3, 2), date(2024, 3, 4))  # 60 days after the first of January, and the days after
    assert [row["recurring_income_month"] for row in transform.snapshots(raw, days).to_pylist()] == [0, 0, 1000]


def items_of(*events: tuple[float, int, int], series: int = 7) -> list[tuple[float, float, int, float]]:
    """When, how much, and of which series: what recurs after each event, its gap, amount and end, in days."""
    occurred = np.array([int(day * DAY) for day, *_ in events], np.int64)
    number = np.arange(len(events))
    columns = {
        "amount": np.array([amount for _, amount, _ in events], np.int64),
        "item": np.array([item for *_, item in events], np.int64),
    }
    found = recurring_items(EventTable(np.ones_like(number), number, occurred, occurred, columns))
    return sorted(
        (float(occurred[place] / DAY), gap / DAY, int(amount), until / DAY)
        for place, gap, amount, until in zip(found.place, found.gap, found.amount, found.until, strict=True)
    )


def test_an_item_recurs_from_its_third_event_on_until_it_is_overdue():
    assert items_of((0, -500, 7), (30, -500, 7)) == []
    assert items_of((0, -500, 7), (30, -500, 7), (60, -500, 7)) == [(60, 30, -500, 100)]
    assert items_of((0, -500, 7), (30, -500, 7), (60, -500, 7), (91, -500, 7)) == [
        (60, 30, -500, 91),
        (91, 30, -500, 131),
    ]


def test_a_week_and_a_month_recur_and_a_day_and_a_quarter_do_not():
    assert [len(items_of(*((gap * n, 100, 7) for n in range(4)))) for gap in (1, 5, 7, 14, 31, 35, 36, 91)] == [
        0, 0, 2, 2, 2, 2, 0, 0,
    ]  # fmt: skip


def test_a_gap_may_be_off_by_a_fifth_and_an_amount_by_a_quarter():
    assert [start for start, *_ in items_of(*((day, 100, 7) for day in (0, 20, 40, 64)))] == [40, 64]
    assert [start for start, *_ in items_of(*((day, 100, 7) for day in (0, 20, 40, 65)))] == [40]
    assert len(items_of((0, 100, 7), (30, 125, 7), (60, 100, 7))) == 1
    assert items_of((0, 100, 7), (30, 126, 7), (60, 100, 7)) == []


def test_other_series_other_sides_and_what_belongs_to_none_are_kept_apart():
    assert items_of((0, 100, 7), (30, 100, 8), (60, 100, 7)) == []
    assert items_of((0, 100, 7), (30, -100, 7), (60, 100, 7)) == []
    assert items_of((0, 100, 0), (30, 100, 0), (60, 100, 0)) == []


def test_events_longer_ago_than_200_days_say_nothing():
    assert [start for start, *_ in items_of((0, 100, 7), (30, 100, 7), (60, 100, 7), (300, 100, 7), (330, 100, 7))] == [
        60
    ]
