"""What is read of one entity: one command for all views that share its hash, and how its reply is taken apart."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property, lru_cache
from typing import NamedTuple

import numpy as np
import numpy.typing as npt
from google.protobuf.message import DecodeError  # type: ignore[import-untyped]

from feature_repo.stores.wire.decode import Buffer, NumberColumns, is_number, rank
from feature_repo.stores.wire.errors import CorruptValueError
from feature_repo.stores.wire.keys import KeyLayout, field_of, stamp_field_of
from feature_repo.stores.wire.resolve import StoredFeature, StoredView
from feature_repo.stores.wire.times import ABSENT, datetime_of, micros_of_stamp

Reply = Sequence[bytes | None]
NO_EVENT_TIME = "expected an event time beside the view's values, found none"


@dataclass(frozen=True)
class EntityLookup:
    """Views of the same entity share a hash, and so one command: their event times, numbers, then all else.

    Every writer leaves a view as a whole: its event time, and a field for each feature, empty for a null. What is there
    in part is corrupt, unless features that were not written are to be nulls.
    """

    layout: KeyLayout
    asked_by: tuple[str, ...]
    views: tuple[StoredView, ...]
    numbers: tuple[StoredFeature, ...]
    others: tuple[StoredFeature, ...]
    unwritten_is_null: bool = False

    @classmethod
    def of(
        cls, project: str, features: Sequence[StoredFeature], *, unwritten_is_null: bool = False,
        exact: frozenset[str] = frozenset(),
    ) -> EntityLookup:  # fmt: skip
        """For features whose views have the same join keys, asked by the same columns."""
        views = tuple(dict.fromkeys(feature.view for feature in features))
        as_numbers = [feature for feature in features if is_number(feature.kind) and feature.column not in exact]
        numbers = sorted(as_numbers, key=lambda feature: rank(feature.kind))
        others = [feature for feature in features if feature not in as_numbers]
        layout = KeyLayout.of(project, dict(views[0].join_keys))
        return cls(layout, views[0].asked_by, views, tuple(numbers), tuple(others), unwritten_is_null)

    @property
    def width(self) -> int:
        """Values in a reply."""
        return len(self.views) + len(self.numbers) + len(self.others)

    @cached_property
    def _command(self) -> tuple[bytes, bytes]:
        stamps = [stamp_field_of(view.stored_name) for view in self.views]
        fields = [
            *stamps,
            *(field_of(feature.view.stored_name, feature.feature) for feature in (*self.numbers, *self.others)),
        ]
        tail = b"".join(b"$%d\r\n%b\r\n" % (len(field), field) for field in fields)
        return b"*%d\r\n$5\r\nHMGET\r\n$" % (2 + len(fields)), b"\r\n" + tail

    def commands(self, keys: Sequence[bytes]) -> list[bytes]:
        """One for each key."""
        head, tail = self._command
        return [b"%b%d\r\n%b%b" % (head, len(key), key, tail) for key in keys]

    @cached_property
    def number_columns(self) -> NumberColumns:
        """Where the numbers stand."""
        names = tuple(feature.column for feature in self.numbers)
        return NumberColumns(names, tuple(feature.kind for feature in self.numbers), len(self.views))

    @cached_property
    def other_places(self) -> tuple[tuple[int, StoredFeature], ...]:
        """Where in a reply the features stand that are not numbers."""
        return tuple(enumerate(self.others, len(self.views) + len(self.numbers)))

    @cached_property
    def members(self) -> npt.NDArray[np.float32]:
        """For each value but the event times, the view that it belongs to: a 1 in its column."""
        of_view = [self.views.index(feature.view) for feature in (*self.numbers, *self.others)]
        return np.eye(len(self.views), dtype=np.float32)[of_view]

    @cached_property
    def places(self) -> tuple[tuple[int, ...], ...]:
        """For each view, where its values stand in a reply."""
        first = len(self.views)
        return tuple(tuple((np.flatnonzero(column) + first).tolist()) for column in self.members.T)

    def feature_at(self, place: int) -> StoredFeature:
        """What stands there in a reply."""
        return self._features[place - len(self.views)]

    @cached_property
    def _features(self) -> tuple[StoredFeature, ...]:
        return (*self.numbers, *self.others)

    def check(self, reply: Reply) -> None:
        """Raise if a view is there in part."""
        if not any(reply):
            return
        try:
            b"".join(reply)  # type: ignore[arg-type]  # it refuses None, quicker than we could look for it
        except TypeError:
            for view in range(len(self.views)):
                self.check_view(view, reply)

    def check_view(self, view: int, reply: Reply) -> None:
        """Raise if this one is."""
        stamp, places = reply[view], self.places[view]
        if stamp is None and any(reply[place] for place in places):
            raise CorruptValueError(NO_EVENT_TIME)
        absent = [] if stamp is None else [place for place in places if reply[place] is None]
        if stamp is not None and absent and not self.unwritten_is_null:
            raise CorruptValueError(unwritten(stamp, [self.feature_at(place).feature for place in absent]))


def unwritten(stamp: bytes, features: Sequence[str]) -> str:
    """What is wrong with a view of which these features are missing."""
    at = f"{datetime_of(micros_of_stored(stamp)):%Y-%m-%d %H:%M:%S}"
    return (
        f"expected a value or a null of each feature, for the view was written (as of {at}), "
        f"found nothing of {', '.join(features)}: deleted, or added to the view since"
    )


class Read(NamedTuple):
    """Of each row: the numbers, the views' event times, and which views have a value at all."""

    numbers: npt.NDArray[np.float64]
    times: npt.NDArray[np.int64]
    filled: npt.NDArray[np.bool_]


def read_many(lookup: EntityLookup, replies: Sequence[Reply]) -> Read:
    """Take many replies apart at once."""
    views = len(lookup.views)
    buffer = whole_buffer(lookup, replies)
    times = [micros_of_stored(stamp) for reply in replies for stamp in reply[:views]]
    filled = (buffer.lengths[:, views:] > 0).astype(np.float32) @ lookup.members > 0
    return Read(lookup.number_columns.read(buffer), np.array(times, np.int64).reshape(-1, views), filled)


def whole_buffer(lookup: EntityLookup, replies: Sequence[Reply]) -> Buffer:
    """The values of replies whose views are there as a whole or not at all."""
    buffer = Buffer(replies, lookup.width)
    if buffer.has_absent:
        for row in np.flatnonzero(buffer.lengths.any(axis=1)).tolist():
            lookup.check(replies[row])
    return buffer


@lru_cache(maxsize=4096)
def micros_of_stored(stamp: bytes | None) -> int:
    """An event time; those of a day's snapshots are few."""
    if stamp is None:
        return ABSENT
    try:
        return micros_of_stamp(stamp)
    except DecodeError:
        raise CorruptValueError(f"expected an event time, found bytes that are none: {stamp[:16].hex()}") from None
