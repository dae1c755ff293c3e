from __future__ import annotations

import numpy as np
import pytest

from training.intervals import intervals


def test_intervals_hold_the_share_that_they_promise():
    rng = np.random.default_rng(1)
    spread = intervals(rng.normal(size=3000) / 10, np.ones(3000, bool), np.zeros(3000))
    fresh = np.exp(rng.normal(size=20000) / 10)
    for level in (0.5, 0.8, 0.95):
        low, high = spread.bounds(np.ones(20000), np.ones(20000, bool), np.zeros(20000), level)
        assert ((fresh >= low) & (fresh <= high)).mean() == pytest.approx(level, abs=0.02)


def test_errors_further_ahead_are_kept_apart():
    residuals = np.concatenate([np.linspace(-0.01, 0.01, 400), np.linspace(-0.4, 0.4, 400)])
    spread = intervals(residuals, np.ones(800, bool), np.repeat([0.0, 20.0], 400))
    low, high = spread.bounds(np.ones(2), np.ones(2, bool), np.array([0.0, 20.0]), 0.9)
    assert (high - low)[1] > 20 * (high - low)[0]


def test_a_level_beyond_what_was_measured_is_refused():
    spread = intervals(np.linspace(-1, 1, 400), np.ones(400, bool), np.zeros(400))
    with pytest.raises(ValueError, match=r"expected a level of 0\.5 to 0\.99, found 0\.999"):
        spread.bounds(np.ones(1), np.ones(1, bool), np.zeros(1), 0.999)
