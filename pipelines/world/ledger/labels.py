"""What is said of transactions: categories, by rules, the bank and users; and frauds, about a week late."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import numpy as np

from pipelines.world.clock import DAY, HOUR, MINUTE, Ints
from pipelines.world.frames import Frame, rows_of, stack, take
from pipelines.world.ledger.merchants import CATEGORIES

LABELLED = {"rule": 0.5, "bank": 0.22, "user": 0.13}
"""The share of transactions whose first category comes from there; the others get none."""
WRONG = {"rule": 0.06, "bank": 0.04, "user": 0.015}
"""The share of those that is wrong."""
MENDED = 0.5
"""The share of the wrong ones that a user sets right, some days later."""
FRAUD_DAYS = 6.0
"""The median of the days after which a fraud is reported."""
FRAUD_NEVER_REPORTED = 0.04
FRAUD_DISMISSED = 0.03
"""The share of frauds that the bank first calls genuine, and reports weeks later."""
FALSE_ALARMS = 0.0003
"""The share of genuine purchases that users report as frauds; the bank finds most of them genuine later."""

_DELAYS = {"rule": MINUTE, "bank": 6 * HOUR, "user": 5 * DAY}


def labels_of(rng: np.random.Generator, rows: Frame) -> Frame:
    """The labels of a household's transactions: `transaction_id`, `category`, `fraud` and `ingested_at` are read."""
    return stack([*_categories(rng, rows), *_frauds(rng, rows)])


def _label(ids: Ints, kind: str, values: Any, source: str, at: Ints) -> Frame:
    texts = {"kind": kind, "value": values, "source": source}
    columns: dict[str, Any] = {"transaction_id": ids}
    for name, given in texts.items():
        columns[name] = np.empty(len(ids), object)
        columns[name][:] = given
    return {**columns, "labelled_at": at.astype(np.int64)}


def _categories(rng: np.random.Generator, rows: Frame) -> Iterator[Frame]:
    names = np.array(CATEGORIES, object)
    u, count = rng.random(rows_of(rows)), len(CATEGORIES)
    first = 0.0
    for source, share in LABELLED.items():
        own = take(rows, np.flatnonzero((u >= first) & (u < first + share)))
        first += share
        size = rows_of(own)
        wrong = rng.random(size) < WRONG[source]
        category = np.where(wrong, (own["category"] + rng.integers(1, count, size)) % count, own["category"])
        at = own["ingested_at"] + (rng.standard_exponential(size) * _DELAYS[source]).astype(np.int64) + 1_000_000
        yield _label(own["transaction_id"], "category", names[category], source, at)
        mended = wrong & (rng.random(size) < MENDED)
        later = at[mended] + ((1 + rng.exponential(9.0, int(mended.sum()))) * DAY).astype(np.int64)
        yield _label(own["transaction_id"][mended], "category", names[own["category"][mended]], "user", later)


def _frauds(rng: np.random.Generator, rows: Frame) -> Iterator[Frame]:
    frauds = take(rows, rows["fraud"])
    size = rows_of(frauds)
    u = rng.random(size)
    days = np.clip(FRAUD_DAYS * np.exp(0.45 * rng.standard_normal(size)), 0.5, 40)
    at = frauds["ingested_at"] + (days * DAY).astype(np.int64)
    reported, dismissed = u >= FRAUD_NEVER_REPORTED, u > 1 - FRAUD_DISMISSED
    ids = frauds["transaction_id"]
    yield _label(ids[dismissed], "fraud", "genuine", "bank", at[dismissed])
    yield _label(ids[reported], "fraud", "fraud", "bank", np.where(dismissed, at + 20 * DAY, at)[reported])
    doubted = take(
        rows, np.flatnonzero(~rows["fraud"] & (rows["amount"] < 0) & (rng.random(rows_of(rows)) < FALSE_ALARMS))
    )
    size = rows_of(doubted)
    at = doubted["ingested_at"] + ((1 + rng.exponential(2.0, size)) * DAY).astype(np.int64)
    yield _label(doubted["transaction_id"], "fraud", "fraud", "user", at)
    cleared = rng.random(size) < 0.7
    after = at[cleared] + ((4 + rng.exponential(6.0, int(cleared.sum()))) * DAY).astype(np.int64)
    yield _label(doubted["transaction_id"][cleared], "fraud", "genuine", "bank", after)
