from __future__ import annotations

import numpy as np
import pytest

from training.metrics import calibration_error, figures, losses, margin


def test_losses_are_log_loss_and_the_distance_of_logarithms():
    assert losses("binary", np.array([1.0, 0.0]), np.array([[0.5], [0.5]])) == pytest.approx([np.log(2)] * 2)
    assert losses("multiclass", np.array([2.0]), np.array([[0.1, 0.1, 0.8]])) == pytest.approx([-np.log(0.8)])
    assert losses("price", np.array([100.0]), np.array([[200.0]])) == pytest.approx([np.log(2)])


def test_one_entity_many_times_is_one_observation():
    better, worse, entity = np.zeros(1000), np.ones(1000), np.zeros(1000, np.int64)
    gain, low, high = margin(better, worse, entity)
    assert (gain, low, high) == (1.0, 0.0, 1.0)  # drawn or not drawn at all
    _, low, _ = margin(better, worse + np.random.default_rng(0).normal(size=1000) / 10, np.arange(1000))
    assert low > 0.9


def test_probabilities_that_mean_what_they_say_have_no_calibration_error():
    rng = np.random.default_rng(2)
    said = rng.random(200_000)
    seen = (rng.random(200_000) < said).astype(float)
    assert calibration_error(seen, said) < 0.005
    assert calibration_error(seen, said**2) > 0.1


def test_figures_that_tell_nothing_are_left_out():
    assert "auc" not in figures("binary", np.zeros(3), np.full((3, 1), 0.1))
