"""What a lookup found: the values, and for each view how old they are and whether they may be trusted."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from enum import IntEnum
from functools import cached_property
from typing import Any

import numpy as np
import numpy.typing as npt

from feature_repo.stores.wire.times import ABSENT

Floats = npt.NDArray[np.float64]
Micros = npt.NDArray[np.int64]


class Status(IntEnum):
    """Of a view's values for one entity. Values are told whatever the status; what to do with them is the model's.

    Of several that hold, the last of this list counts, but STALE goes before NULL.
    """

    PRESENT = 0
    NULL = 1  # written, but each of the features asked for is null
    STALE = 2  # older than the view's TTL
    NOT_FOUND = 3  # never written, or expired with its key
    CORRUPT = 4  # not what a writer leaves: told as null, and `Found.corrupt` says what was found


@dataclass(frozen=True)
class Corruption:
    """A view whose values for the entity of one row cannot be trusted, and why."""

    row: int
    view: str
    reason: str


@dataclass(frozen=True)
class LookupResult:
    """A row for each row asked.

    `numbers` has the columns `numeric`, NaN for a null; `objects` has the others, None for a null. Times are
    microseconds since 1970, UTC.
    """

    columns: tuple[str, ...]
    numeric: tuple[str, ...]
    numbers: Floats
    objects: Mapping[str, npt.NDArray[np.object_]]
    views: tuple[str, ...]
    times: Micros
    states: npt.NDArray[np.int8]
    asked_at: int
    corrupt: tuple[Corruption, ...] = ()

    def __len__(self) -> int:
        return len(self.times)

    @cached_property
    def matrix(self) -> npt.NDArray[Any]:
        """All columns in order: float32 if each is a number, else objects with None for a null.

        What is too large for a float32 becomes infinite, as in training's conversion to it.
        """
        if self.columns == self.numeric:
            with np.errstate(over="ignore"):
                return self.numbers.astype(np.float32)
        matrix = np.empty((len(self), len(self.columns)), object)
        for place, name in enumerate(self.columns):
            matrix[:, place] = self.column(name)
        return matrix

    def column(self, name: str) -> npt.NDArray[np.object_]:
        """The values of a column as objects, None for a null."""
        if name in self.objects:
            return self.objects[name]
        numbers = self.numbers[:, self.numeric.index(name)]
        values: npt.NDArray[np.object_] = numbers.astype(object)
        values[np.isnan(numbers)] = None
        return values

    @cached_property
    def event_times(self) -> Mapping[str, Micros]:
        """Of each view; `times.ABSENT` where the view was not found."""
        return {view: self.times[:, place] for place, view in enumerate(self.views)}

    @cached_property
    def statuses(self) -> Mapping[str, npt.NDArray[np.int8]]:
        """Of each view, as numbers of `Status`."""
        return {view: self.states[:, place] for place, view in enumerate(self.views)}

    @cached_property
    def ages(self) -> Mapping[str, Floats]:
        """Of each view, in seconds; NaN where the view was not found."""
        known = self.times != ABSENT
        ages = np.where(known, (self.asked_at - np.where(known, self.times, 0)) / 1e6, np.nan)
        return {view: ages[:, place] for place, view in enumerate(self.views)}

    def take(self, rows: Sequence[int] | Micros) -> LookupResult:
        """Some rows, any of them more than once."""
        picked = np.asarray(rows, np.int64)
        objects = {name: values[picked] for name, values in self.objects.items()}
        return LookupResult(
            self.columns, self.numeric, self.numbers[picked], objects, self.views, self.times[picked],
            self.states[picked], self.asked_at,
            tuple(
                replace(corruption, row=row)
                for corruption in self.corrupt
                for row in np.flatnonzero(picked == corruption.row).tolist()
            ),
        )  # fmt: skip


def object_column(values: Sequence[Any]) -> npt.NDArray[np.object_]:
    """Values as they are, element by element: NumPy would make a matrix of lists of one length."""
    column = np.empty(len(values), object)
    for place, value in enumerate(values):
        column[place] = value
    return column


def states_of(times: Micros, present: npt.NDArray[np.bool_], ttls: Micros, now: int) -> npt.NDArray[np.int8]:
    """The status of each view: by its event time, whether any feature has a value, and its TTL (0: none).

    >>> states_of(np.array([[5, 5, 5]]), np.array([[True, False, False]]), np.array([0, 0, 3]), 9).tolist()
    [[0, 1, 2]]
    """
    states = np.where(present, np.int8(Status.PRESENT), np.int8(Status.NULL))
    is_present = times != ABSENT
    states[(ttls > 0) & (now - np.where(is_present, times, now) > ttls)] = Status.STALE
    states[~is_present] = Status.NOT_FOUND
    return states


def state_of(time: int, filled: bool, ttl: int, now: int) -> int:
    """The same for one.

    >>> Status(state_of(5, True, 3, 9))
    <Status.STALE: 2>
    """
    if time == ABSENT:
        return _NOT_FOUND
    if 0 < ttl < now - time:
        return _STALE
    return _PRESENT if filled else _NULL


# Plain integers: NumPy takes ten times as long over an enumeration's.
_PRESENT, _NULL, _STALE, _NOT_FOUND, _CORRUPT = (status.value for status in Status)
