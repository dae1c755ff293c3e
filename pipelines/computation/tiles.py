"""Sums over the last N days, for many N at once and for every day of a range.

Events are first added up into tiles, one for each key and step; a window is then a fixed number of steps. A step is a
day in a long range. In a short one it is as many days as never part: asked for one day, with windows of 7, 30 and 90
days, there are three steps, whatever the number of events.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import ibis
import ibis.expr.types as ir

from pipelines.computation.days import Days, numbers


@dataclass(frozen=True)
class Steps:
    """The last days of the steps into which some windows cut the time before and within a range of days."""

    days: Days
    windows: Sequence[int]

    @property
    def first(self) -> int:
        """The first day that the longest window of the first day spans."""
        return self.days.start - max(self.windows) + 1

    def table(self) -> ibis.Table:
        """A row for each step: its last `day`, after which a window begins, or at whose end a snapshot stands."""
        days = numbers(self.first, self.days.stop)
        return days.filter(self.of(days["day"]) == days["day"])

    def of(self, day: ir.IntegerValue) -> ir.IntegerValue:
        """The step that a day from `first` on lies in."""
        branches = [
            (day < self.days.stop - window, ibis.greatest(day, self.days.start - window))
            for window in sorted(self.windows, reverse=True)
        ]
        return ibis.cases(*branches, else_=ibis.greatest(day, self.days.start))

    def within(self, window: int) -> int:
        """How many steps a window of so many days spans, the current one included; it is the same for every day."""
        ends = {last - other for other in (0, *self.windows) for last in range(self.days.start, self.days.stop)}
        return sum(self.days.start - window < end <= self.days.start for end in ends)
