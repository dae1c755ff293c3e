"""Transactions of made-up accounts, a few of them late, in the order in which they became known."""

from __future__ import annotations

import numpy as np

from feature_repo.stores.events.record import NO_INTEGER
from feature_repo.stores.events.slices import EventRequests
from feature_repo.stores.events.table import EventTable
from feature_repo.views.transaction_events import DAY, METHOD, Transactions

LATE_SHARE = 0.02
DAYS = 250
BEGIN = 1_700_000_000_000_000


def transactions_of_accounts(accounts: int, rows: int, seed: int, days: int = DAYS) -> EventTable:
    """Late ones become known up to five days after, all others within five seconds."""
    chance = np.random.default_rng(seed)
    occurred = BEGIN + chance.integers(0, days * DAY, rows)
    late = chance.random(rows) < LATE_SHARE
    known = occurred + np.where(late, chance.integers(0, 5 * DAY, rows), chance.integers(0, 5_000_000, rows))
    spent = -np.round(chance.lognormal(7.5, 1.2, rows)).astype(np.int64)
    merchant = chance.zipf(1.3, rows) % 200 * 5_000_000_011 % 2**40
    columns = {
        "amount": np.where(chance.random(rows) < 0.1, chance.integers(10_000, 500_000, rows), spent),
        "balance_after": np.where(chance.random(rows) < 0.9, chance.integers(-(10**6), 10**7, rows), NO_INTEGER),
        "merchant": np.where(chance.random(rows) < 0.1, 0, merchant),
        "method": chance.integers(1, len(METHOD.values) + 1, rows),
        "country": chance.integers(0, 4, rows),
    }
    table = EventTable(chance.integers(0, accounts, rows), np.arange(rows), occurred, known, columns)
    return table.take(np.argsort(known, kind="stable"))


def transactions_in(events: EventTable) -> Transactions:
    """The events as what features are wanted of."""
    words = np.full(len(events), 3, np.int64)
    return Transactions(events["amount"], events["merchant"], events["method"], events["country"], words)


def requests_in(events: EventTable) -> EventRequests:
    """Each event asks for its own history, as it was known when it became known itself."""
    return EventRequests(events.entity, events.occurred, events.known)
