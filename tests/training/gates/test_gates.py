"""Each gate, where it passes, where it fails, and where it does not apply."""

from __future__ import annotations

from datetime import UTC, datetime

import numpy as np
import pyarrow as pa
import pytest
from training_evidence import LABELS, RNG, ROWS, fitted_model

from training.dataset import UNANSWERED
from training.gates import (
    Evidence,
    beats_baseline,
    calibrated_probability,
    calibrated_shares,
    covering_intervals,
    enough_positives,
    enough_rows,
    features_present,
    near_known_prices,
    no_target_leak,
    not_worse,
    unbiased_price,
    unbiased_probability,
    verdicts,
)
from training.population import Population

GOOD, BAD = np.where(LABELS == 1, 0.6, 0.2), np.where(LABELS == 1, 0.2, 0.4)
FIRST_HALF = np.arange(ROWS) < ROWS // 2
PRICES = np.exp(RNG.normal(size=ROWS) * 0.3) * 3e5
NOISE = np.exp(RNG.normal(size=ROWS) * 0.1)
WIDTH = 0.128  # holds 80 % of that noise
EMPTY = np.full(ROWS, np.nan)


def price(*, off=1.0, estimate=1.0, months=0.0, **more):
    return {
        "task": "price", "labels": PRICES, "answers": PRICES * NOISE * off, "baseline": np.median(PRICES),
        "half_width": WIDTH, "request": ("months_ahead",),
        "columns": {"estimate": np.full(ROWS, estimate), "months_ahead": np.full(ROWS, months)}, **more,
    }  # fmt: skip


CLASSES = {"task": "multiclass", "baseline": np.full((ROWS, 2), 0.5), "classes": ("A", "B")}
HALF_WITHOUT_ESTIMATE = {
    "estimate": np.where(FIRST_HALF, np.nan, PRICES),
    "months_ahead": np.zeros(ROWS),
}


@pytest.mark.parametrize(
    ("gate", "given", "outcome"),
    [
        (enough_rows, {}, "passed"),
        (enough_positives, {}, "passed"),
        (enough_positives, {"labels": np.eye(1, ROWS)[0]}, "failed"),
        (features_present, {}, "passed"),
        (features_present, {"left_out": {UNANSWERED: 300}}, "passed"),
        (features_present, {"left_out": {UNANSWERED: 99 * ROWS}}, "failed"),
        (features_present, {"columns": {"a": EMPTY}}, "failed"),
        # The pipeline stopped, and for the last quarter nothing is known.
        (features_present, {"columns": {"a": np.where(np.arange(ROWS) < 0.74 * ROWS, 1.0, np.nan)}}, "failed"),
        (features_present, {"columns": {"b": EMPTY}}, "passed"),
        (features_present, {"columns": {"b": EMPTY, "c": EMPTY}}, "failed"),
        (no_target_leak, {}, "passed"),
        (no_target_leak, {"columns": {"a": -LABELS}}, "failed"),
        (no_target_leak, {"columns": {"a": np.where(LABELS == 1, np.nan, 1)}}, "failed"),
        (beats_baseline, {"answers": GOOD}, "passed"),
        (beats_baseline, {"answers": BAD}, "failed"),
        (calibrated_probability, {"answers": 0.3}, "passed"),
        (calibrated_probability, {"answers": 0.5}, "failed"),
        (covering_intervals, price(), "passed"),
        (covering_intervals, price(half_width=0.05), "failed"),
        # Right on average, but too narrow for those without an estimate and too wide for the others.
        (covering_intervals, price(columns=HALF_WITHOUT_ESTIMATE), "passed"),
        (
            covering_intervals,
            price(answers=PRICES * NOISE ** np.where(FIRST_HALF, 2.0, 0.5), columns=HALF_WITHOUT_ESTIMATE),
            "failed",
        ),
        (unbiased_probability, {"answers": 0.3}, "passed"),
        (unbiased_probability, {"answers": 0.2}, "failed"),
        (unbiased_price, price(), "passed"),
        (unbiased_price, price(off=0.93), "failed"),
        (
            unbiased_price,
            price(answers=PRICES * NOISE * np.where(FIRST_HALF, 1.15, 0.87), columns=HALF_WITHOUT_ESTIMATE),
            "failed",
        ),
        (calibrated_shares, CLASSES | {"answers": np.tile([0.68, 0.32], (ROWS, 1))}, "passed"),
        (calibrated_shares, CLASSES | {"answers": np.tile([0.5, 0.5], (ROWS, 1))}, "failed"),
    ],
)  # fmt: skip
def test_a_gate_opens_for_the_good_alone(gate, given, outcome):
    verdict = gate.judge(Evidence(fitted_model(**given)))
    assert verdict.outcome == outcome, verdict.reason


@pytest.mark.parametrize(
    ("answers", "champion", "outcome"),
    [
        (0.3, None, "does not apply"),
        (GOOD, 0.3, "passed"),
        (0.3, 0.301, "passed"),
        (BAD, 0.3, "failed"),
        # its twin, worse in each row by what float32 leaves out
        (GOOD + np.where(LABELS == 1, -1e-8, 1e-8), GOOD, "passed"),
    ],
)
def test_a_challenger_is_held_against_the_champion(answers, champion, outcome):
    theirs = None if champion is None else np.broadcast_to(np.asarray(champion).reshape(-1, 1), (ROWS, 1))
    verdict = not_worse.judge(Evidence(fitted_model(answers=answers), theirs, "3"))
    assert verdict.outcome == outcome, verdict.reason


def test_a_failed_group_is_named_with_its_coverage():
    held = fitted_model(
        **price(answers=PRICES * NOISE ** np.where(FIRST_HALF, 2.0, 0.5), columns=HALF_WITHOUT_ESTIMATE)
    )
    assert "no estimate, 0 to 2 months ahead: 4" in covering_intervals.judge(Evidence(held)).reason


def test_a_champion_is_not_asked_about_what_it_was_trained_on():
    """It was trained until later: only rows after that compare what both have yet to see."""
    by_heart = np.where(LABELS == 1, 0.99, 0.01).reshape(-1, 1)
    seen = (np.arange(ROWS) < 1200).reshape(-1, 1)
    theirs = np.where(seen, np.nan, 0.3)
    verdict = not_worse.judge(Evidence(fitted_model(answers=GOOD), theirs, "3"))
    assert verdict.outcome == "passed"
    assert "on 800 rows that neither was trained on" in verdict.reason
    few = np.where(np.arange(ROWS).reshape(-1, 1) < 1800, np.nan, by_heart)
    assert not_worse.judge(Evidence(fitted_model(answers=GOOD), few, "3")).outcome == "does not apply"


def test_a_sure_loss_is_not_called_chance():
    assert "which is worse" in beats_baseline.judge(Evidence(fitted_model(answers=BAD))).reason


@pytest.mark.parametrize(
    ("ratios", "outcome"),
    [
        (np.full(29, 2.0), "does not apply"),
        (np.linspace(0.8, 1.3, 100), "passed"),
        (np.linspace(1.0, 1.5, 100), "failed"),
        (np.linspace(0.5, 1.0, 100), "failed"),
    ],
)
def test_homes_just_sold_are_worth_what_was_paid(ratios, outcome):
    population = Population(datetime(2025, 5, 1, tzinfo=UTC), pa.table({}), ratios, np.empty(0))
    verdict = near_known_prices.judge(Evidence(fitted_model(**price()), population=population))
    assert verdict.outcome == outcome, verdict.reason


def test_rows_of_ones_own_have_no_known_prices_to_be_near():
    assert near_known_prices.judge(Evidence(fitted_model(**price()))).outcome == "does not apply"


@pytest.mark.parametrize(
    "given",
    [{}, CLASSES | {"answers": np.tile([0.68, 0.32], (ROWS, 1))}, price()],
    ids=["binary", "multiclass", "price"],
)
def test_the_names_of_gates_are_known_before_there_is_a_verdict(given):
    fitted = fitted_model(**given)
    assert tuple(verdict.gate for verdict in verdicts(Evidence(fitted))) == fitted.spec.task.gate_names
