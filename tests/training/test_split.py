from __future__ import annotations

import numpy as np
import pytest

from training.split import SplitError, folds, split_by_time

DAYS = np.datetime64("2024-01-01", "us") + np.arange(400) * np.timedelta64(1, "D")


def test_nothing_that_was_settled_after_the_examination_began_teaches():
    settled = DAYS + np.timedelta64(90, "D")
    split = split_by_time(DAYS, settled)
    assert settled[split.train].max() <= DAYS[split.test].min()
    assert not (split.train & split.test).any()
    assert (~split.train & ~split.test).sum() == 89  # the gap: the horizon


def test_a_span_shorter_than_the_horizon_cannot_be_split():
    with pytest.raises(SplitError, match="none of them is settled by 2024-10-27"):
        split_by_time(DAYS, DAYS + np.timedelta64(365, "D"))


def test_folds_go_by_time_where_labels_are_settled_soon():
    by, pairs = folds(DAYS, DAYS + np.timedelta64(1, "D"), np.arange(400))
    assert by == "time"
    assert all(DAYS[train].max() < DAYS[test].min() for train, test in pairs)


def test_folds_go_by_entity_where_time_leaves_too_little():
    entity = np.arange(400) % 40
    by, pairs = folds(DAYS, DAYS + np.timedelta64(300, "D"), entity)
    assert by == "entity"
    assert all(not set(entity[train]) & set(entity[test]) for train, test in pairs)
    assert sum(test.sum() for _, test in pairs) == 400


def test_answers_that_take_longest_are_trained_on_where_a_test_is_left():
    """Rows of a year ahead, and as many of a day ahead: a cut by share alone would train on next to none of the former."""
    asked = np.repeat(DAYS, 2)
    settled = asked + np.where(np.arange(800) % 2, np.timedelta64(310, "D"), np.timedelta64(1, "D"))
    split = split_by_time(asked, settled)
    assert (settled - asked)[split.train].max() == np.timedelta64(310, "D")
    assert ((settled - asked)[split.train] == np.timedelta64(310, "D")).sum() >= 60
    assert split.test.mean() >= 0.05
