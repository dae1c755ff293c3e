"""What customers go through, week by week: they come to want a move, and buy, sell, refinance and invest.

This is the hidden cause behind deals and engagement alike. A wish to move begins by a hazard (age, household, tenure,
rates, season), builds up over months, and ends in a deal or fades. Years before the world's start are lived through
too, so that deals, tenures and loans have a past.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from pipelines.raw.tables.homes import DEALS
from pipelines.world.clock import DAY, HOUR, YEAR_DAYS, Bools, Floats, Ints, year_of
from pipelines.world.frames import Frame, code, stack, take
from pipelines.world.homes.neighbourhood import Neighbourhood
from pipelines.world.homes.plan import HISTORY_YEARS

BUY, SELL, REFINANCE, INVESTMENT = (code(DEALS, "kind", word) for word in ("BUY", "SELL", "REFINANCE", "INVESTMENT"))
CALM, SELLING, BUYING = range(3)

SELL_ONSET = 0.0088
"""Weekly hazard of coming to want to sell, for a middling home owner."""
BUY_ONSET = 0.0055
"""The same of coming to want to buy, for a middling tenant."""
WISH_COMES_TRUE = 0.68
"""Share of wishes that end in a deal if rates stand still."""
MEDIAN_WEEKS = 30.0
"""How long a wish takes from its first stirring to its end."""
BUYS_AGAIN = 0.85
"""Share of sellers who then look for the next home."""
AGENT_KEPT = 0.65
"""Chance that the next deal goes through the same agent."""
AGENTS_PER_REGION = 12


@dataclass(frozen=True)
class Simulation:
    """The deals of the town's customers, and what moved them in each week of the world.

    `deals` has: kind, person, home, agent (indices; -1 for none), price, loan_amount, loan_rate, time.
    The matrices have a row a customer and a column a week from the world's start on.
    """

    deals: Frame
    wish: Floats
    noise_intent: Floats
    region: Ints
    goal: Ints


def lives_of(neighbourhood: Neighbourhood) -> Simulation:
    """Live through the years before the start and the days of the world."""
    past = HISTORY_YEARS * 52
    weeks = -(-neighbourhood.plan.days // 7)
    simulation = _Course(neighbourhood, neighbourhood.plan.start_day - 7 * past)
    simulation.settle()
    shape = (neighbourhood.block.count, weeks)
    wish, noise_intent = np.zeros(shape, np.float32), np.zeros(shape, np.float32)
    region, goal = np.zeros(shape, np.int16), np.zeros(shape, np.int16)
    for week in range(past + weeks):
        simulation.live(week)
        if week >= past:
            at = week - past
            wish[:, at], noise_intent[:, at] = simulation.wish, simulation.noise_intent
            region[:, at], goal[:, at] = simulation.region, simulation.goal
    deals = stack(simulation.deals)
    return Simulation(take(deals, deals["time"] < neighbourhood.plan.end_us), wish, noise_intent, region, goal)


class _Course:
    """The state of a town's customers as the weeks go by."""

    def __init__(self, neighbourhood: Neighbourhood, first_day: int) -> None:
        self.rng = neighbourhood.rng("lives")
        self.economy, self.markets, self.homes, self.people = (
            neighbourhood.economy,
            neighbourhood.markets,
            neighbourhood.homes,
            neighbourhood.people,
        )
        self.first_day = self.day = first_day
        self.week, self.rate = 0, 0.0
        self.deals: list[Frame] = []
        count = neighbourhood.block.count
        self.region = neighbourhood.people.region.copy()
        self.goal = neighbourhood.people.region.copy()
        self.home = np.full(count, -1)
        self.since = np.zeros(count, np.int64)
        self.loan_rate = np.zeros(count)
        self.loan = np.zeros(count)
        self.loan_day = np.zeros(count, np.int64)
        self.agent = np.full(count, -1)
        self.mood = np.zeros(count, np.int8)
        self.began = np.zeros(count)
        self.length = np.ones(count)
        self.strength = np.zeros(count)
        self.comes_true = np.zeros(count, bool)
        self.rate_then = np.zeros(count)
        self.wish = np.zeros(count)
        self.noise_intent = np.zeros(count)
        self.noise_intent_until = np.zeros(count, np.int64)
        self.owned = np.zeros(len(neighbourhood.homes.ids), bool)
        self.changed_hands = np.full(len(neighbourhood.homes.ids), -(10**6))

    def settle(self) -> None:
        """Who owns which home when the records begin, bought some years earlier still."""
        age = year_of(np.array([self.first_day]))[0] - self.people.birth_year
        owner = np.flatnonzero(self.rng.random(len(age)) < np.clip((age - 24) / 22, 0, 0.72))
        order = owner[np.argsort(self.region[owner], kind="stable")]
        region = self.region[order]
        rank = np.arange(len(order)) - np.searchsorted(region, region)
        sizes = np.diff(self.homes.offsets)[region]
        kept = rank < sizes * 0.8
        order, region, rank = order[kept], region[kept], rank[kept]
        home = self.homes.by_region[self.homes.offsets[region] + rank]
        stood = self.homes.built[home] < year_of(np.array([self.first_day]))[0] - 5
        order, home = order[stood], home[stood]
        early = self.first_day - (self.rng.random(len(order)) ** 1.5 * 5 * YEAR_DAYS).astype(np.int64)
        self._buy(order, home, early)

    def live(self, week: int) -> None:
        """One week in the life of everybody."""
        self.week, self.day = week, self.first_day + 7 * week
        self.rate = float(self.economy.rate[self.day - self.economy.origin])
        u = self.rng.random((6, len(self.home)))
        self._wishes(u[0])
        progress = (week - self.began) / self.length
        self._sales(progress, u[1])
        self._purchases(progress, u[2])
        self._refinances(u[3])
        self._investments(u[4])
        self._noise_intents(u[5])
        ramp = np.where(self.comes_true, np.minimum(progress, 1), np.minimum(progress * 1.6, (1 - progress) * 1.6))
        level = self.strength * (0.12 + 0.88 * np.clip(ramp, 0, 1))
        self.wish = np.where(self.mood == CALM, 0.6 * self.wish, level)

    def _wishes(self, u: Floats) -> None:
        """Wishes begin."""
        people, owner, rate = self.people, self.home >= 0, self.rate
        age = self.day / YEAR_DAYS + 1970 - people.birth_year
        season = self.markets.demand(np.arange(len(self.markets.weight)), np.array(self.day))[self.region]
        tenure = np.maximum(self.day - self.since, 0) / YEAR_DAYS
        young = np.exp(-(((age - 34) / 14) ** 2))
        crowded = 1 + 0.25 * np.clip(people.household - 2, 0, 3) * (age < 50)
        locked = np.exp(-0.2 * np.clip(rate - self.loan_rate, -1, 4) * (self.loan > 0))
        settled = 0.2 + 1.5 * (tenure / 6) * np.exp(1 - tenure / 6)
        sell = SELL_ONSET * (0.25 + 0.95 * young + 0.45 * (age > 66)) * crowded * settled * locked * season
        buy = BUY_ONSET * (0.15 + 1.2 * young) * people.wealth**0.4 * season * np.exp(-0.15 * (rate - 5))
        starts = np.flatnonzero((self.mood == CALM) & (u < np.where(owner, sell, buy)) & (age > 22))
        self._begin(starts, np.where(owner[starts], SELLING, BUYING))

    def _begin(self, who: Ints, mood: Ints) -> None:
        rng, count = self.rng, len(who)
        self.mood[who] = mood
        self.began[who] = self.week
        self.length[who] = np.clip(rng.lognormal(np.log(MEDIAN_WEEKS), 0.4, count), 3, 70)
        self.strength[who] = rng.gamma(6.0, 1 / 6, count)
        self.comes_true[who] = rng.random(count) < WISH_COMES_TRUE
        self.rate_then[who] = self.rate
        away = rng.random(count) < 0.45
        anywhere = rng.choice(len(self.markets.weight), count, p=self.markets.weight)
        self.goal[who] = np.where(away, anywhere, self.region[who])

    def _sales(self, progress: Floats, u: Floats) -> None:
        """Wishes to sell end: in a sale, after which most look for the next home, or in nothing."""
        ready = (self.mood == SELLING) & (progress >= 1)
        dashed = u < 0.35 * np.clip(self.rate - self.rate_then - 0.3, 0, 1)
        gone = np.flatnonzero(ready & (dashed | ~self.comes_true))
        self.mood[gone] = CALM
        who = np.flatnonzero(ready & ~dashed & self.comes_true)
        home = self.home[who]
        days = np.full(len(who), self.day)
        self._deal(SELL, who, home, days, price=self._price(home, days))
        self.owned[home] = False
        self.changed_hands[home] = self.day
        self.home[who] = -1
        self.loan[who] = 0
        again = self.rng.random(len(who)) < BUYS_AGAIN
        self.mood[who] = np.where(again, BUYING, CALM)
        on = who[again]
        # They have long been looking: the wish stands at 0.7 and is ripe within weeks.
        self.length[on] = self.rng.integers(1, 12, len(on)) / 0.3
        self.began[on] = self.week - 0.7 * self.length[on]
        self.strength[on] *= 0.8

    def _purchases(self, progress: Floats, u: Floats) -> None:
        """Wishes to buy end: in a home of the region aimed at, if one is to be had, or in nothing."""
        ready = (self.mood == BUYING) & (progress >= 1)
        self.mood[ready & ~self.comes_true] = CALM
        who = np.flatnonzero(ready & self.comes_true)
        home = self.homes.draw(self.goal[who], u[who])
        free = (home >= 0) & ~self.owned[home] & (self.changed_hands[home] < self.day - 400)
        free &= self.homes.built[home] < year_of(np.array([self.day]))[0]
        who, home = who[free], home[free]
        home, first = np.unique(home, return_index=True)
        who = who[first]
        self._buy(who, home, np.full(len(who), self.day))
        self.mood[who] = CALM

    def _buy(self, who: Ints, home: Ints, days: Ints) -> None:
        price = self._price(home, days)
        lent = np.clip(self.rng.normal(0.78, 0.12, len(who)) - 0.1 * np.log(self.people.wealth[who]), 0.2, 0.97)
        loan = np.where(self.rng.random(len(who)) < 0.85, np.round(price * lent, -2), 0.0)
        self.region[who] = self.homes.region[home]
        self.home[who] = home
        self.owned[home] = True
        self.changed_hands[home] = days
        self.since[who] = days
        self._deal(BUY, who, home, days, price=price, loan=loan)

    def _refinances(self, u: Floats) -> None:
        """Cheaper money: likely once the market stands well below one's own loan, if that is not brand new.

        What is dealt in is the loan, so that its amount is the price.
        """
        gain = self.loan_rate - self.rate
        ripe = (self.loan > 0) & (self.day - self.loan_day > 270) & (self.mood != SELLING)
        hazard = 0.0003 + 0.02 / (1 + np.exp(-5.0 * (gain - 0.9)))
        who = np.flatnonzero(ripe & (u < hazard))
        paid = np.clip((self.day - self.loan_day[who]) / (30 * YEAR_DAYS), 0, 0.95)
        loan = np.round(self.loan[who] * (1 - paid) * self.rng.uniform(0.98, 1.12, len(who)), -2)
        self._deal(REFINANCE, who, self.home[who], np.full(len(who), self.day), price=loan, loan=loan)

    def _investments(self, u: Floats) -> None:
        """The wealthy put money into funds (no property) or take a stake in a home; the home's owner stays."""
        who = np.flatnonzero(u < 0.0006 * np.clip(self.people.wealth - 0.8, 0, 4))
        fund = self.rng.random(len(who)) < 0.6
        stake = self.homes.draw(self.region[who], self.rng.random(len(who)))
        money = np.round(25_000 * self.people.wealth[who] * self.rng.lognormal(0, 0.5, len(who)), -2)
        home = np.where(fund, -1, stake)
        self._deal(INVESTMENT, who, home, np.full(len(who), self.day), price=money)

    def _noise_intents(self, u: Floats) -> None:
        """The restless browse for some months now and then; no wish is behind it."""
        starts = np.flatnonzero(self.people.restless & (self.week >= self.noise_intent_until) & (u < 0.022))
        self.noise_intent_until[starts] = self.week + self.rng.integers(5, 24, len(starts))
        self.noise_intent = np.where(self.week >= self.noise_intent_until, 0.0, self.noise_intent)
        self.noise_intent[starts] = self.rng.gamma(5.0, 0.14, len(starts))

    def _price(self, home: Ints, days: Ints) -> Floats:
        return np.round(np.exp(self.homes.log_price(self.rng, self.markets, home, days)), -2)

    def _deal(self, kind: int, who: Ints, home: Ints, days: Ints, *, price: Floats, loan: Floats | None = None) -> None:
        rng, count = self.rng, len(who)
        if not count and self.deals:
            return
        loan = np.zeros(count) if loan is None else loan
        rate = np.round(self.economy.rate_on(days) + rng.normal(0.05, 0.18, count), 3)
        local = self.region[who] * AGENTS_PER_REGION + 1 + rng.integers(0, AGENTS_PER_REGION, count)
        agent = np.where((rng.random(count) < AGENT_KEPT) & (self.agent[who] > 0), self.agent[who], local)
        agent = np.where(rng.random(count) < (0.08 if kind in {BUY, SELL} else 0.5), -1, agent)
        self.agent[who] = np.where(agent > 0, agent, self.agent[who])
        borrows: Bools = loan > 0
        taker = who[borrows]
        self.loan[taker], self.loan_rate[taker], self.loan_day[taker] = loan[borrows], rate[borrows], days[borrows]
        if kind == BUY:
            self.loan[who[~borrows]] = 0
        hours = rng.integers(15 * HOUR, 23 * HOUR, count)
        self.deals.append(
            {
                "kind": np.full(count, kind, np.int8),
                "person": who,
                "home": home,
                "agent": agent,
                "price": price,
                "loan_amount": loan,
                "loan_rate": np.where(borrows, rate, np.nan),
                "time": (days + rng.integers(0, 7, count)) * DAY + hours // 1_000_000 * 1_000_000,
            }
        )
