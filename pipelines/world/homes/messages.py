"""What is sent to customers, and what they make of it: emails and alerts, each answer chained to its message.

Messages go out at hours of the sender's choosing. Whether one is opened depends on how near the hour and the weekday
are to the customer's own; an open comes soon if they were, else at the customer's next usual hour.
"""

from __future__ import annotations

import numpy as np

from pipelines.world.clock import DAY, HOUR, MINUTE, Bools, Floats, Ints
from pipelines.world.frames import Frame, stack
from pipelines.world.homes.engagement import EventRate, SimulatedDays, events, scatter
from pipelines.world.homes.neighbourhood import Neighbourhood
from pipelines.world.homes.people import Habits

EMAILS = EventRate(0.52, 0.15, 0.1)
ALERTS = EventRate(0.40, 0.35, 0.3)

SEND_HOURS = np.array([*range(24), *range(6, 23), *range(7, 22), *range(8, 20)])
"""Each hour as often as messages go out in it: all hours, the day's more."""


def messages_of(neighbourhood: Neighbourhood, days: SimulatedDays) -> Frame:
    """Every message to the town's customers and every answer, chained by the message's id."""
    first = neighbourhood.block.number << 32
    return stack([*_emails(neighbourhood, days, first + 1), *_alerts(neighbourhood, days, first + (1 << 31))])


def _emails(neighbourhood: Neighbourhood, days: SimulatedDays, first_id: int) -> list[Frame]:
    rng, habits = neighbourhood.rng("emails"), neighbourhood.people.habits
    who, time, hour, weekday, wish = _sent(rng, days, days.messages(EMAILS, habits.emails))
    ids = first_id + np.arange(len(who))
    delivered = events("email", "deliver", who, time, objects=ids)
    opens, delay = _opened(rng, habits, who, hour=hour, weekday=weekday, pull=0.6 * wish)
    who, ids, wish, time = who[opens], ids[opens], wish[opens], time[opens] + delay
    opened = events("email", "open", who, time, objects=ids)
    clicks = rng.random(len(who)) < 0.2 + 0.06 * np.minimum(wish, 2)
    who, ids, time = who[clicks], ids[clicks], _later(rng, time[clicks], 3 * MINUTE)
    clicked = events("email", "click", who, time, objects=ids)
    replies = rng.random(len(who)) < 0.2
    replied = events("email", "reply", who[replies], _later(rng, time[replies], 50 * MINUTE), objects=ids[replies])
    return [delivered, opened, clicked, replied]


def _alerts(neighbourhood: Neighbourhood, days: SimulatedDays, first_id: int) -> list[Frame]:
    rng, habits = neighbourhood.rng("alerts"), neighbourhood.people.habits
    who, time, hour, weekday, wish = _sent(rng, days, days.messages(ALERTS, habits.alerts))
    ids = first_id + np.arange(len(who))
    sent = events("alert", "send", who, time, objects=ids)
    opens, delay = _opened(rng, habits, who, hour=hour, weekday=weekday, pull=0.4 * wish - 0.2)
    opened = events("alert", "open", who[opens], time[opens] + delay, objects=ids[opens], value=delay / HOUR)
    waved = ~opens & (rng.random(len(who)) < 0.3)
    dismissed = events("alert", "dismiss", who[waved], _later(rng, time[waved], 4 * HOUR), objects=ids[waved])
    return [sent, opened, dismissed]


def _sent(rng: np.random.Generator, days: SimulatedDays, rate: Floats) -> tuple[Ints, Ints, Floats, Ints, Floats]:
    """Who is sent a message when: instant, hour of the day, weekday, and the wish to move at that time."""
    who, day = scatter(rng, rate)
    hour = SEND_HOURS[rng.integers(0, len(SEND_HOURS), len(who))] + rng.random(len(who))
    sent = (day.astype(np.int64) + days.start_day) * DAY + (hour * 3600).astype(np.int64) * 1_000_000
    return who, sent, hour, days.weekday(day), days.wish[who, day]


def _opened(
    rng: np.random.Generator, habits: Habits, who: Ints, *, hour: Floats, weekday: Ints, pull: Floats
) -> tuple[Bools, Ints]:
    """Which messages get opened, and how long after they were sent (of those opened only)."""
    weekend = (weekday >= 5).astype(np.int8)
    first, second = habits.first[who, weekend], habits.second[who, weekend]
    near = np.maximum(_closeness(hour, first), 0.8 * _closeness(hour, second))
    odds = habits.lure[who] + 2.6 * near + 1.1 * habits.weekday[who, weekday] + pull
    opened = rng.random(len(who), np.float32) < 1 / (1 + np.exp(-odds))
    count = int(opened.sum())
    u = rng.random((3, count), np.float32)
    soon = -0.7 * np.log1p(-u[0])
    wait = (np.where(u[1] < 0.6, first[opened], second[opened]) - hour[opened]) % 24
    wait = np.maximum(wait + habits.width[who[opened]] * rng.standard_normal(count, np.float32), 0.05)
    hours = np.where(u[2] < near[opened], soon, wait) + 24 * ((u[1] * 1000) % 1 < 0.06)
    return opened, (hours * 3600).astype(np.int64) * 1_000_000 + 1_000_000


def _closeness(hour: Floats, habit: Floats) -> Floats:
    """1 at the customer's own hour, fading over some three hours either side."""
    apart = np.abs(hour - habit)
    apart = np.minimum(apart, 24 - apart)
    near: Floats = np.exp(-0.5 * (apart / 1.8) ** 2)
    return near


def _later(rng: np.random.Generator, time: Ints, mean: int) -> Ints:
    return time + 1_000_000 + (rng.standard_exponential(len(time)) * mean).astype(np.int64)
