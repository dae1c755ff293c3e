"""The rows of a view of events: the features of each event that became known on some days, over the events before it.

An event's features rest on the entity's events before it as they were known when it became known itself. A row of the
raw table that says of an event what was known already, a redelivery, makes no row.
"""

from __future__ import annotations

from datetime import datetime, timedelta

import ibis
import numpy as np
import pyarrow as pa

from feature_repo.event_view import EventView
from feature_repo.stores.events.record import Integers
from feature_repo.stores.events.slices import EventRequests
from feature_repo.stores.events.table import EventTable
from feature_repo.stores.events.versions import versions_of
from pipelines.computation.days import Days
from pipelines.computation.declared import declared_arrays, declared_schema
from pipelines.computation.event_history import EventSource, features_of_requests, micros_at, midnight_of
from pipelines.raw.contracts import RawTable

_REDELIVERED_WITHIN = timedelta(days=92)


def event_rows(view: EventView, contract: RawTable, table: ibis.Table, days: Days) -> pa.Table:
    """A row for each version of an event that became known on these days, as the view declares."""
    source = EventSource(contract, view.entity_key, view.event_key, view.encode)
    until = midnight_of(days.last + timedelta(days=1))
    rows = source.rows(table, _reach(view, contract, table, days, until), until)
    history = source.events(rows)
    versions = versions_of(history)
    events = EventTable.joined([versions.final, versions.superseded])
    events = events.take(np.flatnonzero(events.known >= micros_at(days.first)))
    if not len(events):
        return declared_schema(view.view).empty_table()
    described = view.describe(rows.take(pa.array(_places(history, events))))
    columns = features_of_requests(
        versions,
        EventRequests(events.entity, events.occurred, events.known),
        view.window,
        lambda slices, places: view.compute(slices, described.take(places)),
    )
    keys = {view.entity_key: events.entity, view.event_key: events.id}
    times = {"event_timestamp": events.occurred, "created_timestamp": events.known}
    return declared_arrays({**keys, **columns, **times}, view.view)


def _reach(view: EventView, contract: RawTable, table: ibis.Table, days: Days, until: datetime) -> datetime:
    """From when on rows are read: what an event of these days may rest on, or repeat."""
    first = midnight_of(days.first)
    known = table[contract.known]
    oldest = table.filter((known >= first) & (known < until))[contract.happened].min().to_pyarrow().as_py()
    span = timedelta(microseconds=view.window.span)
    return min(first - _REDELIVERED_WITHIN, (oldest or first) - span)


def _places(history: EventTable, events: EventTable) -> Integers:
    """For each version the row that it comes from: of the same instant the last."""
    pairs = EventTable.joined([history, events])
    ids = np.unique(pairs.id, return_inverse=True)[1]
    moments, known = np.unique(pairs.known, return_inverse=True)
    codes = ids * len(moments) + known
    of_history = codes[: len(history)]
    order = np.argsort(of_history, kind="stable")
    places: Integers = order[np.searchsorted(of_history[order], codes[len(history) :], side="right") - 1]
    return places
