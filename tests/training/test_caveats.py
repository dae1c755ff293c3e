from __future__ import annotations

from datetime import UTC, datetime

import numpy as np
import pyarrow as pa
import pytest
from training_evidence import LABELS, ROWS, fitted_model

from training.breakdown import breakdown, quarters
from training.caveats import caveats, rarely_known, trained_ranges
from training.population import Population

PRICES = np.full(ROWS, 100.0)


def priced(months, train=None, test=None):
    columns = {"estimate": PRICES, "months_ahead": months}
    return fitted_model(
        task="price",
        labels=PRICES,
        answers=PRICES,
        baseline=PRICES,
        columns=columns,
        request=("months_ahead",),
        train=train,
        test=test,
    )


def test_a_range_ends_where_training_rows_become_few():
    months = np.where(np.arange(ROWS) < 5, 24.0, np.linspace(0, 12, ROWS))
    assert 11.5 < trained_ranges(priced(months))["months_ahead"][1] <= 12.0


def test_a_part_of_the_range_that_no_test_row_reaches_is_named():
    assert not any("cross-validation" in caveat for caveat in caveats(priced(np.linspace(0, 24, ROWS))))
    trained = np.arange(ROWS) < 1000
    fitted = priced(np.where(trained, 24.0, 6.0), train=trained, test=~trained)
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


def test_a_kind_of_which_the_test_has_hardly_any_is_named():
    estimate = np.where(np.arange(ROWS) < 60, PRICES, np.nan)
    fitted = fitted_model(
        task="price", labels=PRICES, answers=PRICES, baseline=PRICES, request=("months_ahead",),
        columns={"estimate": estimate, "months_ahead": np.zeros(ROWS)},
    )  # fmt: skip
    assert any(caveat.startswith("estimate: 3.0% of the test rows") for caveat in caveats(fitted))


def test_kinds_of_price_are_no_concern_of_a_probability():
    assert not any("estimate" in caveat for caveat in caveats(fitted_model()))


NOW = datetime(2025, 5, 1, tzinfo=UTC)
NONE = np.empty(0)


def test_an_input_that_everybody_has_and_the_test_lacks_is_named():
    """Homes that were sold once have an estimate; those that test a model are the few that were sold again."""
    untold = np.where(np.arange(ROWS) < 40, 1.0, np.nan)
    fitted = fitted_model(columns={"sold": untold, "rooms": np.ones(ROWS)})
    known = np.ones(50)
    others = Population(NOW, pa.table({"a": known, "sold": known, "rooms": known}), NONE, NONE)
    same = Population(NOW, pa.table({"a": known, "sold": pa.nulls(50, pa.float64()), "rooms": known}), NONE, NONE)
    assert [caveat for caveat in caveats(fitted, others) if caveat.startswith("sold is known of 2% of the test rows")]
    assert not any("is known of" in caveat for caveat in caveats(fitted, same))


def test_the_input_that_everybody_has_and_hardly_a_test_row_is_kept_with_the_version():
    """So that each answer for such an entity says so itself."""
    untold = np.where(np.arange(ROWS) < 40, 1.0, np.nan)
    fitted = fitted_model(columns={"sold": untold, "rooms": np.ones(ROWS)})
    everybody = Population(NOW, pa.table({name: np.ones(50) for name in ("a", "sold", "rooms")}), NONE, NONE)
    assert rarely_known(fitted, everybody) == {"sold": pytest.approx(0.02)}
    assert rarely_known(fitted, None) == {}


def test_answers_far_from_estimates_are_named():
    fitted, nobody = priced(np.zeros(ROWS)), pa.table({})
    off = caveats(fitted, Population(NOW, nobody, NONE, np.full(40, 1.15)))
    assert any("40 entities with an estimate at 2025-05-01" in caveat and "is 1.15" in caveat for caveat in off)


def test_answers_far_from_prices_just_paid_are_named():
    fitted, nobody = priced(np.zeros(ROWS)), pa.table({})
    assert any("is 1.10" in caveat for caveat in caveats(fitted, Population(NOW, nobody, np.full(40, 1.1), NONE)))
    assert not any(
        "just become known" in caveat for caveat in caveats(fitted, Population(NOW, nobody, np.ones(40), NONE))
    )


def test_a_bias_that_has_grown_by_the_end_is_named():
    answers = PRICES * np.linspace(1.0, 0.9, ROWS)
    fitted = fitted_model(
        task="price", labels=PRICES, answers=answers, baseline=PRICES, request=("months_ahead",),
        columns={"estimate": PRICES, "months_ahead": np.zeros(ROWS)},
    )  # fmt: skip
    assert any("in the last quarter of the test" in caveat for caveat in caveats(fitted))
    assert not any("last quarter" in caveat for caveat in caveats(priced(np.zeros(ROWS))))


def test_a_region_whose_values_are_off_is_named_with_its_ratio_and_rows():
    region = np.where(np.arange(ROWS) < 400, 7, 8)

    def caveats_with(ratio_of_region_7):
        return caveats(
            fitted_model(
                task="price", labels=PRICES, answers=np.where(region == 7, ratio_of_region_7, 1.0) * PRICES,
                baseline=PRICES, request=("months_ahead",),
                columns={"estimate": PRICES, "months_ahead": np.zeros(ROWS), "region_id": region},
            )
        )  # fmt: skip

    assert "regions whose median of value to price is off by over 10%: 7 (0.85 of 400)" in caveats_with(0.85)
    assert "regions whose median of value to price is off by over 10%: 7 (1.12 of 400)" in caveats_with(1.12)
    assert not any(caveat.startswith("regions") for caveat in caveats_with(0.95))


@pytest.mark.parametrize(
    ("covered", "homes", "caveat"),
    [
        (0.60, 400, "by region: 7 (60% of 400 rows)"),
        (1.00, 400, "by region: 7 (100% of 400 rows)"),
        (0.70, 400, None),
        (0.60, 40, None),  # chance
        (0.50, 40, "by region: 7 (50% of 40 rows)"),
    ],
)
def test_a_region_whose_intervals_hold_too_few_or_too_many_prices_is_named(covered, homes, caveat):
    place = np.arange(ROWS)
    region = np.where(place % (ROWS // homes) == 0, 7, 8)
    share = np.where(region == 7, covered, 0.8)
    # Of each region so many rows are exact, and the others lie beyond the interval.
    of_region = np.where(region == 7, np.cumsum(region == 7), np.cumsum(region == 8)) - 1
    answers = PRICES * np.where(of_region % 10 < np.round(10 * share), 1.0, 1.2)
    found = caveats(
        fitted_model(
            task="price", labels=PRICES, answers=answers, baseline=PRICES, request=("months_ahead",),
            columns={"estimate": PRICES, "months_ahead": np.zeros(ROWS), "region_id": region},
        )
    )  # fmt: skip
    expected = [f"intervals of 80% hold fewer or more prices, beyond chance, {caveat}"] if caveat else []
    assert [each for each in found if each.startswith("intervals of 80%")] == expected
