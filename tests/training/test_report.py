"""What a model's page lists, without a training."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from training_evidence import ROWS, fitted_model

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
    columns = len(fitted.inputs.columns)
    zeros = np.zeros((columns, 1))
    fitted = replace(fitted, native=LinearModel(np.zeros(columns), np.ones(columns), zeros, zeros, np.zeros(1)))
    _, _, widths = report(fitted, []).partition("Half widths of 80 % intervals")
    for kind in ("estimate", "no estimate"):
        assert [
            span for span in ("0 to 2", "2 to 9", "9 to 15", "15 to 24") if f"<th>{kind}, {span} months" in widths
        ] == listed
