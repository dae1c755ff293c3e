from __future__ import annotations

import numpy as np
from training_evidence import LABELS, ROWS, fitted_model

from training.breakdown import breakdown, quarters
from training.caveats import caveats, trained_ranges

PRICES = np.full(ROWS, 100.0)


def priced(months, train=None):
    columns = {"estimate": PRICES, "months_ahead": months}
    return fitted_model(
        task="price",
        labels=PRICES,
        answers=PRICES,
        baseline=PRICES,
        columns=columns,
        request=("months_ahead",),
        train=train,
    )


def test_a_range_ends_where_training_rows_become_few():
    months = np.where(np.arange(ROWS) < 5, 24.0, np.linspace(0, 12, ROWS))
    assert 11.5 < trained_ranges(priced(months))["months_ahead"][1] <= 12.0


def test_a_part_of_the_range_that_no_test_row_reaches_is_named():
    assert not any("cross-validation" in caveat for caveat in caveats(priced(np.linspace(0, 24, ROWS))))
    trained = np.arange(ROWS) < 1000
    fitted = priced(np.where(trained, 24.0, 6.0), train=trained)
    object.__setattr__(fitted.split, "test", ~trained)
    assert any("tested up to 6.0, beyond which only cross-validation" in caveat for caveat in caveats(fitted))


def test_classes_that_are_never_chosen_are_named():
    answers = np.tile([0.6, 0.4], (ROWS, 1))
    fitted = fitted_model(task="multiclass", answers=answers, baseline=answers, classes=("SELL", "BUY"))
    assert any(caveat.startswith("BUY: the most probable class is hardly ever") for caveat in caveats(fitted))


def test_results_are_told_by_quarter_of_the_test_span():
    worse = np.where(np.arange(ROWS) < 1500, 0.3, 0.9)
    found = [group.figures["calibration_error"] for group in quarters(fitted_model(answers=worse))]
    assert len(found) == 4
    assert found[3] > 0.5 > max(found[:3])
    assert sum(group.rows for group in quarters(fitted_model())) == len(LABELS)
    assert "quarter of the test span" in breakdown(fitted_model())
