"""Days as whole numbers since 1970-01-01 UTC.

A snapshot stands at midnight, so what it sees is told by whole days; integers compare, add and join fast and mean the
same on every backend.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import date, timedelta

import ibis
import ibis.expr.types as ir

from pipelines.epoch import EPOCH, epoch_day

MICROSECONDS_A_DAY = 86_400_000_000
MICROSECONDS_A_YEAR = 31_557_600_000_000  # 365.25 days


@dataclass(frozen=True)
class Days:
    """The days whose snapshots are asked for, both ends included."""

    first: date
    last: date

    def __post_init__(self) -> None:
        if self.last < self.first:
            raise ValueError(f"expected days in order, found {self.first} to {self.last}")

    def __iter__(self) -> Iterator[date]:
        """Each day."""
        return (EPOCH + timedelta(days=number) for number in range(self.start, self.stop))

    @property
    def start(self) -> int:
        """The number of the first day."""
        return epoch_day(self.first)

    @property
    def stop(self) -> int:
        """The number of the day after the last."""
        return epoch_day(self.last) + 1

    @property
    def firsts_of_months(self) -> Sequence[int]:
        """The numbers of those days that begin a month."""
        return [n for n in range(self.start, self.stop) if (EPOCH + timedelta(days=n)).day == 1]


def numbers(start: int, stop: int) -> ibis.Table:
    """A row for each `day` of [start, stop)."""
    return ibis.range(ibis.literal(start, "int64"), ibis.literal(stop, "int64")).unnest().name("day").as_table()


def day_of(time: ir.Value) -> ir.IntegerValue:
    """The day of a timestamp or date."""
    day = time.date() if isinstance(time, ir.TimestampValue) else time
    return day.delta(ibis.date(EPOCH), unit="day")


def midnight(day: ir.IntegerValue) -> ir.TimestampValue:
    """The instant at which a day begins."""
    return (day * 86_400).as_timestamp("s").cast("timestamp('UTC')")


def month_of(time: ir.Value) -> ir.IntegerValue:
    """The month of a timestamp or date, counted from January of year 0."""
    day = time.date() if isinstance(time, ir.TimestampValue) else time
    return day.year().cast("int64") * 12 + day.month() - 1


def first_day_of(month: ir.IntegerValue) -> ir.IntegerValue:
    """The first day of a month that is counted from January of year 0."""
    return day_of(ibis.date((month // 12).cast("int32"), (month % 12 + 1).cast("int32"), ibis.literal(1, "int32")))


def microseconds_between(start: ir.Value, end: ir.Value) -> ir.IntegerValue:
    """The time from one timestamp to another."""
    return end.delta(start, unit="microsecond")
