"""Inputs that cannot be learned from the training rows are left out of a training."""

from __future__ import annotations

import numpy as np
import pyarrow as pa
import pytest

from training.inputs import Input, Inputs
from training.learnable import has_seasons, of_the_few, seasonal
from training.models import spec_of

SPEC = spec_of("property_value")
INPUTS = Inputs(
    (
        Input("last_sale_price", "property", "number"),
        Input("living_area_sqft", "property", "number"),
        Input("property_kind", "property", "category", ("house",)),
        Input("month_of_year", "temporal", "number"),
        Input("months_ahead", "request", "number"),
    )
)


def rows(known: int, of: int = 100) -> pa.Table:
    """So many of the rows know what follows from a sale; nobody knows the area, nor the kind."""
    prices = [1.0] * known + [None] * (of - known)
    nothing = pa.nulls(of, pa.float64())
    return pa.table(
        {
            "last_sale_price": pa.array(prices, pa.float64()), "living_area_sqft": nothing,
            "property_kind": pa.nulls(of, pa.string()), "month_of_year": [1.0] * of, "months_ahead": [0.0] * of,
        }
    )  # fmt: skip


@pytest.mark.parametrize(
    ("of_rows", "of_everybody", "left_out"),
    [(2, 100, {"last_sale_price": 0.02}), (10, 100, {}), (9, 58, {}), (9, 60, {"last_sale_price": 0.09}), (0, 0, {})],
)
def test_what_few_rows_know_and_nearly_everybody_is_left_out(of_rows, of_everybody, left_out):
    found = of_the_few(SPEC, INPUTS, rows(of_rows), rows(of_everybody))
    assert found == pytest.approx(left_out)


def test_what_prices_are_counted_by_and_categories_stay(monkeypatch):
    everybody = rows(100).set_column(1, "living_area_sqft", pa.array([1.0] * 100))
    assert of_the_few(SPEC, INPUTS, rows(100), everybody) == {}


def test_with_nobody_to_compare_with_everything_stays():
    assert of_the_few(SPEC, INPUTS, rows(2), None) == {}


def test_a_season_needs_to_be_seen_twice():
    year = np.array(["2024-01-01", "2025-01-01"], "datetime64[us]")
    two = np.array(["2024-01-01", "2026-01-01"], "datetime64[us]")
    assert (has_seasons(year), has_seasons(two)) == (False, True)
    assert seasonal(SPEC, INPUTS, year) == ["month_of_year"]
    assert seasonal(SPEC, INPUTS, two) == []
