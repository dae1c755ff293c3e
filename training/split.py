"""Which rows a model is trained on and which test it: by time, with nothing settled in between.

A row is trained on only if it was settled before the first test row's moment. That leaves a gap as long as the label's
horizon, exactly where labels take that long, and none where they were settled at once.
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
"""Rows to train on, and rows to test with."""

TEST_SHARE = 0.25
FOLDS = 3
FIRST_FOLD = 0.6
"""The share of rows before the first fold's test."""
LEAST_TRAIN, LEAST_TEST = 0.3, 0.05
"""Shares of all rows: a fold that trains on few favours the simplest estimator, which the whole would not."""
FARTHEST, FEWEST_FARTHEST = np.timedelta64(31, "D"), 60
"""Rows whose answers take about the longest, and how many of them are to be trained on."""


class SplitError(ValueError):
    """The span is too short to train and to test."""


@dataclass(frozen=True)
class Split:
    """Boolean masks over rows; `at` is the moment from which on rows test."""

    train: Rows
    test: Rows
    at: np.datetime64


def split_by_time(asked: Moments, settled: Moments, at: datetime | np.datetime64 | None = None) -> Split:
    """Rows settled by `at` are trained on, rows asked from `at` on test; the rest do neither.

    >>> days = np.array(["2024-01-01", "2024-02-01", "2024-03-01"], "datetime64[us]")
    >>> split = split_by_time(days, days + np.timedelta64(31, "D"), np.datetime64("2024-03-01"))
    >>> split.train.tolist(), split.test.tolist()
    ([True, False, False], [False, False, True])
    """
    if at is None:
        at = _cut(asked, settled)
    cut = np.datetime64(at.replace(tzinfo=None), "us") if isinstance(at, datetime) else at.astype("datetime64[us]")
    train, test = settled <= cut, asked >= cut
    if not train.any() or not test.any():
        raise SplitError(
            f"rows stand from {asked.min():.10} to {asked.max():.10} and none of them is settled by {cut:.10}, when "
            "the test begins: ask for a longer span, or for a later --test-from."
            if not train.any()
            else f"no row stands at {cut:.10}, when the test begins, or later: the last is of {asked.max():.10}."
        )
    return Split(train, test, cut)


def _cut(asked: Moments, settled: Moments) -> np.datetime64:
    """The moment that leaves the last quarter of the rows to test with.

    Later where answers that take longest would else not be trained on at all, if a test is left by then: a range that
    is answered must be one that was trained.
    """
    order = np.sort(asked)
    usual: np.datetime64 = order[int(len(order) * (1 - TEST_SHARE))]
    taken = settled - asked
    farthest = np.sort(settled[taken >= taken.max() - FARTHEST])
    if len(farthest) < FEWEST_FARTHEST:
        return usual
    latest = order[min(int(len(order) * (1 - LEAST_TEST)), len(order) - 1)]
    reaching = np.datetime64(farthest[FEWEST_FARTHEST - 1])
    return reaching if usual < reaching <= latest else usual


def folds(asked: Moments, settled: Moments, entity: npt.NDArray[np.int64]) -> tuple[Literal["time", "entity"], Pairs]:
    """Pairs of training and test rows, and by what they were made.

    By time if each fold has enough rows, else by entity.
    """
    by_time = folds_by_time(asked, settled)
    if all(train.mean() >= LEAST_TRAIN and test.mean() >= LEAST_TEST for train, test in by_time):
        return "time", by_time
    return "entity", folds_by_entity(entity)


def folds_by_time(asked: Moments, settled: Moments) -> Pairs:
    """Folds that are trained on what was settled and tested with what comes next."""
    shares = np.linspace(FIRST_FOLD, 1, FOLDS + 1)
    cuts = np.quantile(asked.astype("int64"), shares).astype("int64").astype("datetime64[us]")
    return [
        (settled <= first, (asked >= first) & ((asked < last) | (last == cuts[-1]))) for first, last in pairwise(cuts)
    ]


def folds_by_entity(entity: npt.NDArray[np.int64]) -> Pairs:
    """Folds in which no entity is tested with a model trained on itself, whatever the time."""
    of_each, place = np.unique(entity, return_inverse=True)
    fold_of = (np.random.default_rng(0).permutation(FOLDS * len(of_each)) % FOLDS)[place]
    return [(fold_of != fold, fold_of == fold) for fold in range(FOLDS)]
