"""How transactions and labels become known: at once, in the night's batch, late, twice, wrong at first, or broken.

Whatever was sent broken is sent again in order: the books are whole in the end.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np

from pipelines.world.clock import DAY, HOUR, MINUTE, Ints
from pipelines.world.frames import UNHEARD_OF, Frame, rows_of, stack, take

LATE = 0.012
"""The share known more than a day after what is usual."""
DUPLICATE = 0.006
"""The share delivered twice, the same."""
CORRECTED = 0.003
"""The share whose amount was wrong at first: a payment reserved for one amount and booked for another."""
BROKEN = 0.0015
"""The share of deliveries against the contract."""
LATEST = 45 * DAY
FAR_FUTURE = 3_818_448_000_000_000
"""2091-01-01: a clock that was never set."""


@dataclass(frozen=True)
class Delivered:
    """Rows as they arrive, and how many of them have which defect."""

    rows: Frame
    defects: Mapping[str, int]


def known_at(rng: np.random.Generator, time: Ints, is_batched: np.ndarray) -> Ints:
    """When each transaction becomes known: within minutes or hours, transfers and debits in the night after."""
    count = len(time)
    u = rng.random(count)
    soon = rng.standard_exponential(count) * np.where(u < 0.06, 3 * HOUR, 4 * MINUTE) + MINUTE
    night = (time // DAY + 1) * DAY - time + 2 * HOUR + rng.random(count) * 2 * HOUR
    late = np.where(u > 1 - LATE, np.minimum((1 + rng.pareto(1.1, count)) * DAY, LATEST), 0.0)
    return time + (np.where(is_batched, night, soon) + late).astype(np.int64)


def delivered(
    rng: np.random.Generator, rows: Frame, happened: str, known: str, breaks: tuple[str, ...], hit: Ints
) -> Delivered:
    """The rows with redeliveries and broken deliveries; `breaks` names what may be broken.

    The rows in `hit` are corrected later, so they are not sent again: the correction is to be the last word.
    """
    count, whole = rows_of(rows), [rows]
    again = take(rows, np.setdiff1d(np.flatnonzero(rng.random(count) < DUPLICATE), hit))
    if happened != known:
        days = rng.uniform(1, 4, rows_of(again)) * DAY
        pause = np.where(rng.random(rows_of(again)) < 0.3, days, 10 * MINUTE)
        again = {**again, known: again[known] + pause.astype(np.int64)}
    whole.append(again)
    counts = {"duplicate": rows_of(again)}
    broken = np.flatnonzero(rng.random(count) < BROKEN)
    kinds = rng.integers(0, len(breaks), len(broken))
    for number, what in enumerate(breaks):
        spoilt = _spoilt(take(rows, broken[kinds == number]), what, happened, known)
        whole.append(spoilt)
        counts[what] = rows_of(spoilt)
    return Delivered(stack(whole), counts)


def _spoilt(rows: Frame, what: str, happened: str, known: str) -> Frame:
    """The rows with a fault: a moment that cannot be, or a column of that name without a value that it may have."""
    count = rows_of(rows)
    if what == "far_future":
        return {**rows, happened: np.full(count, FAR_FUTURE)}
    if what == "known_before_it_happened":
        return {**rows, happened: rows[known] + 5 * HOUR}
    if rows[what].dtype == object:
        words = np.empty(count, object)
        words[:] = UNHEARD_OF
        return {**rows, what: words}
    return {**rows, what: np.full(count, np.nan if rows[what].dtype.kind == "f" else -1)}


def wrong_at_first(rng: np.random.Generator, rows: Frame) -> tuple[Frame, Frame, Ints]:
    """The transactions as first delivered, the corrections of those whose amount was wrong, and which those are."""
    hit = np.flatnonzero(rng.random(rows_of(rows)) < CORRECTED)
    amount = rows["amount"].copy()
    amount[hit] = np.round(amount[hit] * rng.choice([0.5, 0.9, 1.1, 1.5], len(hit)), 2)
    right = take(rows, hit)
    pause = ((0.5 + rng.exponential(4.0, len(hit))) * DAY).astype(np.int64)
    return {**rows, "amount": amount}, {**right, "ingested_at": right["ingested_at"] + pause}, hit
