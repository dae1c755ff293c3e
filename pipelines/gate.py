"""The gate: which days of a computed block may be seen by anyone.

A block of many days is validated at once, since that costs hardly more than one day. Only where something is amiss, or
a day's number of rows is odd, are its days looked at one by one.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import date, timedelta

from expectations.derive import FEWEST, MOST, is_daily
from expectations.outcome import ValidationResult
from expectations.validate import validate
from pipelines.snapshots import SnapshotBlock, SnapshotStore


@dataclass(frozen=True)
class BlockVerdict:
    """What came of a block: the days that passed, and every outcome there is to show."""

    passed: tuple[date, ...]
    refused: tuple[date, ...]
    outcomes: tuple[ValidationResult, ...]

    @property
    def seconds(self) -> float:
        """How long it took to look."""
        return sum(outcome.seconds for outcome in self.outcomes)


def judge(block: SnapshotBlock, store: SnapshotStore) -> BlockVerdict:
    """Look at each day of a block as far as need be."""
    days, rows = list(block.days), block.rows()
    whole = validate(block.table(), block.view) if len(days) > 1 else None
    outcomes = [whole] if whole else []
    passed, refused = [], []
    before: int | None = None
    next_day: date | None = None
    for day in days:
        if day != next_day:
            before = store.rows(block.view.name, day - timedelta(days=1))
        next_day = day + timedelta(days=1)
        if rows[day] == block.entities.get(day) == 0:
            # Nobody has joined yet, or this platform has no customers at all.
            passed.append(day)
            continue
        # The newest day is always looked at by itself, so that its pages tell of it.
        if day == days[-1] or not whole or not whole.passed or any(_odd(block, day, rows[day], before)):
            outcome = validate(
                block.table(day),
                block.view,
                day=day,
                previous_rows=before,
                expected_entities=block.entities.get(day),
            )
            outcomes.append(outcome)
            if not outcome.passed:
                refused.append(day)
                continue
        passed.append(day)
        before = rows[day]
    return BlockVerdict(tuple(passed), tuple(refused), tuple(outcomes))


def _odd(block: SnapshotBlock, day: date, rows: int, before: int | None) -> Iterator[bool]:
    """Signs that a day of a good block wants a look of its own."""
    if is_daily(block.view):
        yield rows == 0
        yield day in block.entities and rows != block.entities[day]
        yield before is not None and not FEWEST * before <= rows <= MOST * before
