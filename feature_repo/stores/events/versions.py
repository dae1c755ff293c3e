"""What became of an event: a later row of its id corrects it, unless it says the same, which is a redelivery."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from feature_repo.stores.events.record import Integers
from feature_repo.stores.events.table import EventTable


@dataclass(frozen=True)
class EventVersions:
    """The last version of each event, and those that were corrected: each held from `known` until `until`."""

    final: EventTable
    superseded: EventTable
    until: Integers


def versions_of(rows: EventTable) -> EventVersions:
    """The versions in rows of any order, by id and moment of becoming known; of one moment the last row counts."""
    in_order = np.sort(rows.id)
    if not (in_order[1:] == in_order[:-1]).any():
        return EventVersions(rows.sorted(), rows.take(slice(0, 0)), np.zeros(0, np.int64))
    ordered = rows.take(np.lexsort((rows.known, rows.id)))
    ordered = ordered.take(np.flatnonzero(~_is_redelivery(ordered)))
    is_corrected = np.append(ordered.id[1:] == ordered.id[:-1], False)
    until = np.append(ordered.known[1:], 0)
    # A version that was corrected in the instant in which it came was never to be seen.
    held = np.flatnonzero(is_corrected & (until > ordered.known))
    superseded = ordered.take(held)
    order = np.lexsort((superseded.id, superseded.occurred, superseded.entity))
    final = ordered.take(np.flatnonzero(~is_corrected)).sorted()
    return EventVersions(final, superseded.take(order), until[held][order])


def _is_redelivery(ordered: EventTable) -> npt.NDArray[np.bool_]:
    """Which rows say what the row of the same id before them says."""
    content = (ordered.id, ordered.entity, ordered.occurred, *ordered.columns.values())
    same = np.ones(max(len(ordered) - 1, 0), np.bool_)
    for column in content:
        same &= column[1:] == column[:-1]
    return np.concatenate((np.zeros(min(len(ordered), 1), np.bool_), same))
