"""The transaction view: one row for each version, and the very features that the account's state gives."""

from __future__ import annotations

from datetime import UTC, date, datetime, timedelta
from random import Random
from typing import Any

import numpy as np
import pyarrow as pa
import pytest

from expectations.validate import validate
from feature_repo.stores.events.slices import slice_before
from feature_repo.stores.events.table import events_of_state
from feature_repo.views.transaction import EVENTS, VIEW
from pipelines.computation.days import Days
from pipelines.raw.tables.ledger import TRANSACTIONS
from pipelines.transforms import transaction as transform

Row = dict[str, Any]
START = datetime(2024, 1, 1, tzinfo=UTC)
DAYS = Days(date(2024, 3, 1), date(2024, 4, 10))


def moved(transaction_id: int, amount: float, occurred_at: datetime, **more: Any) -> Row:
    return {
        "transaction_id": transaction_id, "account_id": 1, "amount": amount, "currency": "EUR", "description": "card",
        "merchant": None, "payment_method": "debit_card", "balance_after": None, "country": None,
        "occurred_at": occurred_at, "ingested_at": occurred_at, **more,
    }  # fmt: skip


@pytest.fixture(scope="module")
def transactions() -> list[Row]:
    """A hundred days of four accounts: some late, corrected, redelivered, in the same instant, out of order."""
    random, rows = Random(3), []
    for number in range(1_500):
        occurred = START + timedelta(days=random.uniform(0, 100), microseconds=random.randrange(1_000_000))
        if number % 50 == 1:
            occurred = rows[-1]["occurred_at"]
        row = moved(
            number, round(random.gauss(-20, 60), 2), occurred, account_id=random.choice((1, 1, 1, 2, 3, 4)),
            merchant=random.choice((None, "Corner Shop", "corner  shop!", "Cinema", "Café 12")),
            payment_method=random.choice(("cash", "debit_card", "credit_card")), country=random.choice((None, "DE", "fr")),
            balance_after=random.choice((None, round(random.gauss(100, 150), 2))),
            description=" ".join(["word"] * random.randrange(5)),
            ingested_at=occurred + timedelta(days=random.choice((0, 0, 0, 0, 5, 20)) * random.random()),
        )  # fmt: skip
        rows.append(row)
        if random.random() < 0.1:
            changes = random.choice(
                ({"amount": -1.0}, {"account_id": 2}, {}, {"occurred_at": occurred - timedelta(days=3)})
            )
            rows.append({**row, **changes, "ingested_at": row["ingested_at"] + timedelta(days=random.uniform(0.5, 30))})
    return rows


def rows_of(tables, rows: list[Row], days: Days = DAYS) -> pa.Table:
    return transform.rows(tables({"transactions": rows}), days)


def test_days_come_out_the_same_however_they_are_cut(duckdb_tables, transactions):
    raw = duckdb_tables({"transactions": transactions})
    order = [(name, "ascending") for name in ("account_id", "transaction_id", "created_timestamp")]
    together = transform.rows(raw, DAYS).sort_by(order)
    apart = pa.concat_tables(transform.rows(raw, Days(day, day)) for day in DAYS).sort_by(order)
    assert len(together) > 400
    assert apart.equals(together)


def test_each_row_has_the_features_that_the_account_s_state_gives_when_it_arrives(duckdb_tables, transactions):
    """The state is what an online store would hold: the packed records of the account in the order of their arrival."""
    table = rows_of(duckdb_tables, transactions)
    arrivals = sorted(transactions, key=lambda row: row["ingested_at"])
    for row in table.to_pylist()[::5]:
        known = row["created_timestamp"]
        arrived = [each for each in arrivals if each["ingested_at"] <= known]
        newest = {each["transaction_id"]: each for each in arrived}
        itself = newest[row["transaction_id"]]
        # A transaction that was moved to another account is in the state of that one.
        mine = [each for each in arrived if newest[each["transaction_id"]]["account_id"] == row["account_id"]]
        raw = pa.Table.from_pylist(
            [each for each in mine if each["account_id"] == row["account_id"]], schema=TRANSACTIONS.schema
        )
        encoded = EVENTS.encode(raw)
        times = {"id": "transaction_id", "occurred": "occurred_at", "known": "ingested_at"}
        head = {name: raw[column].cast(pa.int64()).to_numpy() for name, column in times.items()}
        state = EVENTS.schema.pack({**head, **encoded}).tobytes()
        events = events_of_state(EVENTS.schema, EVENTS.schema.read(state))
        instant = int(row["event_timestamp"].timestamp()) * 1_000_000 + row["event_timestamp"].microsecond
        slices = slice_before(events, instant, EVENTS.window)
        described = EVENTS.describe(pa.Table.from_pylist([itself], schema=TRANSACTIONS.schema))
        for name, values in EVENTS.compute(slices, described).items():
            expected = None if values.dtype.kind == "f" and np.isnan(values[0]) else values[0].item()
            assert row[name] == expected, (row["transaction_id"], name)


def test_a_redelivery_makes_no_row_and_a_correction_does(duckdb_tables):
    at = datetime(2024, 3, 5, 12, tzinfo=UTC)
    first = moved(1, -5.0, at)
    rows = [
        first,
        {**first, "ingested_at": at + timedelta(days=2)},
        {**first, "ingested_at": at + timedelta(days=4), "amount": -6.0},
    ]
    table = rows_of(duckdb_tables, rows).to_pylist()
    assert sorted((row["created_timestamp"].day, row["amount_abs"]) for row in table) == [(5, 5.0), (9, 6.0)]
    assert {row["event_timestamp"] for row in table} == {at}
    # Whether the first is among the days computed does not matter.
    later = Days(date(2024, 3, 6), date(2024, 3, 10))
    assert [row["created_timestamp"].day for row in rows_of(duckdb_tables, rows, later).to_pylist()] == [9]


def test_what_arrives_late_is_seen_by_those_alone_that_arrive_after_it(duckdb_tables):
    noon = datetime(2024, 3, 5, 12, tzinfo=UTC)
    late = moved(1, -5.0, noon, ingested_at=noon + timedelta(days=1))
    rows = [late, moved(2, -7.0, noon + timedelta(hours=1)), moved(3, -7.0, noon + timedelta(days=1, hours=1))]
    table = rows_of(duckdb_tables, rows).to_pylist()
    assert {row["transaction_id"]: row["transaction_count_30d"] for row in table} == {1: 0, 2: 0, 3: 2}


def test_days_without_transactions_have_no_rows(duckdb_tables):
    table = rows_of(duckdb_tables, [])
    assert table.num_rows == 0
    assert validate(table, VIEW).passed


def test_the_rows_keep_their_contract(duckdb_tables, transactions):
    result = validate(rows_of(duckdb_tables, transactions), VIEW)
    assert result.passed, [finding.sentence for finding in result.failures]
