"""Some households, from their income to rows of the raw tables: what a worker process makes, knowing of no others."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
import pyarrow as pa

from pipelines.raw.contracts import RawTable
from pipelines.raw.tables.ledger import ACCOUNTS, TRANSACTION_LABELS, TRANSACTIONS
from pipelines.world.clock import DAY, HOUR
from pipelines.world.frames import Frame, rows_of, schema_of, stack, take
from pipelines.world.ledger.delivery import LATEST, Delivered, delivered, known_at, wrong_at_first
from pipelines.world.ledger.frauds import frauds_of, refunds_of
from pipelines.world.ledger.households import Household, household_of
from pipelines.world.ledger.labels import labels_of
from pipelines.world.ledger.movements import CARD, CHECKING, KINDS
from pipelines.world.ledger.obligations import obligations
from pipelines.world.ledger.plan import LedgerPlan
from pipelines.world.ledger.settlement import balances, settled
from pipelines.world.ledger.spending import everyday_spending

IDS_PER_HOUSEHOLD = 1 << 22
BLANKED: Mapping[str, frozenset[str]] = {
    ACCOUNTS.name: frozenset({"account_id"}),
    TRANSACTIONS.name: frozenset({"transaction_id", "account_id", "amount"}),
    TRANSACTION_LABELS.name: frozenset({"transaction_id"}),
}
"""Columns that a broken row may lack although its contract requires them."""


@dataclass(frozen=True)
class LedgerBlock:
    """The tables of some households, and how many rows of each have which defect."""

    tables: Mapping[str, pa.Table]
    defects: Mapping[str, Mapping[str, int]]


def ledger_block(plan: LedgerPlan, households: range) -> LedgerBlock:
    """The block of those households."""
    tables: dict[str, list[pa.Table]] = {}
    defects: dict[str, Counter[str]] = {}
    for number in households:
        household = household_of(plan, number)
        truth = household_truth(household)
        for raw, done in (
            (ACCOUNTS, _accounts(household)),
            (TRANSACTIONS, _transactions(household, truth)),
            (TRANSACTION_LABELS, _labels(household, truth)),
        ):
            rows = take(done.rows, done.rows[raw.known] < plan.end_us)
            tables.setdefault(raw.name, []).append(ledger_arrow(raw, rows))
            defects.setdefault(raw.name, Counter()).update(done.defects)
    return LedgerBlock({name: pa.concat_tables(parts) for name, parts in tables.items()}, defects)


def household_truth(household: Household) -> Frame:
    """What really happened on a household's accounts, in order, and when it became known.

    The columns of the transactions table, with `category`, `fraud` and `opening`, what the account held at first.
    """
    frauds = frauds_of(household)
    refunds = refunds_of(household.rng("refunds"), household, frauds)
    made = settled(household, stack([everyday_spending(household), obligations(household), frauds, refunds]))
    openings, after = balances(household, made)
    count = rows_of(made)
    is_batched = np.isin(made["method"].astype(str), ["bank_transfer", "direct_debit", "other"])
    return {
        "transaction_id": household.number * IDS_PER_HOUSEHOLD + 1 + np.arange(count),
        "account_id": household.account_ids(made["slot"]),
        "amount": made["cents"] / 100,
        "currency": _same(household.currency, count),
        "description": made["description"],
        "merchant": made["merchant"],
        "payment_method": made["method"],
        "balance_after": after / 100,
        "country": made["country"],
        "occurred_at": made["time"],
        "ingested_at": known_at(household.rng("arrival"), made["time"], is_batched),
        "category": made["category"],
        "fraud": made["fraud"],
        "opening": openings[made["slot"]] / 100,
    }


def _transactions(household: Household, truth: Frame) -> Delivered:
    rng = household.rng("delivery of transactions")
    rows, corrections, hit = wrong_at_first(rng, {column.name: truth[column.name] for column in TRANSACTIONS.columns})
    breaks = (
        *("transaction_id", "account_id", "amount", "currency", "payment_method"),
        *("far_future", "known_before_it_happened"),
    )
    done = delivered(rng, rows, "occurred_at", "ingested_at", breaks, hit)
    late = int((truth["ingested_at"] - truth["occurred_at"] > 2 * DAY).sum())
    counts = {**done.defects, "corrected": rows_of(corrections), "late": late}
    return Delivered(stack([done.rows, corrections]), counts)


def _labels(household: Household, truth: Frame) -> Delivered:
    labels = labels_of(household.rng("labels"), truth)
    rng = household.rng("delivery of labels")
    return delivered(rng, labels, "labelled_at", "labelled_at", ("transaction_id", "kind"), np.empty(0, np.int64))


def _accounts(household: Household) -> Delivered:
    """The household's accounts as opened, and once more as closed if it has left."""
    rng, plan = household.rng("accounts"), household.plan
    slots = np.array(household.slots)
    opened = household.opened[slots]
    limits = {CHECKING: float(rng.choice([0, 500, 1_000, 2_000])), CARD: round(household.income * 1.5, -2)}
    rows: Frame = {
        "account_id": household.account_ids(slots),
        "customer_id": np.full(len(slots), household.customer_id),
        "kind": np.array([KINDS[slot] for slot in slots], object),
        "currency": _same(household.currency, len(slots)),
        "credit_limit": np.array([limits.get(slot, np.nan) for slot in slots]),
        "opened_at": opened,
        "closed_at": np.full(len(slots), -1),
        "ingested_at": np.where(
            opened < plan.imported_us, plan.imported_us + rng.integers(0, HOUR, len(slots)), opened + HOUR
        ),
    }
    if household.has_left:
        # Once everything that happened on it has become known.
        closed = np.full(len(slots), household.stop_day * DAY + 12 * HOUR)
        rows = stack([rows, {**rows, "closed_at": closed, "ingested_at": closed + LATEST // 9}])
    return delivered(rng, rows, "opened_at", "ingested_at", ("account_id", "kind"), np.arange(rows_of(rows)))


def _same(text: str, count: int) -> np.ndarray:
    texts = np.empty(count, object)
    texts[:] = text
    return texts


def ledger_arrow(raw: RawTable, frame: Frame) -> pa.Table:
    """The frame as an Arrow table: -1 and NaN are null where a column may be empty."""
    schema = schema_of(raw, BLANKED[raw.name])
    arrays = []
    for field in schema:
        values = frame[field.name]
        if values.dtype == object:
            arrays.append(pa.array(values, pa.string()))
            continue
        nothing = np.isnan(values) if values.dtype.kind == "f" else values < 0
        stored = pa.int64() if pa.types.is_timestamp(field.type) else field.type
        mask = nothing if field.nullable else None
        arrays.append(pa.array(values.astype(stored.to_pandas_dtype()), stored, mask=mask).cast(field.type))
    return pa.Table.from_arrays(arrays, schema=schema)
