"""Losses, figures and bias of each task, on a handful of rows."""

from __future__ import annotations

import numpy as np
import pytest

from training.tasks import BINARY, MULTICLASS, PRICE, TASKS, task_of


def test_losses_are_log_loss_and_the_distance_of_logarithms():
    assert BINARY.losses(np.array([1.0, 0.0]), np.array([[0.5], [0.5]])) == pytest.approx([np.log(2)] * 2)
    assert MULTICLASS.losses(np.array([2.0]), np.array([[0.1, 0.1, 0.8]])) == pytest.approx([-np.log(0.8)])
    assert PRICE.losses(np.array([100.0]), np.array([[200.0]])) == pytest.approx([np.log(2)])


def test_figures_that_tell_nothing_are_left_out():
    assert "auc" not in BINARY.figures(np.zeros(3), np.full((3, 1), 0.1))


@pytest.mark.parametrize(
    ("task", "labels", "answers", "expected"),
    [
        (PRICE, [100.0, 200.0, 400.0], [[110.0], [220.0], [440.0]], 0.1),
        (BINARY, [0.0, 1.0], [[0.2], [0.4]], -0.4),
        (MULTICLASS, [0.0, 0.0, 1.0, 2.0], [[0.2, 0.5, 0.3]] * 4, -0.3),
    ],
)
def test_bias_is_by_how_much_answers_lie_above_what_came(task, labels, answers, expected):
    assert task.bias(np.array(labels), np.array(answers)) == pytest.approx(expected)


def test_a_rate_of_nothing_has_no_bias():
    assert np.isnan(BINARY.bias(np.zeros(2), np.full((2, 1), 0.1)))


def test_a_label_that_never_varies_teaches_nothing_but_a_price():
    same = np.ones(5)
    assert [bool(task.unlearnable(same)) for task in (BINARY, MULTICLASS, PRICE)] == [True, True, False]


def test_a_task_is_known_by_its_name():
    assert [task_of(task.name) for task in TASKS] == list(TASKS)
    with pytest.raises(ValueError, match="there is no task 'ranking'; there are binary, multiclass, price"):
        task_of("ranking")


def test_a_baseline_never_calls_anything_impossible():
    assert BINARY.baseline(np.zeros((1, 1))).min() > 0
    assert PRICE.baseline(np.zeros((1, 1))).min() == 0
