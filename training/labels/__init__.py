"""What came after: one label a file.

A label says of whom and at which moments it may be asked (`population`), and what came of each such row (`outcome`):
its columns `label` and `label_until`, the moment at which the answer was settled. A row whose window is not over by
the end of the data gets no answer.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime, timedelta

import pyarrow as pa

from training.facts import Facts


@dataclass(frozen=True)
class Moments:
    """When a model is asked: every so often from `start` on, before `end`."""

    start: datetime
    end: datetime
    every: timedelta

    def __post_init__(self) -> None:
        if self.end <= self.start:
            raise ValueError(f"expected an end after the start, found {self.start:%Y-%m-%d} to {self.end:%Y-%m-%d}")
        if self.every <= timedelta(0):
            raise ValueError(f"expected a step of more than nothing, found {self.every}")

    @property
    def query(self) -> str:
        """The moments as SQL: a column `event_timestamp`."""
        return (
            f"SELECT unnest(generate_series(TIMESTAMPTZ '{self.start.isoformat()}', "
            f"TIMESTAMPTZ '{self.end.isoformat()}' - INTERVAL 1 MICROSECOND, "
            f"INTERVAL {int(self.every.total_seconds())} SECOND)) AS event_timestamp"
        )


@dataclass(frozen=True)
class ExtraDefault:
    """What `extra` columns are where rows bring a label of their own, but not these."""

    description: str
    """In a sentence, for the manifest."""
    of: Callable[[pa.Table], dict[str, pa.Array]]
    """The columns, from rows that have `event_timestamp` and `label_until`."""


@dataclass(frozen=True)
class Label:
    """The question that a model answers, as it can be told afterwards."""

    definition: str
    """In a sentence, for the manifest and the model's card."""
    horizon: timedelta
    """The longest time from the moment asked to the answer."""
    table: str
    """The raw table that tells."""
    population: Callable[[Facts, Moments], pa.Table]
    """(entity, event_timestamp): who could be asked about, and when."""
    outcome: Callable[[Facts, pa.Table], pa.Table]
    """(entity, event_timestamp) in; the same rows that have an answer out, with `label` and `label_until`."""
    extra: tuple[str, ...] = ()
    """Columns of the outcome that are inputs of the model as well: what the asker says beside the entity."""
    extra_default: ExtraDefault | None = None
    """Where there is none, rows with a label of their own must bring every column of `extra`."""
    settled: Callable[[Facts, datetime], pa.Table] | None = None
    """(entity, answer): whose newest answer was settled since a moment and is still true, if answers last so long."""
    context: Callable[[Facts, pa.Table], pa.Table] = lambda _, rows: rows
    """Adds what baselines and reports need of each row, as known at its moment; no input of the model."""
    also_reads: tuple[str, ...] = ()
    """The raw tables beside `table` that these functions read: a training set depends on them."""

    @property
    def tables(self) -> tuple[str, ...]:
        """Every raw table that the label is read from."""
        return (self.table, *self.also_reads)
