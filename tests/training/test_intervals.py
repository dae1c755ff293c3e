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


def half_widths(residuals, has_estimate, months, kind):
    spread = intervals(residuals, has_estimate, months)
    ahead = np.array([0.0, 5.0, 12.0, 20.0])
    _, high = spread.bounds(np.ones(4), np.full(4, kind), ahead, 0.8)
    return np.log(high)


def test_a_span_with_few_errors_takes_those_of_its_own_kind_and_is_never_narrower_than_a_nearer_one():
    """Homes without an estimate are harder: what is known of the others must not make their intervals narrow."""
    rng = np.random.default_rng(4)
    easy, hard = rng.normal(size=2000) * 0.1, rng.normal(size=400) * 0.3
    residuals, has_estimate = np.concatenate([easy, hard]), np.repeat([True, False], [2000, 400])
    months = np.concatenate([np.zeros(2000), np.zeros(200), np.full(200, 5.0)])  # of the hard none beyond 9 months
    widths = half_widths(residuals, has_estimate, months, kind=False)
    assert (np.diff(widths) >= 0).all()
    assert widths.min() > 0.3


def test_a_kind_of_which_little_is_known_is_no_narrower_than_everybody():
    rng = np.random.default_rng(4)
    residuals = np.concatenate([rng.normal(size=2000) * 0.3, rng.normal(size=20) * 0.01])
    has_estimate = np.repeat([True, False], [2000, 20])
    few = half_widths(residuals, has_estimate, np.zeros(2020), kind=False)
    many = half_widths(residuals, has_estimate, np.zeros(2020), kind=True)
    assert few == pytest.approx(many, rel=0.02)
