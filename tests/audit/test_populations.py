"""Who is in a training set, and what became of each, beside a recomputation from the raw tables."""

from __future__ import annotations

from datetime import UTC, datetime

import pandas as pd
import pytest
from audit.conftest import CUSTOMER_VIEWS, START
from audit.recompute import (
    DAY,
    KINDS,
    LONGEST,
    MOMENT,
    MONTH,
    RawFacts,
    contact_timing,
    known,
    move_probability,
    next_sale,
    promised_since,
    transaction_type,
    utc,
)

from training.models import spec_of

CUT_OFF = datetime(2025, 9, 3, tzinfo=UTC)
"""In the midst of the corrections: those that became known later count for nothing."""
RECOMPUTED = {
    "move_probability": move_probability,
    "transaction_type": transaction_type,
    "contact_timing": contact_timing,
}
READS = {"contact_timing": ("behavioural",)}


def key_of(model: str) -> list[str]:
    return [*spec_of(model).join_keys, MOMENT]


def compared(facts: RawFacts, model: str, rows: pd.DataFrame) -> pd.DataFrame:
    """The platform's rows beside ours; the column `where` tells who has them."""
    ours = RECOMPUTED[model](facts, START)
    # Who was known, but of whom no snapshot had been promised, cannot be asked about: the scorer answers 404.
    ours = known(ours, "customer_id", promised_since(facts.home, READS.get(model, CUSTOMER_VIEWS), "customer_id"))
    key = key_of(model)
    return ours.merge(
        rows[[*key, "label"]].drop_duplicates(key), on=key, how="outer", suffixes=("", "_theirs"), indicator="where"
    )


def told(rows: pd.DataFrame, of: int) -> str:
    """Some rows, for whoever has to find out why."""
    return f"{len(rows)} of {of}, base rate {rows['label'].mean():.3f}:\n{rows.head(10).to_string()}"


@pytest.fixture(scope="module", params=[None, CUT_OFF], ids=["all known", "known by a cut-off"])
def known_at(request):
    return request.param


@pytest.fixture
def beside(audited_home, training_rows, known_at):
    return lambda model: compared(RawFacts(audited_home, known_at), model, training_rows(model, known_at=known_at))


@pytest.mark.parametrize("model", RECOMPUTED)
def test_nobody_who_was_known_at_the_moment_is_missing(beside, model):
    rows = beside(model)
    missing = rows[rows["where"] == "left_only"]
    assert missing.empty, f"missing {told(missing, len(rows))}"


@pytest.mark.parametrize("model", RECOMPUTED)
def test_nobody_is_there_who_was_not_known_or_whose_window_is_not_over(beside, model):
    rows = beside(model)
    further = rows[rows["where"] == "right_only"]
    assert further.empty, f"too many {told(further, len(rows))}"


@pytest.mark.parametrize("model", RECOMPUTED)
def test_what_became_of_each_is_what_the_newest_facts_say(beside, model):
    rows = beside(model).query("where == 'both'")
    wrong = rows[rows["label"] != rows["label_theirs"]]
    assert len(rows) > 300
    assert wrong.empty, f"wrong {told(wrong, len(rows))}"


@pytest.mark.parametrize("model", [*RECOMPUTED, "property_value"])
def test_no_entity_stands_twice_at_a_moment(training_rows, known_at, model):
    rows = training_rows(model, known_at=known_at)
    twice = rows[rows.duplicated(key_of(model), keep=False)]
    assert twice.empty, f"{len(twice)} rows:\n{twice[[*key_of(model), 'label']].head(10)}"


def test_kinds_of_deals_are_numbered_as_recomputed():
    assert spec_of("transaction_type").classes == KINDS


def test_homes_are_known_at_the_moment_and_labelled_with_their_next_sale(audited_home, training_rows, known_at):
    facts = RawFacts(audited_home, known_at)
    rows = training_rows("property_value", known_at=known_at)
    early = rows[rows["property_id"].map(facts.homes_since) > rows[MOMENT]]
    assert early.empty, f"not yet known:\n{early[['property_id', MOMENT]]}"
    unseen = rows[rows["property_id"].map(promised_since(facts.home, ("property",), "property_id")) > rows[MOMENT]]
    assert unseen.empty, f"without any snapshot:\n{unseen[['property_id', MOMENT]]}"
    sold = next_sale(facts, rows)
    wrong = rows[
        ((sold["low"] != rows["label"]) & (sold["high"] != rows["label"])) | (sold["sold_at"] != rows["label_until"])
    ]
    assert wrong.empty, f"{len(wrong)} wrong:\n{wrong[['property_id', MOMENT, 'label', 'label_until']].head(10)}"
    ahead = sold["sold_at"] - rows[MOMENT]
    assert ahead.max() <= LONGEST
    assert (ahead / MONTH - rows["months_ahead"]).abs().max() < 0.05


def test_every_home_known_stands_as_long_before_its_sale_as_others_do(audited_home, training_rows, known_at):
    """How long before a sale rows stand, to the day, is the model's affair; that every known home does so is not."""
    facts = RawFacts(audited_home, known_at)
    rows = training_rows("property_value", known_at=known_at)
    before = (rows["label_until"] - rows[MOMENT]).dt.round("D")
    usual = before.value_counts().loc[lambda count: count > 0.03 * len(rows)].index
    assert len(usual) >= 3
    expected = pd.concat([facts.sales.assign(**{MOMENT: facts.sales["sold_at"] - span}) for span in usual])
    least = expected[MOMENT] - 2 * DAY
    expected = expected[
        (least >= utc(START))
        & (least >= expected["property_id"].map(facts.homes_since))
        & (least >= expected["property_id"].map(promised_since(facts.home, ("property",), "property_id")))
    ]
    # A home that was sold in between stands before that sale.
    first = next_sale(facts, expected.assign(**{MOMENT: expected[MOMENT] - 2 * DAY}).reset_index(drop=True))["sold_at"]
    expected = expected[first.to_numpy() == expected["sold_at"].to_numpy()].reset_index(names="sale")
    theirs = rows[["property_id", "label_until", MOMENT]].rename(columns={"label_until": "sold_at"})
    pairs = expected.merge(theirs, on=["property_id", "sold_at"], how="left", suffixes=("", "_theirs"))
    near = (pairs[MOMENT] - pairs[f"{MOMENT}_theirs"]).abs() <= 2 * DAY
    found = near.groupby([pairs["sale"], pairs[MOMENT]]).any()
    assert len(found) > 200
    assert found.all(), f"{(~found).sum()} of {len(found)} missing:\n{found[~found].head(10)}"


@pytest.mark.parametrize("span", [(0, 1), (2, 9), (9, 15), (15, 23), (23, 24.01)], ids=str)
def test_homes_are_trained_for_every_month_that_is_answered(training_rows, span):
    ahead = training_rows("property_value")["months_ahead"]
    assert ahead.between(*span).mean() > 0, f"from {ahead.min():.2f} to {ahead.max():.2f} months"


def test_the_farthest_months_can_be_trained_where_the_test_begins_late_enough(training_rows):
    """Of a span of 930 days no split leaves 24 months to train and 24 to test; what is settled in time is there."""
    rows = training_rows("property_value")
    settled = rows[rows["label_until"] <= utc("2026-05-01")]
    assert (settled["months_ahead"] > 23).sum() >= 3
    assert (rows[MOMENT] >= utc("2026-05-01")).sum() >= 3
