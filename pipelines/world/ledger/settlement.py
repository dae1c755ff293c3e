"""Between a household's own accounts: savings, the credit card's payment, cash; and what each account then holds."""

from __future__ import annotations

from typing import Any

import numpy as np

from pipelines.world.clock import DAY, Floats, Ints, month_starts
from pipelines.world.frames import Frame, rows_of, stack, take
from pipelines.world.ledger.households import Household
from pipelines.world.ledger.movements import CARD, CHECKING, SAVINGS, WALLET, at_hours, movements

SECOND = 1_000_000


def settled(household: Household, rows: Frame) -> Frame:
    """The movements with those between the household's own accounts, in order of time."""
    rng, slots = household.rng("settlement"), household.slots
    plan = household.plan
    months = (plan.end.year - plan.start.year) * 12 + plan.end.month - plan.start.month + 1
    starts = month_starts(plan.start, months + 1)
    month = np.searchsorted(starts, rows["time"] // DAY, side="right") - 1

    def monthly(slot: int) -> Ints:
        return np.bincount(month, np.where(rows["slot"] == slot, rows["cents"], 0), months).astype(np.int64)

    parts = [rows]
    left = monthly(CHECKING)
    if CARD in slots:
        owed = np.maximum(-monthly(CARD), 0)
        left -= np.roll(owed, 1) * (np.arange(months) > 0)
        parts += _transfers(rng, household, starts[1:], owed, CHECKING, CARD, "CREDIT CARD PAYMENT", 12)
    if WALLET in slots:
        drawn = -(monthly(WALLET) // 2_000) * 2_000
        left -= drawn
        first, second = drawn // 4_000 * 2_000, drawn - drawn // 4_000 * 2_000
        for cents, day in ((first, 1), (second, 11)):
            parts += _transfers(rng, household, starts[:-1], cents, CHECKING, WALLET, "ATM WITHDRAWAL", day, "cash")
    if SAVINGS in slots:
        moved = (left * rng.uniform(0.75, 0.95)).astype(np.int64) // 1_000 * 1_000
        parts += _transfers(rng, household, starts[1:], np.maximum(moved, 0), CHECKING, SAVINGS, "TO SAVINGS", 2)
        parts += _transfers(rng, household, starts[1:], np.maximum(-moved, 0), SAVINGS, CHECKING, "FROM SAVINGS", 2)
    whole = stack(parts)
    return take(whole, np.lexsort((whole["slot"], whole["time"])))


def _transfers(
    rng: np.random.Generator,
    household: Household,
    months: Ints,
    cents: Ints,
    giver: int,
    taker: int,
    text: str,
    day: int,
    category: str = "transfer",
) -> list[Frame]:
    """Both sides of a transfer in each month that has an amount, some days after the month's first."""
    days = months + day + rng.integers(0, 3, len(months))
    due = (cents > 0) & household.is_here(days)
    time, cents = at_hours(rng, days[due], (10.0, 18.0)), cents[due]
    machine = category == "cash"
    common: dict[str, Any] = {"category": category, "country": household.country, "description": text}
    given, taken = ("debit_card", "cash") if machine else ("bank_transfer", "bank_transfer")
    return [
        movements(time, -cents, slot=giver, method=given, **common),
        movements(time + SECOND, cents, slot=taker, method=taken, **common),
    ]


def balances(household: Household, rows: Frame) -> tuple[Ints, Floats]:
    """What each account held before the first of these movements, and after each of them, in cents.

    Nobody keeps books of cash: the balance of a wallet is unknown.
    """
    rng = household.rng("openings")
    openings, after = np.zeros(4, np.int64), np.full(rows_of(rows), np.nan)
    for slot in household.slots:
        own = np.flatnonzero(rows["slot"] == slot)
        running = np.cumsum(rows["cents"][own])
        least = int(running.min(initial=0))
        # Some slip below zero now and then, most never.
        lowest = int(rng.uniform(-60_000, 40_000) if slot == CHECKING else rng.uniform(1_000, 900_000))
        openings[slot] = 0 if slot == CARD else lowest - least
        if slot != WALLET:
            after[own] = openings[slot] + running
    return openings, after
