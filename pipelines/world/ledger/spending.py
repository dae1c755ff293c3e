"""Everyday spending: what households buy by habit, at which hours and in which seasons, and what they buy away."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from pipelines.world.clock import Ints, month_of, weekday_of
from pipelines.world.frames import Frame, stack, take
from pipelines.world.ledger.households import Household
from pipelines.world.ledger.merchants import ABROAD, BRANDS, INITIALS, Merchant, merchants_of
from pipelines.world.ledger.movements import CARD, CHECKING, WALLET, at_hours, in_cents, movements


@dataclass(frozen=True)
class Habit:
    """What is bought again and again: how often a week, for about how much, when."""

    category: str
    per_week: float
    median: float
    sigma: float
    hours: tuple[float, ...]
    weekend: float = 1.0
    """How much likelier it is on a Saturday or Sunday."""
    december: float = 1.0
    summer: float = 1.0


HABITS = (
    Habit("groceries", 2.2, 34, 0.6, (10, 17.5, 18.5), weekend=1.3, december=1.25),
    Habit("eating_out", 2.2, 14, 0.8, (8, 12.7, 19.5), weekend=1.5),
    Habit("transport", 1.1, 11, 0.9, (8, 17.5), weekend=0.6),
    Habit("fuel", 0.6, 52, 0.3, (8, 18), weekend=1.1, summer=1.2),
    Habit("shopping", 0.8, 42, 0.8, (13, 20), weekend=1.6, december=2.2),
    Habit("health", 0.3, 28, 0.8, (10, 16), weekend=0.5),
    Habit("entertainment", 0.45, 24, 0.6, (19, 21), weekend=2.0),
    Habit("home", 0.3, 55, 0.9, (11, 16), weekend=1.9, summer=1.4),
    Habit("education", 0.12, 35, 0.6, (10, 15), weekend=0.4),
)
TRIPS_A_YEAR = 1.8


def everyday_spending(household: Household) -> Frame:
    """All purchases of the household, at home and away."""
    rng = household.rng("spending")
    return stack([*(_purchases(rng, household, habit) for habit in HABITS), _trips(rng, household)])


def _purchases(rng: np.random.Generator, household: Household, habit: Habit) -> Frame:
    days = np.arange(household.first_day, household.stop_day)
    rate = habit.per_week / 7 * np.exp(0.35 * rng.standard_normal()) * _keenness(household, habit)
    month, is_weekend = month_of(days), weekday_of(days) >= 5
    rates = rate * np.where(is_weekend, habit.weekend, 1.0)
    rates = rates * np.where(month == 11, habit.december, 1.0) * np.where((month >= 5) & (month <= 7), habit.summer, 1)
    days = np.repeat(days, rng.poisson(rates))
    median = habit.median * (household.income / 3_200) ** 0.45 * np.exp(0.25 * rng.standard_normal())
    cents = in_cents(rng, median * household.price_level(days), habit.sigma, len(days))
    # Shops like prices that end in 99.
    cents = np.where(rng.random(len(days)) < 0.25, cents // 100 * 100 + 99, cents)
    favourites = _favourites(rng, household, habit.category)
    chosen = rng.integers(0, len(favourites), len(days))
    return bought(rng, household, habit.category, at_hours(rng, days, habit.hours), cents, favourites, chosen)


def _keenness(household: Household, habit: Habit) -> float:
    if habit.category == "fuel":
        return 1.0 if household.has_car else 0.0
    if habit.category == "education":
        return 2.5 if household.has_children else 0.5
    return 1.25 if household.has_children and habit.category == "groceries" else 1.0


def _favourites(rng: np.random.Generator, household: Household, category: str) -> list[Merchant]:
    """Twelve places, as often each as the household goes there: few often, others now and then."""
    brands, shares = merchants_of(category, BRANDS)
    local = [merchant for merchant in household.locals_ if category in merchant.sales]
    usual = [brands[number] for number in rng.choice(len(brands), 2, p=shares)]
    others = [brands[number] for number in rng.choice(len(brands), 3, p=shares)]
    return [*usual * 3, *others, *(local * 2)[:3]]


def bought(
    rng: np.random.Generator,
    household: Household,
    category: str,
    time: Ints,
    cents: Ints,
    merchants: Sequence[Merchant],
    chosen: Ints,
    country: str | None = None,
    fraud: bool = False,
) -> Frame:
    """Purchases at merchants of a list, by card or cash."""
    count = len(time)
    u = rng.random((3, count))
    by_cash = (u[0] < household.cash_share) & (cents < 6_000) & (not fraud)
    by_card = ~by_cash & (u[1] < household.card_share)
    slot = np.where(by_cash, WALLET, np.where(by_card, CARD, CHECKING))
    method = np.where(by_cash, "cash", np.where(by_card, "credit_card", "debit_card"))
    style, number = rng.integers(0, 1 << 30, (2, count)).tolist()
    places = [merchants[which] for which in chosen.tolist()]
    cities = household.cities
    descriptions = []
    for merchant, form, digits in zip(places, style, number, strict=True):
        spellings = _SPELLINGS.get(merchant.name) or _SPELLINGS.setdefault(merchant.name, merchant.spellings())
        # Most terminals of a chain spell it alike.
        text = spellings[0 if form % 10 < 5 else form // 10 % len(spellings)]
        code = f"{INITIALS[digits % 18]}{digits // 18 % 100_000:05}"
        descriptions.append(text.format(number=digits % 9_000 + 100, city=cities[form % len(cities)], code=code))
    names = [None if unnamed else place.names()[form // 50 % 4] for place, form, unnamed in
             zip(places, style, (u[2] < 0.25).tolist(), strict=True)]  # fmt: skip
    return movements(
        time, -cents, slot=slot, category=category, description=descriptions, method=method,
        country=household.country if country is None else country, merchant=names, fraud=fraud,
    )  # fmt: skip


# The spellings of a merchant follow from its name.
_SPELLINGS: dict[str, tuple[str, ...]] = {}


def _trips(rng: np.random.Generator, household: Household) -> Frame:
    """Journeys: booked weeks ahead, then a week of hotels, restaurants and shops, mostly abroad."""
    span = household.stop_day - household.first_day
    starts = household.first_day + rng.integers(0, max(1, span), rng.poisson(TRIPS_A_YEAR * max(span, 0) / 365.25))
    parts = [_nothing(rng, household)]
    hotels, _shares = merchants_of("travel", BRANDS)
    tables, _shares = merchants_of("eating_out", BRANDS)
    shops, _shares = merchants_of("shopping", BRANDS)
    for start in np.sort(starts):
        country = str(rng.choice(ABROAD)) if rng.random() < 0.6 else household.country
        # Booked at home, spent away.
        for category, sellers, count, median, first, last, where in (
            ("travel", hotels, 2, 260.0, -60, -5, household.country),
            ("travel", hotels, 2, 110.0, 0, 7, country),
            ("eating_out", tables, 6, 24.0, 0, 7, country),
            ("shopping", shops, 2, 48.0, 0, 7, country),
        ):
            days = start + rng.integers(first, last, rng.poisson(count))
            cents = in_cents(rng, median * household.price_level(days), 0.6, len(days))
            chosen = rng.integers(0, len(sellers), len(days))
            parts.append(
                bought(rng, household, category, at_hours(rng, days, (13, 19), 2.5), cents, sellers, chosen, where)
            )
    rows = stack(parts)
    return take(rows, household.is_here(rows["time"] // 86_400_000_000))


def _nothing(rng: np.random.Generator, household: Household) -> Frame:
    none = np.empty(0, np.int64)
    return bought(rng, household, "travel", none, none, BRANDS, none)
