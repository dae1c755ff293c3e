"""What strangers do with a household's accounts: bursts with a stolen card, accounts taken over, small test charges.

Some of it looks like a day of shopping, and some days of shopping look like it: on a journey a household pays abroad,
often, at merchants it has never been to.
"""

from __future__ import annotations

import numpy as np

from pipelines.world.clock import DAY, Ints
from pipelines.world.frames import Frame, stack, take
from pipelines.world.ledger.households import Household
from pipelines.world.ledger.merchants import ABROAD, BRANDS, Merchant, person
from pipelines.world.ledger.movements import CHECKING, in_cents, movements
from pipelines.world.ledger.spending import HABITS, bought

BURSTS_A_YEAR = 0.55
TAKEOVERS_A_YEAR = 0.10
TEST_CHARGES_A_YEAR = 0.30
"""How often each befalls a household."""

_EVERYDAY = tuple(habit.category for habit in HABITS if habit.category not in {"education", "health"})


def frauds_of(household: Household) -> Frame:
    """All fraudulent movements on the household's accounts."""
    rng = household.rng("frauds")
    days = max(household.stop_day - household.first_day, 0)
    parts = [_charges(rng, household, np.empty(0, np.int64), np.empty(0, np.int64), BRANDS)]
    for yearly, befalls in (
        (BURSTS_A_YEAR, _burst),
        (TAKEOVERS_A_YEAR, _takeover),
        (TEST_CHARGES_A_YEAR, _test_charges),
    ):
        starts = np.sort(rng.integers(0, max(1, days * DAY), rng.poisson(yearly * days / 365.25))).tolist()
        parts += [befalls(rng, household, household.first_day * DAY + start) for start in starts]
    rows = stack(parts)
    return take(rows, household.is_here(rows["time"] // DAY))


def _moments(rng: np.random.Generator, start: int, count: int, hours: float) -> Ints:
    return start + np.sort(rng.random(count) * hours * 3_600).astype(np.int64) * 1_000_000


def _burst(rng: np.random.Generator, household: Household, start: int) -> Frame:
    """A stolen card: purchases within hours or some days, for more than usual, half of them abroad."""
    count = int(rng.integers(3, 10))
    time = _moments(rng, start, count, float(np.exp(rng.uniform(np.log(1.0), np.log(72.0)))))
    cents = in_cents(rng, rng.choice([26.0, 70.0, 150.0], p=[0.4, 0.35, 0.25]), 0.8, count)
    country = str(rng.choice(ABROAD)) if rng.random() < 0.35 else household.country
    places = BRANDS if rng.random() < 0.6 else (*BRANDS, *household.locals_)
    return _charges(rng, household, time, cents, places, country)


def _takeover(rng: np.random.Generator, household: Household, start: int) -> Frame:
    """An account taken over: transfers to people who were never paid before."""
    count = int(rng.integers(1, 5))
    texts = [f"Transfer {person(rng)}" for _ in range(count)]
    return movements(
        _moments(rng, start, count, 30.0), -(in_cents(rng, 420.0, 0.7, count) // 1_000 * 1_000 + 1_000), slot=CHECKING,
        category="gifts", description=texts, method="bank_transfer", country=household.country, fraud=True,
    )  # fmt: skip


def _test_charges(rng: np.random.Generator, household: Household, start: int) -> Frame:
    """Whether a card works, tried with charges that nobody notices."""
    count = int(rng.integers(1, 4))
    online = [merchant for merchant in BRANDS if merchant.online or "entertainment" in merchant.sales]
    return _charges(rng, household, _moments(rng, start, count, 20.0), in_cents(rng, 2.5, 0.7, count), online)


def _charges(
    rng: np.random.Generator,
    household: Household,
    time: Ints,
    cents: Ints,
    merchants: tuple[Merchant, ...] | list[Merchant],
    country: str | None = None,
) -> Frame:
    """Purchases at any merchants, each of the category that the merchant sells most of."""
    able = [merchant for merchant in merchants if max(merchant.sales, key=merchant.sales.__getitem__) in _EVERYDAY]
    chosen = rng.integers(0, len(able), len(time))
    return stack(
        [bought(rng, household, "shopping", time[:0], cents[:0], able, chosen[:0], country, fraud=True)]
        + [
            bought(
                rng, household, max(able[which].sales, key=able[which].sales.__getitem__), time[place : place + 1],
                cents[place : place + 1], able, chosen[place : place + 1], country, fraud=True,
            )
            for place, which in enumerate(chosen.tolist())
        ]
    )  # fmt: skip


def refunds_of(rng: np.random.Generator, household: Household, frauds: Frame) -> Frame:
    """What the bank gives back for most frauds, some weeks later."""
    back = rng.random(len(frauds["time"])) < 0.85
    time = frauds["time"][back] + ((9 + rng.exponential(6, int(back.sum()))) * DAY).astype(np.int64)
    rows = movements(
        time, -frauds["cents"][back], slot=frauds["slot"][back], category="refunds",
        description="DISPUTE CREDIT", method="other", country=household.country,
    )  # fmt: skip
    return take(rows, household.is_here(rows["time"] // DAY))
