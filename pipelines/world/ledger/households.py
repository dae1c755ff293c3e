"""Who the households are: what they earn, how they live, which accounts they have and since when."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from pipelines.world.clock import DAY, HOUR, Bools, Floats, Ints, month_starts
from pipelines.world.ledger.merchants import CITIES, Merchant, local_merchants
from pipelines.world.ledger.movements import CARD, CHECKING, SAVINGS, WALLET
from pipelines.world.ledger.plan import LedgerPlan
from pipelines.world.seeds import generator

CURRENCY = {"US": "USD", "GB": "GBP", "DE": "EUR"}
PRICES_RISE = 0.035
"""By how much everyday prices rise in a year."""


@dataclass(frozen=True)
class Household:
    """One household: a customer with accounts."""

    number: int
    country: str
    income: float
    """What it earns in a month, in units of money."""
    pay: str
    """How it is paid: monthly, biweekly, or by invoices."""
    payday: int
    housing: str
    has_children: bool
    has_car: bool
    card_share: float
    """The share of its purchases that go on the credit card."""
    cash_share: float
    slots: tuple[int, ...]
    locals_: tuple[Merchant, ...]
    opened: Ints
    """When each slot's account was opened, in microseconds."""
    first_day: int
    """From which epoch day on it moves money."""
    stop_day: int
    """From which epoch day on it does not: the world's end, or when it left."""
    has_left: bool
    plan: LedgerPlan

    @property
    def customer_id(self) -> int:
        """Its customer."""
        return self.number + 1

    @property
    def currency(self) -> str:
        """The money of its accounts."""
        return CURRENCY[self.country]

    @property
    def cities(self) -> tuple[str, ...]:
        """Where it buys."""
        return CITIES[self.country]

    def account_ids(self, slot: Ints) -> Ints:
        """The accounts of those slots."""
        return self.customer_id * 10 + slot.astype(np.int64)

    def rng(self, purpose: str) -> np.random.Generator:
        """The generator for one purpose, which depends on no other household."""
        return generator(self.plan.seed, f"ledger {purpose}", self.number)

    def price_level(self, days: Ints) -> Floats:
        """What everyday things cost on those days, the world's first day being 1."""
        return (1 + PRICES_RISE) ** ((days - self.plan.first_day) / 365.25)

    def is_here(self, days: Ints) -> Bools:
        """Whether the household moves money on those days."""
        return (days >= self.first_day) & (days < self.stop_day)

    def days_of_month(self, day: int) -> Ints:
        """That day of each month, as long as the household is here."""
        months = (self.plan.end.year - self.plan.start.year) * 12 + self.plan.end.month - self.plan.start.month + 1
        days = month_starts(self.plan.start, months) + min(day, 28) - 1
        return days[self.is_here(days)]


def household_of(plan: LedgerPlan, number: int) -> Household:
    """The household of that number."""
    rng = generator(plan.seed, "ledger household", number)
    first_day, end_day = plan.first_day, plan.end_day
    is_new, has_left = rng.random() < 0.12, rng.random() < 0.05
    began = int(rng.integers(0, max(1, plan.days // 2))) if is_new else -int(rng.integers(30, 3_600))
    begins = first_day + max(0, began)
    stop = int(rng.integers(begins + (end_day - begins) // 2, end_day)) if has_left else end_day
    chances = {CHECKING: 1.0, SAVINGS: 0.75, CARD: 0.65, WALLET: 0.3}
    slots = tuple(slot for slot, chance in chances.items() if rng.random() < chance)
    opened = (first_day + began) * DAY + 9 * HOUR + rng.integers(0, 6 * HOUR, 4)
    if not is_new:
        opened[1:] += rng.integers(0, -began, 3) * DAY
    return Household(
        number=number,
        country=str(rng.choice(["US", "DE", "GB"], p=[0.5, 0.3, 0.2])),
        income=float(np.clip(3_200 * np.exp(0.4 * rng.standard_normal()), 1_300, 14_000)),
        pay=str(rng.choice(["monthly", "biweekly", "invoices"], p=[0.7, 0.2, 0.1])),
        payday=int(rng.choice([1, 15, 25, 27, 28])),
        housing=str(rng.choice(["rent", "mortgage", "none"], p=[0.55, 0.35, 0.1])),
        has_children=bool(rng.random() < 0.4),
        has_car=bool(rng.random() < 0.7),
        card_share=float(rng.uniform(0.2, 0.8)) if CARD in slots else 0.0,
        cash_share=float(rng.uniform(0.2, 0.5)) if WALLET in slots else 0.0,
        slots=slots,
        locals_=local_merchants(rng),
        opened=opened,
        first_day=begins + 1,
        stop_day=stop,
        has_left=has_left,
        plan=plan,
    )
