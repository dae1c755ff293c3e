from __future__ import annotations

import numpy as np

from training.metrics import calibration_error, margin


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
