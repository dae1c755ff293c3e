"""The parts of a source's files that can be read by themselves, and portions of them that are read in one go."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt


@dataclass(frozen=True)
class RowGroup:
    """A row group: the smallest part of a file that can be read by itself."""

    file: int
    number: int
    # Where its first row stands among all rows of the source.
    first: int
    rows: int
    # Uncompressed, all columns.
    size: int


def numbers_of(groups: Sequence[RowGroup]) -> npt.NDArray[np.int64]:
    """The numbers of all rows of some row groups."""
    if not groups:
        return np.zeros(0, np.int64)
    first, rows = groups[0].first, sum(group.rows for group in groups)
    if groups[-1].first + groups[-1].rows - first == rows:
        return np.arange(first, first + rows)
    return np.concatenate([np.arange(group.first, group.first + group.rows) for group in groups])


def portions(groups: Sequence[RowGroup], weight: Callable[[RowGroup], float], limit: float) -> Iterator[list[RowGroup]]:
    """Neighbours together as long as their weights stay within the limit; a group above it is a portion of its own.

    >>> groups = [RowGroup(0, number, 0, rows, 0) for number, rows in enumerate((3, 3, 9, 1))]
    >>> [[group.number for group in portion] for portion in portions(groups, lambda group: group.rows, 6)]
    [[0, 1], [2], [3]]
    """
    portion: list[RowGroup] = []
    total = 0.0
    for group in groups:
        if portion and total + weight(group) > limit:
            yield portion
            portion, total = [], 0.0
        portion.append(group)
        total += weight(group)
    if portion:
        yield portion
