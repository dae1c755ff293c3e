"""The as-of join on integers alone: for a key and a time, the newest version that was there by then.

A version bears the time of its event and, if its table tells, the time at which it was created. It *appears* at its
event time, or, where knowledge counts, at the later of the two. Sought is, among the versions of the key that have
appeared, the one with the latest event; of those the latest created; of those the last in the table.

Put the versions of a key in that order of preference and give each its rank. Walk through them in the order in which
they appear, and carry along the highest rank seen: that is the answer from there to the next appearance, also when
a newer event appears later than an older one, or an old event is corrected after a newer one. The time to live needs
no search of its own: if the preferred version is too old, so are all others.

Snapshots need no order to be made: where versions stand in the table as they happened and became known, about one for
each key at each time, the last of a key by a time is a cell of a table of times and keys.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.compute as pc

from feature_repo.stores.asof.instants import NEVER, Instants, before
from feature_repo.stores.asof.join_keys import NO_KEY, Codes

Rows = npt.NDArray[np.int64]
Ranks = npt.NDArray[np.int32]

NO_ROW = -1
# A table of times and keys may have so many cells for each version that stands in it.
_CELLS_A_VERSION = 4


@dataclass(frozen=True)
class Versions:
    """Rows that may answer: their key, event and creation (if told), and where in the table they stand."""

    keys: Codes
    events: Instants
    created: Instants | None
    rows: Rows
    # Whether a version counts only from its creation on.
    by_creation: bool

    def __len__(self) -> int:
        return len(self.rows)

    @property
    def appears(self) -> Instants:
        """From when on each version may answer."""
        if self.by_creation and self.created is not None:
            return np.maximum(self.events, self.created)
        return self.events

    def where(self, which: npt.NDArray[np.bool_]) -> Versions:
        """Some of them; a run of most of them is no copy. Of a short run a copy lets go of all the others."""
        first, last = int(which.argmax()), len(which) - int(which[::-1].argmax())
        is_long_run = 2 * (last - first) >= len(which) and bool(which[first:last].all())
        return self.chosen(slice(first, last) if is_long_run else which)

    def chosen(self, which: npt.NDArray[np.generic] | slice) -> Versions:
        """Some of them, by mask or by number."""
        created = None if self.created is None else self.created[which]
        return Versions(self.keys[which], self.events[which], created, self.rows[which], self.by_creation)

    def and_then(self, later: Versions) -> Versions:
        """These and some that stand later in the table."""
        created = (
            None if self.created is None or later.created is None else np.concatenate([self.created, later.created])
        )
        keys = np.concatenate([self.keys, later.keys])
        events = np.concatenate([self.events, later.events])
        return Versions(keys, events, created, np.concatenate([self.rows, later.rows]), self.by_creation)


def newest(versions: Versions, keys: Codes, times: Instants, ttl: int | None) -> Rows:
    """For each key and time the row that answers, `NO_ROW` where none does."""
    if not len(versions) or not len(keys):
        return np.full(len(keys), NO_ROW, np.int64)
    distinct, ranks = _ranked(versions.appears)
    instant = np.searchsorted(distinct, times, side="right") - 1
    find = _laid_out if _is_laid_out(versions, len(distinct), keys) else _searched
    candidate = find(versions, ranks, len(distinct), keys, instant)
    row = np.maximum(candidate, 0)
    good = (candidate >= 0) & (keys != NO_KEY) & (instant >= 0) & (versions.keys[row] == keys) & (times != NEVER)
    if ttl is not None:
        good &= versions.events[row] >= before(times, ttl)
    return np.where(good, versions.rows[row], NO_ROW)


def _is_laid_out(versions: Versions, instants: int, keys: Codes) -> bool:
    """Whether versions stand in the table as they happened and became known, about one for each key at each time."""
    if instants * _width(versions, keys) > _CELLS_A_VERSION * len(versions):
        return False
    columns = [versions.events] if versions.created is None else [versions.events, versions.created]
    return all(bool((times[1:] >= times[:-1]).all()) for times in columns)


def _laid_out(versions: Versions, ranks: Ranks, count: int, keys: Codes, instant: Rows) -> Rows:
    """For each time and key the last version by then, in a table to look into."""
    width = _width(versions, keys)
    last = np.full((count, width), NO_ROW, np.int32)
    last.ravel()[ranks * np.int64(width) + versions.keys] = np.arange(len(versions), dtype=np.int32)
    np.maximum.accumulate(last, axis=0, out=last)
    return last[instant, keys].astype(np.int64)


def _width(versions: Versions, keys: Codes) -> int:
    return int(max(versions.keys.max(), keys.max())) + 1


def _searched(versions: Versions, ranks: Ranks, count: int, keys: Codes, instant: Rows) -> Rows:
    """The version that answers, or one of another key where none does."""
    preferred = _by_preference(versions)
    appearance = _combined(versions.keys, count, ranks)[preferred]
    # Where nothing appears out of its turn, the order of preference is the order of appearance.
    answer = preferred
    if (appearance[1:] < appearance[:-1]).any():
        turn = stable_order(appearance)
        appearance = appearance[turn]
        # A rank holds the key before all else, so that the highest so far starts anew with each key.
        answer = preferred[np.maximum.accumulate(turn)]
    sought = _combined(keys, count, instant)
    # In sorted order neighbouring searches touch the same memory.
    order = stable_order(sought - sought.min())
    place = np.empty(len(sought), np.int64)
    place[order] = np.searchsorted(appearance, sought[order], side="right") - 1
    return np.where(place >= 0, answer[np.maximum(place, 0)], NO_ROW)


def condensed(versions: Versions, since: int) -> Versions:
    """Without those that cannot answer at `since` or later: of what has appeared by then, one a key remains."""
    there = versions.appears <= since
    settled = np.flatnonzero(there)
    preferred = settled[_by_preference(versions.chosen(settled))]
    keys = versions.keys[preferred]
    last = np.append(keys[1:] != keys[:-1], True) if len(keys) else np.zeros(0, bool)
    return versions.chosen(np.sort(np.concatenate([preferred[last], np.flatnonzero(~there)])))


def stable_order(values: npt.NDArray[np.int64]) -> Rows:
    """The order that sorts integers from 0 on: sixteen bits at a time, which NumPy sorts in linear time."""
    highest = int(values.max()) if len(values) else 0
    digits = np.ascontiguousarray(values, "<i8").view("<u2").reshape(-1, 4)
    order: Rows = np.argsort(digits[:, 0], kind="stable")
    for at in range(1, -(-highest.bit_length() // 16)):
        order = order[np.argsort(digits[order, at], kind="stable")]
    return order


def _by_preference(versions: Versions) -> Rows:
    """Numbers of versions by key, event, creation, place in the table."""
    distinct, ranks = _ranked(versions.events)
    event = _combined(versions.keys, len(distinct), ranks)
    order = stable_order(event)
    if versions.created is None:
        return order
    ordered = event[order]
    if (ordered[1:] != ordered[:-1]).all():
        return order
    order = stable_order(_ranked(versions.created)[1].astype(np.int64))
    return order[stable_order(event[order])]


def _combined(keys: Codes, count: int, ranks: npt.NDArray[np.integer]) -> npt.NDArray[np.int64]:
    """Key and rank as one number, the key first; in place, for these arrays are the join's largest."""
    number = keys.astype(np.int64)
    number *= count
    number += ranks
    return number


def _ranked(values: Instants) -> tuple[Instants, Ranks]:
    distinct = np.sort(pc.unique(pa.array(values)).to_numpy())
    ranks: Ranks = pc.index_in(pa.array(values), value_set=pa.array(distinct)).to_numpy()
    return distinct, ranks
