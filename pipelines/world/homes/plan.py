"""What is asked of the world: how many customers, for how many days, from which seed. All else follows from it."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date, timedelta

from pipelines.epoch import epoch_day
from pipelines.world.clock import DAY, HOUR, START

HISTORY_YEARS = 15
"""Deals are on record this far back before `start`."""

CUSTOMER_DAYS_PER_BLOCK = 1_000_000
"""What one process holds at once: some four million events, under a gigabyte."""


@dataclass(frozen=True)
class CustomerBlock:
    """Consecutive customers that are made together: indices `first` to `first + count - 1`."""

    number: int
    first: int
    count: int


@dataclass(frozen=True)
class WorldPlan:
    """A world of so many customers over so many days."""

    customers: int
    days: int
    seed: int
    start: date = START

    def __post_init__(self) -> None:
        for name, least, most in (("customers", 1, 10_000_000), ("days", 1, 3_650), ("seed", 0, 2**63 - 1)):
            found = getattr(self, name)
            if not isinstance(found, int) or isinstance(found, bool) or not least <= found <= most:
                message = f"{name}: expected a whole number from {least:,} to {most:,}, found {found!r}; choose another"
                raise ValueError(message)
        if not date(1995, 1, 1) <= self.start <= date(2060, 1, 1):
            message = f"start: expected a date from 1995-01-01 to 2060-01-01, found {self.start}; choose one there"
            raise ValueError(message)

    @property
    def end(self) -> date:
        """The first day that is no longer part of the world."""
        return self.start + timedelta(days=self.days)

    @property
    def start_day(self) -> int:
        """`start` as an epoch day."""
        return epoch_day(self.start)

    @property
    def start_us(self) -> int:
        """Midnight of `start`, in microseconds."""
        return self.start_day * DAY

    @property
    def imported_us(self) -> int:
        """When all history was imported: in one go, in the night two days before `start`."""
        return self.start_us - 2 * DAY + 2 * HOUR

    @property
    def end_us(self) -> int:
        """The instant at which the world stops: nothing that became known later is in it."""
        return (self.start_day + self.days) * DAY

    @property
    def regions(self) -> int:
        """How many regions there are: enough customers in each to tell them apart."""
        return min(60, max(20, self.customers // 400))

    @property
    def blocks(self) -> tuple[CustomerBlock, ...]:
        """The customers in blocks; their size depends on the days alone, so memory does not grow with customers."""
        size = min(2_500, max(250, CUSTOMER_DAYS_PER_BLOCK // self.days))
        firsts = range(0, self.customers, size)
        return tuple(
            CustomerBlock(number, first, min(size, self.customers - first)) for number, first in enumerate(firsts)
        )
