"""Customers: who they are, and the habits by which each of them acts, reads and answers.

Habits are a customer's own and last: the hours and weekdays at which somebody acts are also those at which a message
gets opened, which is what a contact-timing model can learn.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from pipelines.world.clock import DAY, Bools, Floats, Ints
from pipelines.world.homes.markets import Markets
from pipelines.world.homes.plan import CustomerBlock, WorldPlan
from pipelines.world.seeds import generator

JOINED_MIDWAY = 0.2
"""Share of customers who join while the world runs; the rest were here at its start."""

RESTLESS = 0.3
"""Share of customers who at times browse as busily as a mover would, with no intent at all."""


@dataclass(frozen=True)
class Habits:
    """When each customer acts, and how much. Weekends have hours of their own: column 1 of `first` and `second`."""

    first: Floats
    second: Floats
    width: Floats
    weekday: Floats
    """Log of how much more than usual is done on each weekday, Monday first."""
    pace: Floats
    documents: Floats
    searches: Floats
    emails: Floats
    alerts: Floats
    lure: Floats
    """Log-odds of opening a message that comes at an odd hour."""


@dataclass(frozen=True)
class People:
    """The customers of one block."""

    ids: Ints
    region: Ints
    birth_year: Ints
    household: Ints
    joined: Ints
    wealth: Floats
    restless: Bools
    habits: Habits


def people_of(plan: WorldPlan, block: CustomerBlock, markets: Markets) -> People:
    """The customers of the block and their habits."""
    rng = generator(plan.seed, "people", block.number)
    count = block.count
    age = 21 + 66 * rng.beta(1.7, 2.3, count)
    mates = rng.poisson(np.where(age < 28, 0.6, np.where(age < 55, 1.7, 0.8)))
    midway = rng.random(count) < JOINED_MIDWAY
    before = plan.imported_us - rng.integers(0, 3 * 365 * DAY, count)
    return People(
        ids=block.first + 1 + np.arange(count),
        region=rng.choice(plan.regions, count, p=markets.weight),
        birth_year=(plan.start.year - age).astype(np.int64),
        household=np.minimum(1 + mates, 9),
        joined=np.where(midway, plan.start_us + rng.integers(0, plan.days * DAY, count), before),
        wealth=np.exp(rng.normal(0, 0.6, count) + 0.012 * (np.minimum(age, 65) - 45)),
        restless=rng.random(count) < RESTLESS,
        habits=_habits(rng, count),
    )


def _habits(rng: np.random.Generator, count: int) -> Habits:
    kinds = np.array([7.0, 9.5, 12.4, 17.5, 20.3, 22.4])
    first = rng.choice(kinds, count, p=[0.18, 0.12, 0.16, 0.17, 0.25, 0.12]) + rng.normal(0, 0.6, count)
    second = rng.choice(kinds, count) + rng.normal(0, 0.6, count)
    weekend = rng.normal(1.2, 0.8, count)
    bent = rng.normal(0, 0.28, (count, 7))
    bent[:, 5:] += rng.normal(0, 0.5, (count, 1))
    pace = rng.normal(0, 0.5, count)

    def spread(sigma: float) -> Floats:
        return np.exp(rng.normal(-sigma * sigma / 2, sigma, count))

    return Habits(
        first=np.stack([first, first + weekend], 1) % 24,
        second=np.stack([second, second + weekend], 1) % 24,
        width=rng.uniform(0.5, 1.5, count),
        weekday=bent - np.log(np.exp(bent).mean(axis=1, keepdims=True)),
        pace=np.exp(pace - 0.125),
        documents=spread(0.5),
        searches=spread(0.6),
        emails=spread(0.4),
        alerts=spread(0.6),
        lure=rng.normal(-1.9, 0.6, count) + 0.3 * pace,
    )
