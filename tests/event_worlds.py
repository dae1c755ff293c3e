"""Random accounts with everything that goes wrong: late, repeated and corrected rows, equal instants, nulls."""

from __future__ import annotations

import random
from collections.abc import Sequence
from dataclasses import replace

import numpy as np
from transaction_oracle import DAY, HOUR, Row

from feature_repo.stores.events.record import NO_INTEGER, Integers
from feature_repo.stores.events.slices import EventRequests
from feature_repo.stores.events.table import EventTable
from feature_repo.views.transaction_events import Transactions

BEGIN = 1_700_000_000_000_000


def random_rows(seed: int, *, accounts: int = 4, rows: int = 300, days: int = 150) -> list[Row]:
    """Raw rows in the order in which they became known."""
    chance = random.Random(seed)
    made: list[Row] = []
    for number in range(rows):
        occurred = BEGIN + chance.randrange(days * 24 * 4) * (HOUR // 4) + chance.choice([0, 0, 1, 17])
        late = chance.choice([0, 0, 0, 3_000_000, HOUR, 5 * DAY, chance.randrange(60 * DAY)])
        row = Row(
            id=number,
            account=chance.randrange(accounts),
            occurred=occurred,
            known=occurred + late,
            amount=chance.choice(
                [0, -100, -2_500, -999, -chance.randrange(1, 10**6), 300_000, chance.randrange(1, 10**7)]
            ),
            balance_after=chance.choice([None, 0, chance.randrange(-(10**7), 10**7)]),
            merchant=chance.choice([0, 1, 2, 3, 2**40 - 1]),
            method=chance.choice([0, 1, 2, 3, 7]),
            country=chance.choice([0, 0, 5, 6]),
            words=chance.randrange(4),
        )
        made.append(row)
        if chance.random() < 0.05:
            made.append(replace(row, known=row.known + chance.choice([0, HOUR, 3 * DAY])))
        if chance.random() < 0.08:
            later = row.known + chance.choice([0, 1, 2 * DAY, 20 * DAY])
            moved = row.occurred + chance.choice([0, 0, -DAY, DAY])
            owner = chance.choice([row.account, row.account, chance.randrange(accounts)])
            made.append(replace(row, account=owner, occurred=moved, known=later, amount=row.amount + 1, merchant=1))
    return sorted(made, key=lambda row: row.known)


def event_table(rows: Sequence[Row]) -> EventTable:
    def column(name: str) -> Integers:
        values = [getattr(row, name) for row in rows]
        return np.array([NO_INTEGER if value is None else value for value in values], np.int64)

    names = ("amount", "balance_after", "merchant", "method", "country")
    return EventTable(
        column("account"), column("id"), column("occurred"), column("known"), {name: column(name) for name in names}
    )


def requests_of(rows: Sequence[Row]) -> EventRequests:
    table = event_table(rows)
    return EventRequests(table.entity, table.occurred, table.known)


def transactions_of(rows: Sequence[Row]) -> Transactions:
    table = event_table(rows)
    words = np.array([row.words for row in rows], np.int64)
    return Transactions(table["amount"], table["merchant"], table["method"], table["country"], words)
