"""The events of a raw table as arrays, with their versions, and features of requests over them."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import UTC, date, datetime, time

import ibis
import numpy as np
import numpy.typing as npt
import pyarrow as pa

from feature_repo.stores.events.as_known import Columns, SliceFunction
from feature_repo.stores.events.blocks import feature_blocks
from feature_repo.stores.events.record import Integers
from feature_repo.stores.events.slices import EventRequests, EventWindow
from feature_repo.stores.events.table import EventTable
from feature_repo.stores.events.versions import EventVersions
from pipelines.computation.days import MICROSECONDS_A_DAY
from pipelines.epoch import epoch_day
from pipelines.raw.contracts import RawTable

MOMENT = pa.timestamp("us", "UTC")


@dataclass(frozen=True)
class EventSource:
    """A raw table of events: whose they are, which of them a row is a version of, and its columns as whole numbers."""

    contract: RawTable
    entity_key: str
    event_key: str
    encode: Callable[[pa.Table], Mapping[str, Integers]]

    def rows(self, table: ibis.Table, first: datetime, until: datetime) -> pa.Table:
        """The rows that became known in [first, until)."""
        known = table[self.contract.known]
        recent = table.filter((known >= first) & (known < until))
        return recent.select(*self.contract.schema.names).to_pyarrow()

    def events(self, rows: pa.Table) -> EventTable:
        """The same as events. Nothing is known before it happens."""
        occurred, known = self._instants(rows, self.contract.happened), self._instants(rows, self.contract.known)
        return EventTable(
            entity=rows[self.entity_key].to_numpy(),
            id=rows[self.event_key].to_numpy(),
            occurred=occurred,
            known=np.maximum(known, occurred),
            columns=self.encode(rows),
        )

    def _instants(self, rows: pa.Table, name: str) -> Integers:
        instants: Integers = rows[name].cast(MOMENT).cast(pa.int64()).to_numpy()
        return instants


def features_of_requests(
    versions: EventVersions, requests: EventRequests, window: EventWindow, compute: SliceFunction
) -> Columns:
    """The features of each request, in the order of the requests."""
    columns: dict[str, npt.NDArray[np.generic]] = {}
    for block in feature_blocks(versions, requests, window, compute):
        for name, values in block.features.columns.items():
            columns.setdefault(name, np.empty(len(requests), values.dtype))[block.rows] = values
    return columns


def midnight_of(day: date) -> datetime:
    """The instant at which a day begins."""
    return datetime.combine(day, time(), UTC)


def micros_at(day: date) -> int:
    """The same in microseconds since 1970."""
    return epoch_day(day) * MICROSECONDS_A_DAY
