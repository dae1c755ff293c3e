"""Which models compete: one of each library, and for prices the mean of the boosted ones."""

from __future__ import annotations

import numpy as np
import pytest

from training.arrays import RowArrays
from training.candidates import candidates
from training.graph import Calibration, Start
from training.models import spec_of
from training.native import AveragedModel

ROWS = 600
RNG = np.random.default_rng(3)
MATRIX = RNG.normal(size=(ROWS, 4)).astype(np.float32)
ASKED = np.datetime64("2024-01-01", "us") + np.arange(ROWS) * np.timedelta64(12, "h")
PRICES = np.exp(12 + MATRIX[:, 0] + np.abs(MATRIX[:, 1]) + RNG.normal(size=ROWS) / 5)


def rows_of(labels: np.ndarray) -> RowArrays:
    return RowArrays(MATRIX, labels, ASKED, ASKED + np.timedelta64(1, "D"), np.arange(ROWS))


@pytest.fixture(scope="module")
def of_prices():
    _, found = candidates(
        spec_of("property_value"), rows_of(PRICES), Calibration(1.0, (0.0,), Start(None, 3, 2.0, 1e5))
    )
    return {one.name: one for one in found}


def test_for_prices_the_mean_of_the_boosted_models_competes_too(of_prices):
    assert list(of_prices) == ["linear", "xgboost", "lightgbm", "xgboost and lightgbm"]
    mean = of_prices["xgboost and lightgbm"]
    assert isinstance(mean.native, AveragedModel)
    both = [of_prices[name].out_of_fold.scores for name in ("xgboost", "lightgbm")]
    np.testing.assert_allclose(mean.out_of_fold.scores, (both[0] + both[1]) / 2)


def test_classes_keep_to_one_library():
    _, found = candidates(
        spec_of("move_probability"), rows_of((np.median(PRICES) < PRICES).astype(float)), Calibration(1.0, (0.0,))
    )
    assert [one.name for one in found] == ["linear", "xgboost", "lightgbm"]
