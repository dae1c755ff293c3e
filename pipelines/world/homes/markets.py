"""Regions and their housing markets: level, trend, cycle, season, shocks, and the answer to mortgage rates.

One hidden quantity, `heat`, moves them all: a hot market raises prices, empties the inventory, shortens the days on
market and lifts the sale-to-list ratio. The `region_market` table holds what was published of it, and when.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from pipelines.world.clock import DAY, HOUR, Floats, Ints, month_of
from pipelines.world.frames import Frame, stack, take
from pipelines.world.homes.data_defects import SHARES
from pipelines.world.homes.economy import PUBLISHED_YEARS, Economy
from pipelines.world.homes.plan import WorldPlan
from pipelines.world.seeds import generator


@dataclass(frozen=True)
class Markets:
    """The true course of every region. Daily arrays start at `origin`; rows are regions."""

    origin: int
    weight: Floats
    level: Floats
    latitude: Floats
    longitude: Floats
    waves: Floats
    season: Floats
    heat: Floats
    log_index: Floats
    log_demand: Floats

    def log_price(self, region: Ints, days: Ints) -> Floats:
        """Log of the price of a middling home of that region on that day."""
        found: Floats = self.level[region] + self.log_index[region, days - self.origin]
        return found

    def demand(self, region: Ints, days: Ints) -> Floats:
        """How many times the usual number of homes change hands there then."""
        found: Floats = np.exp(self.log_demand[region, days - self.origin])
        return found


def markets_of(plan: WorldPlan, economy: Economy) -> Markets:
    """Every region from `economy.origin` on."""
    rng = generator(plan.seed, "markets")
    regions, months = plan.regions, len(economy.months)
    middles = economy.months + 15 - economy.origin
    rate = economy.rate[np.minimum(middles, len(economy.rate) - 1)]
    usual = np.convolve(np.concatenate([np.full(23, rate[0]), rate]), np.ones(24) / 24, "valid")
    month = month_of(economy.months)
    peak = np.clip(rng.normal(5.3, 0.7, regions), 3.5, 7.5)
    season = rng.uniform(0.12, 0.42, regions)[:, None] * np.cos(2 * np.pi * (np.arange(12) - peak[:, None]) / 12)
    heat = _walk(rng, months, 1) * 0.6 + _walk(rng, months, regions) * 0.7 - 0.45 * (rate - usual)
    trend = rng.normal(0.034, 0.008, regions)[:, None] / 12
    cycle = rng.uniform(0.02, 0.06, (regions, 1)) * np.sin(
        2 * np.pi * np.arange(months) / rng.uniform(84, 132, (regions, 1)) + rng.uniform(0, 6.3, (regions, 1))
    )
    shocks = rng.normal(0, 0.05, (regions, months)) * (rng.random((regions, months)) < 1 / 96)
    index = np.cumsum(trend + 0.0032 * heat + rng.normal(0, 0.0015, (regions, months)) + shocks, axis=1) + cycle
    today = int(np.searchsorted(economy.months, plan.start_day, "right")) - 1
    index = index - index[:, [today]] + 0.07 * season[:, month]
    demand = season[:, month] + 0.22 * heat - 0.06 * (rate - usual.mean())
    days = np.arange(len(economy.rate))
    weight = rng.gamma(2.5, 1.0, regions) + 0.4
    return Markets(
        origin=economy.origin,
        weight=weight / weight.sum(),
        level=rng.normal(np.log(390_000), 0.42, regions),
        latitude=rng.uniform(30, 47, regions),
        longitude=rng.uniform(-121, -72, regions),
        waves=np.stack([rng.uniform(2, 8, (regions, 4)) for _ in range(2)] + [rng.uniform(0, 6.3, (regions, 4))], 2),
        season=season,
        heat=heat,
        log_index=np.stack([np.interp(days, middles, row) for row in index]),
        log_demand=np.stack([np.interp(days, middles, row) for row in demand]),
    )


def region_frame(plan: WorldPlan, economy: Economy, markets: Markets) -> Frame:
    """The rows of `region_market`: each month as first published and, for a share of them, as revised."""
    rng = generator(plan.seed, "region_market")
    shown = np.flatnonzero(economy.months >= plan.start_day - PUBLISHED_YEARS * 366)[:-1]
    region, month = (axis.ravel() for axis in np.meshgrid(np.arange(plan.regions), shown, indexing="ij"))
    heat = markets.heat[region, month]
    first_day = economy.months[month]
    season = markets.season[region, month_of(first_day)]
    ahead = markets.season[region, month_of(economy.months[month + 1])]

    def about(values: Floats, error: float) -> Floats:
        return values * np.exp(rng.normal(0, error, len(values)))

    homes = np.round(40_000 * markets.weight * plan.regions)[region]
    published = (economy.months[month + 1] + rng.integers(21, 36, len(month))) * DAY + 13 * HOUR
    truth: Frame = {
        "region_id": region + 1,
        "observed_on": first_day,
        "median_sale_price": np.round(about(np.exp(markets.log_price(region, first_day + 15)), 0.008), -2),
        "days_on_market": np.round(about(38 * np.exp(-0.32 * heat - 0.7 * season), 0.05), 1),
        "inventory_months": np.round(about(3.4 * np.exp(-0.38 * heat - 0.35 * season), 0.04), 2),
        "sale_to_list_ratio": np.round(0.985 + 0.013 * heat + 0.02 * season + rng.normal(0, 0.003, len(heat)), 4),
        "new_listings": rng.poisson(homes * 0.0048 * np.exp(1.1 * ahead + 0.08 * heat)),
        "sales_count": rng.poisson(homes * 0.0042 * markets.demand(region, first_day + 15)),
        "published_at": published + rng.integers(0, 3 * HOUR, len(month)),
    }
    again = rng.random(len(month)) < SHARES["region_market"].revised
    first: dict[str, np.ndarray] = dict(truth)
    for name, error, digits in (("median_sale_price", 0.02, -2), ("sales_count", 0.05, 0)):
        wrong = np.round(about(truth[name].astype(float), error), digits).astype(truth[name].dtype)
        first[name] = np.where(again, wrong, truth[name])
    pause = rng.integers(28, 63, int(again.sum())) * DAY
    later = {**take(truth, again), "published_at": truth["published_at"][again] + pause}
    return stack([first, later])


def _walk(rng: np.random.Generator, months: int, rows: int) -> Floats:
    """A mean-reverting walk a row, of about unit spread, that remembers a year or so."""
    steps = rng.normal(0, np.sqrt(1 - 0.93**2), (rows, months))
    course = np.empty((rows, months))
    course[:, 0] = steps[:, 0]
    for month in range(1, months):
        course[:, month] = 0.93 * course[:, month - 1] + steps[:, month]
    return course
