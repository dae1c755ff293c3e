"""Events of many entities in columns, in the order in which windows read them: by entity, instant, id."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass

import numpy as np

from feature_repo.stores.events.record import EventSchema, Integers, Records


@dataclass(frozen=True)
class EventTable:
    """Events: whose they are, their id, when they occurred and became known (microseconds), and what else they say."""

    entity: Integers
    id: Integers
    occurred: Integers
    known: Integers
    columns: Mapping[str, Integers]

    def __len__(self) -> int:
        return len(self.entity)

    def __getitem__(self, name: str) -> Integers:
        return self.columns[name]

    def take(self, rows: Integers | slice) -> EventTable:
        """Some of them, by number; a slice is no copy."""
        columns = {name: column[rows] for name, column in self.columns.items()}
        return EventTable(self.entity[rows], self.id[rows], self.occurred[rows], self.known[rows], columns)

    def of_entities(self, entity: Integers) -> EventTable:
        """The same events as those of other entities."""
        return EventTable(entity, self.id, self.occurred, self.known, self.columns)

    def sorted(self) -> EventTable:
        """By entity, instant, id; the same table where it stands so already."""
        if _is_sorted(self):
            return self
        return self.take(np.lexsort((self.id, self.occurred, self.entity)))

    @classmethod
    def joined(cls, tables: Iterable[EventTable]) -> EventTable:
        """Several one after the other."""
        parts = list(tables)
        return cls(
            np.concatenate([part.entity for part in parts]),
            np.concatenate([part.id for part in parts]),
            np.concatenate([part.occurred for part in parts]),
            np.concatenate([part.known for part in parts]),
            {name: np.concatenate([part[name] for part in parts]) for name in parts[0].columns},
        )


def events_of_state(schema: EventSchema, records: Records) -> EventTable:
    """The events of one entity from its records in order of arrival: of each id the last, by instant and id."""
    columns = schema.columns(records)
    ids, occurred, known = columns.pop("id"), columns.pop("occurred"), columns.pop("known")
    events = EventTable(np.zeros(len(ids), np.int64), ids, occurred, known, columns)
    in_order = np.sort(ids)
    if (in_order[1:] == in_order[:-1]).any():
        # A correction is appended behind what it corrects: the last record of an id is the one that counts.
        backwards = np.unique(ids[::-1], return_index=True)[1]
        events = events.take(np.sort(len(ids) - 1 - backwards))
    order = events.occurred.argsort(kind="stable")
    in_order = events.occurred[order]
    if (in_order[1:] == in_order[:-1]).any():
        order = np.lexsort((events.id, events.occurred))
    return events.take(order)


def _is_sorted(events: EventTable) -> bool:
    entity, occurred = events.entity, events.occurred
    if len(entity) < 2:
        return True
    same = entity[1:] == entity[:-1]
    if not (same.all() or (entity[1:] >= entity[:-1]).all()):
        return False
    later = occurred[1:] > occurred[:-1]
    if (later | ~same).all():
        return True
    tied = same & (occurred[1:] == occurred[:-1])
    return bool((later | ~same | (tied & (events.id[1:] > events.id[:-1]))).all())
