"""The deals table: customers' deals as lived, the other side of their sales, and sales among strangers.

Every home that changes hands yields a BUY row (the buyer's money); if a customer sold it, a SELL row too. Strangers'
rows have no customer: from them a region's prices can be learnt.
"""

from __future__ import annotations

import numpy as np

from pipelines.world.clock import DAY, HOUR, YEAR_DAYS, Floats, Ints, year_of
from pipelines.world.frames import Frame, rows_of, stack, take
from pipelines.world.homes.neighbourhood import Neighbourhood
from pipelines.world.homes.plan import HISTORY_YEARS
from pipelines.world.homes.simulation import AGENTS_PER_REGION, BUY, SELL, Simulation

STRANGERS_PER_YEAR = 0.09
"""Share of strangers' homes that change hands in a usual year."""

FOREVER = np.iinfo(np.int64).max // 2


def tenures_of(simulation: Simulation) -> Frame:
    """Who owned which home from when until when (`FOREVER` if still): person, home, start, stop."""
    moves = take(simulation.deals, (simulation.deals["kind"] == BUY) | (simulation.deals["kind"] == SELL))
    moves = take(moves, np.lexsort((moves["time"], moves["home"])))
    bought = np.flatnonzero(moves["kind"] == BUY)
    after = np.minimum(bought + 1, rows_of(moves) - 1)
    sold = (moves["kind"][after] == SELL) & (moves["home"][after] == moves["home"][bought])
    return {
        "person": moves["person"][bought],
        "home": moves["home"][bought],
        "start": moves["time"][bought],
        "stop": np.where(sold, moves["time"][after], FOREVER),
    }


def deals_of(neighbourhood: Neighbourhood, simulation: Simulation, tenures: Frame) -> Frame:
    """All deals of the town, in order of time, with the columns of `Lives.deals`; -1 is the person nobody knows."""
    rng = neighbourhood.rng("deals")
    home, time = _strangers(neighbourhood, rng, tenures)
    price = np.round(np.exp(neighbourhood.homes.log_price(rng, neighbourhood.markets, home, time // DAY)), -2)
    sold = take(simulation.deals, simulation.deals["kind"] == SELL)
    sides = [(home, price, time), (sold["home"], sold["price"], sold["time"])]
    deals = stack([simulation.deals, *(_bought_by_strangers(neighbourhood, rng, *side) for side in sides)])
    return take(deals, np.argsort(deals["time"], kind="stable"))


def deal_frame(neighbourhood: Neighbourhood, deals: Frame) -> Frame:
    """The rows of `deals`, each with the time at which it became known."""
    plan, people, homes = neighbourhood.plan, neighbourhood.people, neighbourhood.homes
    rng = neighbourhood.rng("deals known")
    count = rows_of(deals)
    person = deals["person"]
    known = deals["time"] + (rng.exponential(1.6, count) * DAY).astype(np.int64) + 2 * HOUR
    imported = plan.imported_us + rng.integers(0, HOUR, count)
    known = np.where(deals["time"] < plan.imported_us, imported, known)
    # Who joins midway brings the past along.
    joined = np.where(person >= 0, people.joined[person], 0)
    known = np.where(deals["time"] < joined, np.maximum(known, joined + rng.integers(HOUR, 8 * HOUR, count)), known)
    return {
        "deal_id": (neighbourhood.block.number << 32) + 1 + np.arange(count),
        "kind": deals["kind"],
        "property_id": np.where(deals["home"] >= 0, homes.ids[deals["home"]], -1),
        "customer_id": np.where(person >= 0, people.ids[person], -1),
        "agent_id": deals["agent"],
        "price": deals["price"],
        "loan_amount": deals["loan_amount"],
        "loan_rate": deals["loan_rate"],
        "occurred_at": deals["time"],
        "ingested_at": known,
    }


def _strangers(neighbourhood: Neighbourhood, rng: np.random.Generator, tenures: Frame) -> tuple[Ints, Ints]:
    """Homes and times of sales among strangers: more of them where and when demand is high."""
    plan, homes = neighbourhood.plan, neighbourhood.homes
    years = HISTORY_YEARS + plan.days / YEAR_DAYS
    often = 4.0
    home = np.repeat(np.arange(len(homes.ids)), rng.poisson(STRANGERS_PER_YEAR * often * years, len(homes.ids)))
    first = plan.start_day - int(HISTORY_YEARS * YEAR_DAYS)
    day = rng.integers(first, plan.start_day + plan.days, len(home))
    time = day * DAY + rng.integers(15 * 3600, 23 * 3600, len(home)) * 1_000_000
    kept = rng.random(len(home)) * often < neighbourhood.markets.demand(homes.region[home], day)
    kept &= year_of(day) > homes.built[home]
    home, time = home[kept], time[kept]
    order = np.lexsort((time, home))
    home, time = home[order], time[order]
    # A home that a customer owned, or that changed hands within the year, was not on the market.
    keys = np.concatenate([tenures["home"], home])
    times = np.concatenate([tenures["start"], time])
    stops = np.concatenate([tenures["stop"], time])
    stranger = np.arange(len(keys)) >= len(tenures["home"])
    order = np.lexsort((times, keys))
    keys, times, stops, stranger = keys[order], times[order], stops[order], stranger[order]
    free = np.ones(len(keys), bool)
    same = keys[1:] == keys[:-1]
    free[1:] &= ~same | (times[1:] > stops[:-1] + DAY * 300)
    free[:-1] &= ~same | (times[1:] > times[:-1] + DAY * 60)
    owned = np.maximum.accumulate(np.where(stranger, -1, np.arange(len(keys))))
    inside = (owned >= 0) & (keys[owned] == keys) & (times < stops[owned])
    kept = stranger & free & ~inside
    return keys[kept], times[kept]


def _bought_by_strangers(
    neighbourhood: Neighbourhood, rng: np.random.Generator, home: Ints, price: Floats, time: Ints
) -> Frame:
    count = len(home)
    loan = np.where(
        rng.random(count) < 0.75, np.round(price * np.clip(rng.normal(0.75, 0.13, count), 0.2, 0.97), -2), 0
    )
    rate = np.round(neighbourhood.economy.rate_on(time // DAY) + rng.normal(0.05, 0.2, count), 3)
    agent = neighbourhood.homes.region[home] * AGENTS_PER_REGION + 1 + rng.integers(0, AGENTS_PER_REGION, count)
    return {
        "kind": np.full(count, BUY, np.int8),
        "person": np.full(count, -1),
        "home": home,
        "agent": np.where(rng.random(count) < 0.1, -1, agent),
        "price": price,
        "loan_amount": loan,
        "loan_rate": np.where(loan > 0, rate, np.nan),
        "time": time,
    }
