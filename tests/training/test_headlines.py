from __future__ import annotations

import numpy as np
import pytest

from training.headlines import bias


@pytest.mark.parametrize(
    ("task", "labels", "answers", "expected"),
    [
        ("price", [100.0, 200.0, 400.0], [[110.0], [220.0], [440.0]], 0.1),
        ("binary", [0.0, 1.0], [[0.2], [0.4]], -0.4),
        ("multiclass", [0.0, 0.0, 1.0, 2.0], [[0.2, 0.5, 0.3]] * 4, -0.3),
    ],
)
def test_bias_is_by_how_much_answers_lie_above_what_came(task, labels, answers, expected):
    assert bias(task, np.array(labels), np.array(answers)) == pytest.approx(expected)


def test_a_rate_of_nothing_has_no_bias():
    assert np.isnan(bias("binary", np.zeros(2), np.full((2, 1), 0.1)))
