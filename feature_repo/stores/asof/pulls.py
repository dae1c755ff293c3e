"""Rows of one source as they are: all of a span of time, or the latest of each key."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path

import numpy as np
import numpy.typing as npt
import pyarrow as pa
from feast.data_source import DataSource
from feast.errors import FeastJoinKeysDuringMaterialization
from feast.feature_view import DUMMY_ENTITY_ID, DUMMY_ENTITY_VAL

from feature_repo.stores.asof.gather import gathered, portions_in_memory
from feature_repo.stores.asof.instants import NEVER, Instants, instant_of, instants, unit_of
from feature_repo.stores.asof.join_keys import NO_KEY, JoinKeys
from feature_repo.stores.asof.newest import Rows, Versions, condensed
from feature_repo.stores.asof.parquet_source import ParquetSource, open_source
from feature_repo.stores.asof.row_groups import numbers_of

# Of the latest rows, whose features are in memory at once.
_KEYS_AT_A_TIME = 250_000


@dataclass(frozen=True)
class SourceScan:
    """Columns of a source, by their names in the files, over a span of event times that includes both its ends."""

    data: DataSource
    keys: tuple[str, ...]
    features: tuple[str, ...]
    event: str
    created: str | None
    start: datetime | None
    end: datetime | None
    repo_path: Path | str | None

    def table(self) -> pa.Table:
        """All at once."""
        return pa.concat_tables(self.tables())

    def tables(self, near: Path | None = None) -> Iterator[pa.Table]:  # noqa: ARG002
        """In the order of the files."""
        source = self.opened()
        columns = self.columns(source)
        groups = source.between(self.event, *self.span(source), unit_of(source.type_of(self.event)))
        yield self.completed(source.read([], columns))
        for portion in portions_in_memory(groups, len(columns) / len(source.columns)):
            table = source.read(portion, columns)
            kept = self.within(source, table)
            yield self.completed(table if kept.all() else table.filter(pa.array(kept)))

    def opened(self) -> ParquetSource:
        """The files; they must have the join keys."""
        source = open_source(self.data, self.repo_path)
        if missing := set(self.keys) - set(source.columns):
            raise FeastJoinKeysDuringMaterialization(source.path, missing, set(source.columns))
        return source

    def columns(self, source: ParquetSource) -> list[str]:
        """What is read; with no features named, everything."""
        times = [self.event] if self.created is None else [self.event, self.created]
        return list(dict.fromkeys([*self.keys, *(self.features or source.columns), *times]))

    def span(self, source: ParquetSource) -> tuple[int | None, int | None]:
        """The ends of the span in the unit of the event times."""
        unit = unit_of(source.type_of(self.event))
        start, end = (None if moment is None else instant_of(moment, unit) for moment in (self.start, self.end))
        return start, end

    def within(self, source: ParquetSource, table: pa.Table) -> npt.NDArray[np.bool_]:
        """Which rows of a table lie within the span."""
        moments = self.moments(source, table, self.event)
        low, high = self.span(source)
        inside: npt.NDArray[np.bool_] = moments != NEVER
        if low is not None:
            inside &= moments >= low
        if high is not None:
            inside &= moments <= high
        return inside

    def moments(self, source: ParquetSource, table: pa.Table, column: str) -> Instants:
        """A column of times."""
        return instants(table.column(column), column, unit_of(source.type_of(self.event), table.column(column).type))

    def completed(self, table: pa.Table) -> pa.Table:
        """With the column by which Feast marks rows without a key."""
        if self.keys:
            return table
        return table.append_column(DUMMY_ENTITY_ID, pa.repeat(DUMMY_ENTITY_VAL, table.num_rows))


@dataclass(frozen=True)
class PullLatest(SourceScan):
    """Of each key the row of the latest event, of those the latest created, of those the last; null keys have none."""

    def table(self) -> pa.Table:
        """In the order of the files."""
        return pa.concat_tables(self.tables())

    def tables(self, near: Path | None = None) -> Iterator[pa.Table]:  # noqa: ARG002
        """In the order of the files: keys and times of all rows are read first, features some keys at a time."""
        source = self.opened()
        columns, latest = self.columns(source), self._latest(source)
        for first in range(0, max(1, len(latest)), _KEYS_AT_A_TIME):
            values = gathered(source, columns, latest[first : first + _KEYS_AT_A_TIME])
            yield self.completed(pa.table(values, names=columns))

    def _latest(self, source: ParquetSource) -> Rows:
        unit = unit_of(source.type_of(self.event))
        narrow = [*self.keys, self.event] + ([] if self.created is None else [self.created])
        groups = source.between(self.event, *self.span(source), unit)
        table = source.read(groups, list(dict.fromkeys(narrow)))
        keys = JoinKeys.of([table.column(name) for name in self.keys], self.keys, table.num_rows)
        versions = Versions(
            keys=keys.codes,
            events=self.moments(source, table, self.event),
            created=None if self.created is None else self.moments(source, table, self.created),
            rows=numbers_of(groups),
            by_creation=False,
        )
        versions = versions.chosen(self.within(source, table) & (versions.keys != NO_KEY))
        return np.sort(condensed(versions, np.iinfo(np.int64).max).rows)
