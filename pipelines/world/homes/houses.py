"""Homes and what they are worth: a hedonic price, moved by the region's index.

Log price = the region's price that day + what the home's traits are worth + where in the region it stands + a quirk
of its own that no column shows. A deal adds its own noise on top.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from pipelines.raw.tables.homes import PROPERTIES
from pipelines.world.clock import YEAR_DAYS, Bools, Floats, Ints, year_of
from pipelines.world.frames import code
from pipelines.world.homes.markets import Markets
from pipelines.world.homes.plan import HISTORY_YEARS, CustomerBlock, WorldPlan
from pipelines.world.seeds import generator

PER_CUSTOMER = 2
"""Homes in the world for each customer; most belong to strangers."""

NEVER = 10**6
"""An epoch day that does not come."""

QUIRK = 0.02
"""Spread of what a home is worth for reasons that no column shows."""

DEAL_NOISE = 0.052
"""Scale of what sets a deal's price apart from the home's worth: haggling, haste, luck, with the odd bargain."""

LAND = code(PROPERTIES, "kind", "land")
KIND_SHARES = {"house": 0.59, "condo": 0.2, "townhouse": 0.17, "land": 0.04}
KIND_PREMIUM = {"house": 0.0, "condo": -0.06, "townhouse": -0.03, "land": -1.25}
WORKS_PER_YEAR = 0.012
"""Share of homes that are renovated in a year."""


@dataclass(frozen=True)
class Homes:
    """The homes of one block; `renovated` 0 stands for never, `works` is the day of a renovation within the world."""

    ids: Ints
    region: Ints
    kind: Ints
    bedrooms: Ints
    bathrooms: Floats
    area: Floats
    lot: Floats
    built: Ints
    renovated: Ints
    works: Ints
    grade: Ints
    latitude: Floats
    longitude: Floats
    worth: Floats
    by_region: Ints
    """Home indices, region by region."""
    offsets: Ints
    """Where each region starts in `by_region`, and the end."""

    @property
    def land(self) -> Bools:
        """Which are bare land."""
        land: Bools = self.kind == LAND
        return land

    def grade_on(self, home: Ints, day: Ints) -> Ints:
        """The condition grade that day: works raise it by one."""
        return np.minimum(self.grade[home] + (day >= self.works[home]), 13)

    def log_value(self, markets: Markets, home: Ints, day: Ints) -> Floats:
        """Log of what each home is worth that day."""
        year = year_of(day)
        built, renovated = self.built[home], self.renovated[home]
        renewed = np.where(
            day >= self.works[home], year_of(self.works[home]), np.where(renovated <= year, renovated, 0)
        )
        age = np.clip(year - built, 0, 70)
        # Works undo most of the wear, and wear themselves.
        fresh = np.where(renewed > 0, np.clip(year - renewed, 0, 70) * 0.5 + 0.25 * age, age)
        wear = np.where(self.land[home], 0.0, -0.0042 * np.minimum(age, fresh))
        grade = np.where(self.land[home], 0.0, 0.105 * (self.grade_on(home, day) - 7))
        return markets.log_price(self.region[home], day) + self.worth[home] + wear + grade

    def log_price(self, rng: np.random.Generator, markets: Markets, home: Ints, day: Ints) -> Floats:
        """Log of what each home fetches if it is sold that day."""
        return self.log_value(markets, home, day) + DEAL_NOISE * rng.standard_t(5, len(home))

    def draw(self, region: Ints, chance: Floats) -> Ints:
        """The home of that region that each chance in [0, 1) falls on; -1 where the region has none here."""
        sizes = self.offsets[region + 1] - self.offsets[region]
        at = np.minimum(self.offsets[region] + (chance * sizes).astype(np.int64), len(self.ids) - 1)
        return np.where(sizes > 0, self.by_region[at], -1)


def homes_of(plan: WorldPlan, block: CustomerBlock, markets: Markets) -> Homes:
    """The homes that the block's customers own, buy and look at."""
    rng = generator(plan.seed, "homes", block.number)
    count = PER_CUSTOMER * block.count
    region = rng.choice(plan.regions, count, p=markets.weight)
    words = PROPERTIES["kind"].allowed
    kind = rng.choice(len(words), count, p=[KIND_SHARES[word] for word in words])
    land, house = kind == LAND, kind == code(PROPERTIES, "kind", "house")
    grade = np.clip(np.round(rng.normal(7.0, 1.4, count)), 2, 13).astype(np.int64)
    area = np.exp(rng.normal(np.log(np.where(house, 1950, 1250)), 0.3) + 0.05 * (grade - 7))
    bedrooms = np.clip(np.round(area / 620 + rng.normal(0, 0.6, count)), 0, 9).astype(np.int64)
    bathrooms = np.clip(np.round((0.6 + area / 1000 + rng.normal(0, 0.35, count)) * 2) / 2, 0.5, 8)
    lot = np.exp(rng.normal(np.log(np.where(land, 24_000, np.where(house, 8_000, 2_400))), 0.5))
    newest = plan.start.year - 1
    built = np.clip(newest - rng.gamma(2.2, 17.0, count), 1890, newest).astype(np.int64)
    renovated = np.where((newest - built > 15) & (rng.random(count) < 0.25), newest - rng.integers(0, 15, count), 0)
    years = plan.days / YEAR_DAYS
    works = np.where(
        ~land & (rng.random(count) < WORKS_PER_YEAR * years), plan.start_day + rng.integers(0, plan.days, count), NEVER
    )
    east, north = rng.normal(0, 0.12, (2, count))
    wave_east, wave_north, phase = np.moveaxis(markets.waves[region], 2, 0)
    place = 0.08 * np.sin(wave_east * east[:, None] + wave_north * north[:, None] + phase).sum(axis=1)
    premium = np.array([KIND_PREMIUM[word] for word in words])[kind]
    traits = 0.62 * np.log(area / 1700) + 0.02 * (bedrooms - 3) + 0.07 * (bathrooms - 2.25) + 0.05 * np.log(lot / 6_000)
    worth = premium + place + np.where(land, 0.4 * np.log(lot / 24_000), 0.2 + traits) + rng.normal(0, QUIRK, count)
    by_region = np.argsort(region, kind="stable")
    return Homes(
        ids=PER_CUSTOMER * block.first + 1 + np.arange(count),
        region=region,
        kind=kind,
        bedrooms=np.where(land, -1, bedrooms),
        bathrooms=np.where(land, np.nan, bathrooms),
        area=np.where(land, np.nan, np.round(area)),
        lot=np.round(lot),
        built=np.where(land, newest - HISTORY_YEARS - 20, built),
        renovated=np.where(land, 0, renovated),
        works=works,
        grade=grade,
        latitude=np.round(markets.latitude[region] + north, 5),
        longitude=np.round(markets.longitude[region] + east, 5),
        worth=worth,
        by_region=by_region,
        offsets=np.searchsorted(region[by_region], np.arange(plan.regions + 1)),
    )
