"""What a model must beat: the simple answers that a skeptic would give without one.

Each is made of the columns of a training set: what it learns, it learns from the rows that models are trained on.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Protocol

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.compute as pc

Floats = npt.NDArray[np.float64]
Rows = npt.NDArray[np.bool_]

NEIGHBOURS = 30
PRIOR = 20.0
"""So many rows of everybody's are added to a group's own, so that a small group does not answer from chance."""


class Baseline(Protocol):
    """A simple answer."""

    @property
    def name(self) -> str:
        """In a few words."""

    def answers(self, table: pa.Table, train: Rows, classes: int) -> Floats:
        """For all rows of a training set (rows, answers), from those to train on."""


@dataclass(frozen=True)
class BaseRate:
    """The same probability for everybody."""

    name: str = "base rate"

    def answers(self, table: pa.Table, train: Rows, classes: int) -> Floats:  # noqa: ARG002
        """The mean label."""
        return np.full((len(table), 1), _floats(table, "label")[train].mean())


@dataclass(frozen=True)
class RateBy:
    """Everybody's rate by a column of few values."""

    column: str
    name: str

    def answers(self, table: pa.Table, train: Rows, classes: int) -> Floats:  # noqa: ARG002
        """The mean label of the row's value."""
        labels, codes = _floats(table, "label"), _codes(table[self.column])
        rate = labels[train].mean()
        positives = np.bincount(codes[train], labels[train], minlength=codes.max() + 1)
        rows = np.bincount(codes[train], minlength=codes.max() + 1)
        return np.asarray(((positives + rate) / (rows + 1))[codes][:, None])


@dataclass(frozen=True)
class ClassShares:
    """The shares of the classes among everybody, or by the values of a column and quarter of the year."""

    by: str = ""
    name: str = "shares"

    def answers(self, table: pa.Table, train: Rows, classes: int) -> Floats:
        """A probability a class."""
        labels = _floats(table, "label").astype(int)
        shares = np.bincount(labels[train], minlength=classes) / train.sum()
        if not self.by:
            return np.tile(shares, (len(table), 1))
        season = pc.quarter(table["event_timestamp"]).to_numpy() - 1
        group = _codes(table[self.by]) * 4 + season
        counts = np.zeros((int(group.max()) + 1, classes))
        np.add.at(counts, (group[train], labels[train]), 1)
        counts += PRIOR * shares
        return np.asarray((counts / counts.sum(axis=1, keepdims=True))[group])


@dataclass(frozen=True)
class RegionsRate:
    """What a square foot was sold for in the region in the twelve months before, times the home's."""

    rate: str
    area: str
    name: str = "median price per sqft of the region, last 12 months"

    def answers(self, table: pa.Table, train: Rows, classes: int) -> Floats:  # noqa: ARG002
        """A price."""
        labels, area, rate = (_floats(table, name) for name in ("label", self.area, self.rate))
        everywhere = np.nanmedian(np.where(area > 0, labels / np.where(area > 0, area, 1), np.nan)[train])
        priced = np.where(rate > 0, rate, everywhere) * area
        return np.where(priced > 0, priced, np.median(labels[train]))[:, None]


@dataclass(frozen=True)
class LastPrice:
    """The last sale moved with the index; where there is none, what neighbours paid per square foot."""

    estimate: str
    area: str
    place: tuple[str, str]
    name: str = "last price moved with the index, else neighbours' price per sqft"

    def answers(self, table: pa.Table, train: Rows, classes: int) -> Floats:  # noqa: ARG002
        """A price."""
        from sklearn.neighbors import KNeighborsRegressor  # noqa: PLC0415  the scorer imports the models

        labels, area, estimate = (_floats(table, name) for name in ("label", self.area, self.estimate))
        place = np.stack([_floats(table, name) for name in self.place], axis=1)
        described = ~np.isnan(place).any(axis=1) & (area > 0)
        without = np.isnan(estimate)
        answers = np.where(without, np.median(labels[train]), estimate)
        if (train & described).sum() >= NEIGHBOURS and (without & described).any():
            rate = labels[train & described] / area[train & described]
            neighbours = KNeighborsRegressor(NEIGHBOURS).fit(place[train & described], rate)
            answers[without & described] = neighbours.predict(place[without & described]) * area[without & described]
        return np.asarray(answers[:, None])


def _floats(table: pa.Table, name: str) -> Floats:
    return np.asarray(table[name].cast(pa.float64()).fill_null(np.nan).to_numpy(), np.float64)


def _codes(column: pa.ChunkedArray) -> npt.NDArray[np.int64]:
    """Each value as a small number; a missing one has a number of its own."""
    return np.asarray(
        column.combine_chunks().dictionary_encode(null_encoding="encode").indices.to_numpy(zero_copy_only=False),
        np.int64,
    )
