"""What customers do of their own accord: sessions, documents, searches, the listings they look at.

How much a customer does on a day follows from their pace, their weekday habits, a mood that drifts from week to week,
and from the wish to move (or the whim that merely looks like one). When in the day follows from their hours.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from pipelines.raw.tables.homes import ENGAGEMENT
from pipelines.world.clock import DAY, MINUTE, Floats, Ints, weekday_of
from pipelines.world.frames import Frame, code, stack
from pipelines.world.homes.neighbourhood import Neighbourhood
from pipelines.world.homes.people import Habits
from pipelines.world.homes.simulation import Simulation

DOCUMENTS = 400


@dataclass(frozen=True)
class EventRate:
    """Events of one kind a day for a middling customer, and how a wish or a whim of strength 1 raises them."""

    base: float
    wish: float
    noise_intent: float


SESSIONS = EventRate(0.66, 1.1, 0.4)
READING = EventRate(0.42, 2.2, 0.2)
SEARCHING = EventRate(0.44, 2.4, 0.8)
VIEWS_PER_SEARCH = EventRate(1.5, 0.4, 0.3)
SAVING = EventRate(0.006, 10.0, 3.0)

ACTS_AT_ODD_HOURS = 0.1
"""Share of acts outside the customer's own hours."""


@dataclass(frozen=True)
class SimulatedDays:
    """What each customer (row) is like on each day of the world (column)."""

    start_day: int
    pace: Floats
    """How active as a rule, 1 for a middling customer; 0 before joining."""
    zeal: Floats
    """How active on that very day: the pace, bent by the weekday and the week's mood."""
    wish: Floats
    noise_intent: Floats

    def acts(self, pull: EventRate, share: Floats) -> Floats:
        """Acts to expect of each customer on each day."""
        return self._rate(pull, share) * self.zeal

    def messages(self, pull: EventRate, share: Floats) -> Floats:
        """Messages to expect for each customer on each day: their sender knows no weekday habits and moods."""
        return self._rate(pull, share) * self.pace

    def _rate(self, pull: EventRate, share: Floats) -> Floats:
        raised: Floats = 1 + pull.wish * self.wish + pull.noise_intent * self.noise_intent
        return (pull.base * share).astype(np.float32)[:, None] * raised

    def weekday(self, day: Ints) -> Ints:
        """The weekday, Monday 0, of each day counted from the start."""
        return weekday_of(day + self.start_day)


def days_of(neighbourhood: Neighbourhood, simulation: Simulation) -> SimulatedDays:
    """The days of the town's customers."""
    plan, people, count = neighbourhood.plan, neighbourhood.people, neighbourhood.block.count
    rng = neighbourhood.rng("days")
    weeks = simulation.wish.shape[1]
    mood = np.empty((count, weeks), np.float32)
    mood[:, 0] = rng.normal(0, 0.5, count)
    for week in range(1, weeks):
        mood[:, week] = 0.9 * mood[:, week - 1] + rng.normal(0, 0.22, count)

    def daily(weekly: Floats) -> Floats:
        return np.repeat(weekly, 7, axis=1)[:, : plan.days]

    weekday = weekday_of(np.arange(plan.days) + plan.start_day)
    bent = np.exp(people.habits.weekday).astype(np.float32)[:, weekday]
    joined_day = people.joined // DAY - plan.start_day
    here = np.arange(plan.days) > joined_day[:, None]
    pace = people.habits.pace.astype(np.float32)[:, None] * here
    zeal = pace * bent * daily(np.exp(mood - 0.125))
    return SimulatedDays(plan.start_day, pace, zeal, daily(simulation.wish), daily(simulation.noise_intent))


def scatter(rng: np.random.Generator, rate: Floats) -> tuple[Ints, Ints]:
    """The customer and the day of each event, for so many events expected a customer (row) and day (column)."""
    counts = rng.poisson(rate).ravel()
    cells = np.repeat(np.arange(counts.size, dtype=np.int32), counts)
    who, day = np.divmod(cells, np.int32(rate.shape[1]))
    return who, day


def moments(rng: np.random.Generator, days: SimulatedDays, habits: Habits, who: Ints, day: Ints) -> Ints:
    """The instants at which those customers act on those days, each within hours of their own."""
    u = rng.random(len(who), np.float32)
    weekend = (days.weekday(day) >= 5).astype(np.int8)
    hour = np.where(u < 0.6, habits.first[who, weekend], habits.second[who, weekend])
    hour = (hour + habits.width[who] * rng.standard_normal(len(who), np.float32)) % 24
    hour = np.where(u > 1 - ACTS_AT_ODD_HOURS, (u - (1 - ACTS_AT_ODD_HOURS)) * (24 / ACTS_AT_ODD_HOURS), hour)
    return (day.astype(np.int64) + days.start_day) * DAY + (hour * 3600).astype(np.int64) * 1_000_000


def events(
    channel: str, action: str, who: Ints, time: Ints, *, objects: Ints | None = None, value: Floats | None = None
) -> Frame:
    """Events of one kind; absent objects and values are null."""
    count = len(who)
    return {
        "person": who.astype(np.int32),
        "channel": np.full(count, code(ENGAGEMENT, "channel", channel), np.int8),
        "action": np.full(count, code(ENGAGEMENT, "action", action), np.int8),
        "object_id": np.full(count, -1) if objects is None else objects.astype(np.int64),
        "value": np.full(count, np.nan, np.float32) if value is None else value.astype(np.float32),
        "occurred_at": time,
    }


def acts_of(neighbourhood: Neighbourhood, simulation: Simulation, days: SimulatedDays) -> Frame:
    """Everything that the town's customers do of their own accord."""
    homes, habits = neighbourhood.homes, neighbourhood.people.habits
    rng = neighbourhood.rng("acts")
    ones = np.ones(neighbourhood.block.count)

    who, day = scatter(rng, days.acts(SESSIONS, ones))
    eager = days.wish[who, day] + days.noise_intent[who, day]
    minutes = np.exp(rng.standard_normal(len(who), np.float32) * 0.8 + 1.5 + 0.15 * np.minimum(eager, 2))
    parts = [events("platform", "session", who, moments(rng, days, habits, who, day), value=np.round(minutes, 1))]

    who, day = scatter(rng, days.acts(READING, habits.documents))
    dwell = np.round(np.exp(rng.standard_normal(len(who), np.float32) * 0.9 + 0.9), 1)
    paper = 1 + (DOCUMENTS * rng.random(len(who)) ** 2.2).astype(np.int64)
    parts.append(events("document", "open", who, moments(rng, days, habits, who, day), objects=paper, value=dwell))

    who, day = scatter(rng, days.acts(SEARCHING, habits.searches))
    time = moments(rng, days, habits, who, day)
    region = _regions_searched(neighbourhood, rng, simulation, days, who=who, day=day)
    parts.append(events("search", "search", who, time, objects=region + 1))
    eager = VIEWS_PER_SEARCH.wish * days.wish[who, day] + VIEWS_PER_SEARCH.noise_intent * days.noise_intent[who, day]
    views = rng.poisson(VIEWS_PER_SEARCH.base * (1 + eager))
    search = np.repeat(np.arange(len(who)), views)
    home = homes.draw(region[search], rng.random(len(search)))
    viewed = np.where(home >= 0, homes.ids[home], -1)
    after = (rng.standard_exponential(len(search), np.float32) * (4 * MINUTE)).astype(np.int64)
    parts.append(events("search", "view_listing", who[search], time[search] + after, objects=viewed))

    who, day = scatter(rng, days.acts(SAVING, habits.searches))
    region = _regions_searched(neighbourhood, rng, simulation, days, who=who, day=day)
    parts.append(events("search", "save_search", who, moments(rng, days, habits, who, day), objects=region + 1))
    return stack(parts)


def _regions_searched(
    neighbourhood: Neighbourhood,
    rng: np.random.Generator,
    simulation: Simulation,
    days: SimulatedDays,
    *,
    who: Ints,
    day: Ints,
) -> Ints:
    """The home region mostly; with a wish to move the region aimed at; anywhere now and then."""
    week = day // 7
    u = rng.random(len(who), np.float32)
    anywhere = rng.integers(0, neighbourhood.plan.regions, len(who))
    toward_goal = 0.5 * np.minimum(days.wish[who, day], 1)
    afar = 0.12 + 0.2 * np.minimum(days.noise_intent[who, day], 1)
    region = np.where(u < toward_goal, simulation.goal[who, week], simulation.region[who, week])
    return np.where(u > 1 - afar, anywhere, region)
