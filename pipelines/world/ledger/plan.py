"""What is asked of the ledger's world: how many households, for how many days, from which seed."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date, timedelta

from pipelines.epoch import epoch_day
from pipelines.world.clock import DAY, HOUR

HOUSEHOLD_DAYS_PER_FILE = 1_000_000
"""What lies in one file and is sorted at once: some two million transactions, under a gigabyte."""

HOUSEHOLDS_PER_BLOCK = 40
"""What one process makes at a time."""


@dataclass(frozen=True)
class LedgerPlan:
    """A ledger of so many households over so many days. Household 0 is customer 1."""

    households: int
    days: int
    seed: int
    start: date

    def __post_init__(self) -> None:
        for name, least, most in (("households", 1, 1_000_000), ("days", 1, 3_650), ("seed", 0, 2**63 - 1)):
            value = getattr(self, name)
            if not isinstance(value, int) or isinstance(value, bool) or not least <= value <= most:
                raise ValueError(f"{name}: expected a whole number from {least:,} to {most:,}, found {value!r}")

    @property
    def end(self) -> date:
        """The first day that is no longer part of the world."""
        return self.start + timedelta(days=self.days)

    @property
    def first_day(self) -> int:
        """`start` as an epoch day."""
        return epoch_day(self.start)

    @property
    def end_day(self) -> int:
        """`end` as an epoch day."""
        return self.first_day + self.days

    @property
    def end_us(self) -> int:
        """The instant at which the world stops: nothing that became known later is in it."""
        return self.end_day * DAY

    @property
    def imported_us(self) -> int:
        """When the accounts were imported that are older than the world."""
        return self.first_day * DAY - 2 * DAY + 2 * HOUR

    @property
    def files(self) -> tuple[range, ...]:
        """The households of each file."""
        size = max(1, HOUSEHOLD_DAYS_PER_FILE // self.days)
        return tuple(range(first, min(first + size, self.households)) for first in range(0, self.households, size))
