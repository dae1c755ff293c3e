"""What a model's page lists, without a training."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from training_evidence import ROWS, fitted_model

from training.fit import Fitted
from training.native import LinearModel
from training.report import report

PRICES = np.full(ROWS, 100.0)


@pytest.mark.parametrize(
    ("farthest", "listed"),
    [
        (24.0, ["0 to 2", "2 to 9", "9 to 15", "15 to 24"]),
        (14.5, ["0 to 2", "2 to 9", "9 to 15", "15 to 24"]),  # a request may reach a month beyond
        (12.0, ["0 to 2", "2 to 9", "9 to 15"]),
        (6.0, ["0 to 2", "2 to 9"]),
        (0.0, ["0 to 2"]),
    ],
)
def test_half_widths_are_listed_as_far_as_is_answered(farthest, listed):
    fitted = fitted_model(
        task="price", labels=PRICES, answers=PRICES, baseline=PRICES, request=("months_ahead",),
        columns={"estimate": PRICES, "months_ahead": np.linspace(0, farthest, ROWS).clip(0, max(farthest - 0.01, 0))},
    )  # fmt: skip
    _, _, widths = report(scoring(fitted), []).partition("Half widths of 80 % intervals")
    for kind in ("estimate", "no estimate"):
        assert [
            span for span in ("0 to 2", "2 to 9", "9 to 15", "15 to 24") if f"<th>{kind}, {span} months" in widths
        ] == listed


def test_the_page_says_on_which_rows_it_was_measured_what_moves_the_model():
    tested = np.arange(ROWS) >= 1500
    page = report(scoring(fitted_model(train=~tested, test=tested)), [])
    assert "measured on 500 of the 500 test rows" in page
    assert "measured on 500 of the 2,000 test rows" in report(scoring(fitted_model()), [])


def scoring(fitted: Fitted) -> Fitted:
    """The same with something that scores: always 0."""
    columns = len(fitted.inputs.columns)
    zeros = np.zeros((columns, 1))
    return replace(fitted, native=LinearModel(np.zeros(columns), np.ones(columns), zeros, zeros, np.zeros(1)))
