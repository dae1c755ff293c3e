"""What the ledger's world promises: the same bytes, its contract, money that adds up, defects at their shares."""

from __future__ import annotations

import hashlib
from datetime import date
from pathlib import Path

import numpy as np
import pytest

from pipelines.raw.tables.ledger import ACCOUNTS, TRANSACTION_LABELS, TRANSACTIONS
from pipelines.world.building import build
from pipelines.world.frames import Frame, take
from pipelines.world.ledger.blocks import BLANKED, household_truth
from pipelines.world.ledger.delivery import BROKEN, CORRECTED, DUPLICATE, LATE
from pipelines.world.ledger.generate import ledger_of
from pipelines.world.ledger.households import Household, household_of
from pipelines.world.ledger.labels import FRAUD_NEVER_REPORTED, LABELLED, MENDED, WRONG
from pipelines.world.ledger.merchants import CODE
from pipelines.world.ledger.plan import LedgerPlan

TINY = LedgerPlan(households=9, days=70, seed=5, start=date(2024, 1, 1))
RAW = (ACCOUNTS, TRANSACTIONS, TRANSACTION_LABELS)


def bytes_of(folder: Path) -> dict[str, str]:
    files = (path for path in folder.rglob("*") if path.is_file())
    return {str(path.relative_to(folder)): hashlib.sha256(path.read_bytes()).hexdigest() for path in files}


@pytest.fixture(scope="module")
def truths(plan: LedgerPlan) -> list[tuple[Household, Frame]]:
    """What really happened to some households."""
    households = [household_of(plan, number) for number in range(25)]
    return [(household, household_truth(household)) for household in households]


def test_the_same_plan_gives_the_same_bytes_however_it_is_split(tmp_path: Path) -> None:
    for name, per_block in (("whole", 9), ("again", 9), ("split", 2), ("single", 1)):
        build([ledger_of(TINY, per_block)], tmp_path / name, workers=1)
    whole = bytes_of(tmp_path / "whole")
    assert sorted(whole) == ["accounts/part-00000.parquet", "transaction_labels/part-00000.parquet",
                             "transactions/part-00000.parquet", "world.json"]  # fmt: skip
    assert whole == bytes_of(tmp_path / "again") == bytes_of(tmp_path / "split") == bytes_of(tmp_path / "single")


def test_another_seed_gives_another_ledger(tmp_path: Path) -> None:
    build([ledger_of(TINY)], tmp_path / "a", workers=1)
    build([ledger_of(LedgerPlan(9, 70, 6, TINY.start))], tmp_path / "b", workers=1)
    a, b = bytes_of(tmp_path / "a"), bytes_of(tmp_path / "b")
    assert not {path for path in a if a[path] == b.get(path)}


@pytest.mark.parametrize("raw", RAW, ids=lambda raw: raw.name)
def test_tables_bear_the_schema_of_their_contract(ledger, raw) -> None:
    expected = [(f.name, f.type, f.nullable or f.name in BLANKED[raw.name]) for f in raw.schema]
    assert [(f.name, f.type, f.nullable) for f in ledger.tables[raw.name].schema] == expected


@pytest.mark.parametrize("raw", RAW, ids=lambda raw: raw.name)
def test_nothing_is_known_after_the_end(plan, ledger, ledger_sql, raw) -> None:
    (last,) = ledger_sql.execute(f"select epoch_us(max({raw.known})) from {raw.name}").fetchone()
    assert last < plan.end_us


def test_a_balance_is_the_opening_and_all_amounts_in_order(truths) -> None:
    for _household, truth in truths:
        for account in np.unique(truth["account_id"]):
            rows = take(truth, truth["account_id"] == account)
            assert (np.diff(rows["occurred_at"]) >= 0).all()
            after = np.round((rows["opening"] * 100) + np.cumsum(np.round(rows["amount"] * 100)))
            if account % 10 == 3:
                assert np.isnan(rows["balance_after"]).all(), "nobody keeps books of cash"
            else:
                assert (np.round(rows["balance_after"] * 100) == after).all()


def test_balances_add_up_in_what_was_delivered_as_far_as_all_of_it_is_known(plan, ledger_sql) -> None:
    """Whatever happened 50 days before the end is known by then, redelivered, corrected or broken at first."""
    (rows, wrong) = ledger_sql.execute(
        "select count(*), count(*) filter (abs(balance_after - before - amount) > 0.005) from ("
        "select *, lag(balance_after) over (partition by account_id order by occurred_at, transaction_id) as before "
        f"from good_transactions where balance_after is not null and occurred_at < make_timestamp({plan.end_us}) - "
        "interval 50 days)"
    ).fetchone()
    assert rows > 50_000
    assert wrong == 0


def test_transfers_between_own_accounts_sum_to_zero(truths) -> None:
    kinds = {"transfer", "cash"}
    codes = [CODE[kind] for kind in kinds]
    for _household, truth in truths:
        own = take(truth, np.isin(truth["category"], codes))
        cents = np.round(own["amount"] * 100).astype(int)
        assert cents.sum() == 0
        assert (cents != 0).all()


def test_customers_are_the_ledgers_own_from_one_on(plan, ledger_sql) -> None:
    found = ledger_sql.execute("select distinct customer_id from accounts order by 1").fetchall()
    assert found == [(number,) for number in range(1, plan.households + 1)]
    (strangers,) = ledger_sql.execute(
        "select count(*) from good_transactions where account_id not in (select account_id from accounts "
        "where account_id is not null)"
    ).fetchone()
    assert strangers == 0


def test_defects_come_at_their_shares(ledger) -> None:
    rows, defects = ledger.tables["transactions"].num_rows, ledger.defects["transactions"]
    broken = sum(count for name, count in defects.items() if name not in {"duplicate", "corrected", "late"})
    for share, count in ((DUPLICATE, defects["duplicate"]), (CORRECTED, defects["corrected"]), (BROKEN, broken)):
        assert 0.8 * share < count / rows < 1.2 * share
    assert 0.25 * LATE < defects["late"] / rows < LATE


def test_transactions_arrive_out_of_order(ledger_sql) -> None:
    (share,) = ledger_sql.execute(
        "select avg((occurred_at < newest)::int) from (select occurred_at, max(occurred_at) over (partition by account_id "
        "order by ingested_at, transaction_id rows between unbounded preceding and 1 preceding) as newest "
        "from good_transactions)"
    ).fetchone()
    assert 0.03 < share < 0.25, share


def test_frauds_are_few_and_of_several_kinds_and_known_about_a_week_later(ledger_sql, truths) -> None:
    share, median, slowest = ledger_sql.execute(
        "select count(*) / (select count(*) from good_transactions), "
        "median(epoch(labelled_at - occurred_at)) / 86400, max(epoch(labelled_at - occurred_at)) / 86400 "
        "from good_labels join good_transactions using (transaction_id) where kind = 'fraud' and value = 'fraud'"
    ).fetchone()
    assert 0.003 < share < 0.008, share
    assert 5 < median < 8, median
    assert slowest > 20
    frauds = [take(truth, truth["fraud"]) for _household, truth in truths]
    methods = {method for rows in frauds for method in rows["payment_method"]}
    assert methods >= {"credit_card", "debit_card", "bank_transfer"}
    assert min(-rows["amount"].max() for rows in frauds if len(rows["amount"])) < 3


def test_labels_are_as_often_wrong_or_lacking_as_is_said(plan, ledger_sql, truths) -> None:
    labels = {}
    query = "select transaction_id, kind, value from good_labels where transaction_id < {0}"
    for number, kind, value in ledger_sql.execute(query.format(25 << 22)).fetchall():
        labels[number, kind] = value
    names = {code: name for name, code in CODE.items()}
    right = wrong = frauds = unreported = known = 0
    for _household, truth in truths:
        # Of the last weeks not all labels have come.
        for number, category, fraud, occurred in zip(
            *(truth[name].tolist() for name in ("transaction_id", "category", "fraud", "occurred_at")), strict=True
        ):
            if occurred > plan.end_us - 100 * 86_400_000_000:
                continue
            known += 1
            label = labels.get((number, "category"))
            right += label == names[category]
            wrong += label is not None and label != names[category]
            frauds += fraud
            unreported += fraud and labels.get((number, "fraud")) != "fraud"
    expected = sum(LABELLED[source] * WRONG[source] for source in LABELLED) / sum(LABELLED.values()) * (1 - MENDED)
    assert 0.8 * expected < wrong / (right + wrong) < 1.2 * expected
    assert 0.95 < (right + wrong) / known / sum(LABELLED.values()) < 1.02
    assert frauds > 100
    assert unreported / frauds < 3 * FRAUD_NEVER_REPORTED


def test_merchants_have_several_spellings_and_prices_rise(ledger_sql) -> None:
    (spellings,) = ledger_sql.execute(
        "select count(distinct regexp_replace(description, '[0-9]+', '', 'g')) from good_transactions "
        "where lower(merchant) like 'greenbasket%'"
    ).fetchone()
    assert spellings >= 3
    first, last = ledger_sql.execute(
        "select median(-amount) filter (occurred_at < date '2024-05-01'), "
        "median(-amount) filter (occurred_at >= date '2025-05-01') from good_transactions "
        "join good_labels using (transaction_id) where value = 'groceries' and amount < 0"
    ).fetchone()
    assert 1.0 < last / first < 1.12, (first, last)
