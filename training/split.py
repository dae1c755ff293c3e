"""Which rows teach and which examine: by time, with nothing settled in between.

A row may teach only what was settled before the first moment of the examination. That leaves a gap as long as the
label's horizon, exactly where labels take that long, and none where they were settled at once.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from itertools import pairwise
from typing import Literal

import numpy as np
import numpy.typing as npt

Rows = npt.NDArray[np.bool_]
Moments = npt.NDArray[np.datetime64]
Pairs = list[tuple[Rows, Rows]]
"""Rows that teach, and rows that examine what they taught."""

TEST_SHARE = 0.25
FOLDS = 3
FIRST_FOLD = 0.6
"""The share of rows before the first fold's examination."""
LEAST_TEACHING, LEAST_EXAMINING = 0.3, 0.05
"""Shares of all rows: a fold that teaches with few favours the simplest estimator, which the whole would not."""


class SplitError(ValueError):
    """The span is too short to teach and to examine."""


@dataclass(frozen=True)
class Split:
    """Boolean masks over rows; `at` is the moment from which on rows examine."""

    train: Rows
    test: Rows
    at: np.datetime64


def split_by_time(asked: Moments, settled: Moments, at: datetime | np.datetime64 | None = None) -> Split:
    """Rows settled by `at` teach, rows asked from `at` on examine; the rest do neither.

    >>> days = np.array(["2024-01-01", "2024-02-01", "2024-03-01"], "datetime64[us]")
    >>> split = split_by_time(days, days + np.timedelta64(31, "D"), np.datetime64("2024-03-01"))
    >>> split.train.tolist(), split.test.tolist()
    ([True, False, False], [False, False, True])
    """
    if at is None:
        at = np.sort(asked)[int(len(asked) * (1 - TEST_SHARE))]
    cut = np.datetime64(at.replace(tzinfo=None), "us") if isinstance(at, datetime) else at.astype("datetime64[us]")
    train, test = settled <= cut, asked >= cut
    if not train.any() or not test.any():
        raise SplitError(
            f"rows are asked from {asked.min():.10} to {asked.max():.10} and none of them is settled by {cut:.10}, "
            "when the examination begins: ask for a longer span, or for another moment of examination."
            if not train.any()
            else f"no row is asked from {cut:.10} on: the last is of {asked.max():.10}."
        )
    return Split(train, test, cut)


def folds(asked: Moments, settled: Moments, entity: npt.NDArray[np.int64]) -> tuple[Literal["time", "entity"], Pairs]:
    """Pairs of teaching and examining rows, and by what they were made.

    By time wherever each fold has enough rows to teach; else by entity.
    """
    by_time = folds_by_time(asked, settled)
    if all(train.mean() >= LEAST_TEACHING and test.mean() >= LEAST_EXAMINING for train, test in by_time):
        return "time", by_time
    return "entity", folds_by_entity(entity)


def folds_by_time(asked: Moments, settled: Moments) -> Pairs:
    """Folds in which what was settled teaches what comes next."""
    shares = np.linspace(FIRST_FOLD, 1, FOLDS + 1)
    cuts = np.quantile(asked.astype("int64"), shares).astype("int64").astype("datetime64[us]")
    return [
        (settled <= first, (asked >= first) & ((asked < last) | (last == cuts[-1]))) for first, last in pairwise(cuts)
    ]


def folds_by_entity(entity: npt.NDArray[np.int64]) -> Pairs:
    """Folds in which no one teaches about themselves, whatever the time."""
    of_each, place = np.unique(entity, return_inverse=True)
    fold_of = (np.random.default_rng(0).permutation(FOLDS * len(of_each)) % FOLDS)[place]
    return [(fold_of != fold, fold_of == fold) for fold in range(FOLDS)]
