"""The economy at large: the mortgage rate, unemployment and prices that drive every region and customer.

The true course is known to the world from `origin` on; the `macro` table holds what was published of it, and when.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date

import numpy as np

from pipelines.epoch import epoch_day
from pipelines.raw.tables.homes import MACRO
from pipelines.world.clock import DAY, HOUR, MINUTE, YEAR_DAYS, Floats, Ints, month_starts
from pipelines.world.frames import Frame, code, stack
from pipelines.world.homes.data_defects import SHARES
from pipelines.world.homes.plan import HISTORY_YEARS, WorldPlan
from pipelines.world.seeds import generator

PUBLISHED_YEARS = 6
"""Publications on record before `start`: 36-month seasons and one-year changes exist on day one, with room."""

REGIMES = (3.4, 4.3, 5.2, 6.4, 7.2)
"""Rates, in percent, about which the mortgage rate swings for some years each."""


@dataclass(frozen=True)
class Economy:
    """The true course of the economy: the rate by day, the rest by month."""

    origin: int
    months: Ints
    rate: Floats
    unemployment: Floats
    cpi: Floats

    def rate_on(self, days: Ints) -> Floats:
        """The mortgage rate, in percent, on each epoch day."""
        found: Floats = self.rate[days - self.origin]
        return found


def economy_of(plan: WorldPlan) -> Economy:
    """The economy from some years before the oldest deal until after the end."""
    rng = generator(plan.seed, "economy")
    first = date(plan.start.year - HISTORY_YEARS - 6, 1, 1)
    origin = epoch_day(first)
    last = plan.start_day + plan.days + 62
    months = month_starts(first, (last - origin) // 28)
    months = months[months < last]
    days = np.arange(origin, last + 8)
    weekly = _mortgage_rate(rng, len(days) // 7 + 2)
    rate = np.interp(days, origin + 7 * np.arange(len(weekly)), weekly)
    return Economy(origin, months, rate, _unemployment(rng, len(months)), _cpi(rng, len(months)))


def macro_frame(plan: WorldPlan, economy: Economy) -> Frame:
    """The rows of `macro`: each figure as first published and, for a share of them, as revised."""
    rng = generator(plan.seed, "macro")
    thursdays = np.arange(plan.start_day - int(PUBLISHED_YEARS * YEAR_DAYS), plan.start_day + plan.days)
    thursdays = thursdays[thursdays % 7 == 0]  # 1970-01-01 was a Thursday
    rates = np.round(economy.rate_on(thursdays), 2)
    shown = economy.months >= plan.start_day - PUBLISHED_YEARS * 366
    months, following = economy.months[shown][:-1], economy.months[shown][1:]
    first_friday = following + (1 - following) % 7
    unemployment = np.round(economy.unemployment[shown][:-1], 1)
    twelfth = following + 11 + rng.integers(-2, 3, len(following))
    cpi = np.round(economy.cpi[shown][:-1], 3)
    afternoon = 13 * HOUR + 30 * MINUTE
    parts = [_published("mortgage_rate_30y", thursdays, rates, thursdays * DAY + 16 * HOUR)]
    for series, values, published, error in (
        ("unemployment_rate", unemployment, first_friday, 0.1),
        ("cpi", cpi, twelfth, 0.08),
    ):
        revised = rng.random(len(months)) < SHARES["macro"].revised
        first_shown = np.where(revised, np.round(values + error * rng.choice([-1, 1], len(months)), 3), values)
        parts.append(_published(series, months, first_shown, published * DAY + afternoon))
        again = (published[revised] + rng.integers(28, 36, int(revised.sum()))) * DAY + afternoon
        parts.append(_published(series, months[revised], values[revised], again))
    return stack(parts)


def _published(series: str, observed: Ints, values: Floats, published: Ints) -> Frame:
    return {
        "series": np.full(len(observed), code(MACRO, "series", series), np.int8),
        "observed_on": observed,
        "value": values,
        "published_at": published,
    }


def _mortgage_rate(rng: np.random.Generator, weeks: int) -> Floats:
    """A walk that returns to its regime's rate; a regime lasts some three years."""
    regime = rng.integers(len(REGIMES))
    value = REGIMES[regime]
    course = np.empty(weeks)
    for week in range(weeks):
        if rng.random() < 1 / 150:
            regime = rng.integers(len(REGIMES))
        value += 0.022 * (REGIMES[regime] - value) + 0.055 * rng.standard_normal()
        course[week] = value
    return np.clip(course, 2.4, 9.5)


def _unemployment(rng: np.random.Generator, months: int) -> Floats:
    value, course = 4.8, np.empty(months)
    for month in range(months):
        value += 0.03 * (4.8 - value) + 0.14 * rng.standard_normal()
        course[month] = value
    return np.clip(course, 2.8, 11.0)


def _cpi(rng: np.random.Generator, months: int) -> Floats:
    yearly = 0.024 + np.convolve(rng.normal(0, 0.02, months + 11), np.ones(12) / 12, "valid")
    course: Floats = 190 * np.exp(np.cumsum(yearly / 12))
    return course
