"""One small ledger that most tests look at, and the questions that they ask of it."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import date

import duckdb
import pyarrow as pa
import pytest

from pipelines.raw.tables.ledger import ACCOUNTS, TRANSACTION_LABELS, TRANSACTIONS
from pipelines.world.ledger.blocks import LedgerBlock, ledger_block
from pipelines.world.ledger.plan import LedgerPlan


@pytest.fixture(scope="session")
def plan() -> LedgerPlan:
    return LedgerPlan(households=100, days=650, seed=11, start=date(2024, 1, 1))


@pytest.fixture(scope="session")
def ledger(plan: LedgerPlan) -> LedgerBlock:
    return ledger_block(plan, range(plan.households))


@pytest.fixture(scope="session")
def ledger_sql(ledger: LedgerBlock) -> Iterator[duckdb.DuckDBPyConnection]:
    """The tables; `good_transactions` and `good_labels` without the broken rows, the latest version of each."""
    with duckdb.connect() as connection:
        connection.execute("set timezone = 'UTC'; set threads = 1")
        for raw in (ACCOUNTS, TRANSACTIONS, TRANSACTION_LABELS):
            table: pa.Table = ledger.tables[raw.name]
            connection.register(f"arrived_{raw.name}", table)
            connection.execute(f"create table {raw.name} as from arrived_{raw.name}")
        connection.execute(
            "create table good_transactions as select distinct on (transaction_id) * from transactions "
            "where transaction_id is not null and account_id is not null and amount is not null "
            "and currency <> 'carrier pigeon' and payment_method <> 'carrier pigeon' and occurred_at <= ingested_at "
            "order by transaction_id, ingested_at desc; "
            "create table good_labels as select distinct on (transaction_id, kind) * from transaction_labels "
            "where transaction_id is not null and kind <> 'carrier pigeon' order by transaction_id, kind, labelled_at desc"
        )
        yield connection
