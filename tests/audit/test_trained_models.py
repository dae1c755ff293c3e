"""What trained models answer, beside labels recomputed from the raw tables: calibration, and coverage by group.

Tolerances follow from the number of entities in a group, since the weeks of one customer, or the moments before one sale,
are one observation: so many standard errors, and a margin for what changes between training and test.
"""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest
from audit.conftest import START
from audit.groups import SPANS, answers_of, clustered_error, coverage_by_group, fitted_on, half_widths
from audit.recompute import MOMENT, RawFacts, contact_timing, move_probability, next_sale

from training.dataset import training_set

pytestmark = pytest.mark.filterwarnings("ignore::ResourceWarning")

ERRORS, DRIFT = 4, 0.05


ENOUGH = 6000
"""Rows to train on: thinned, to be quick."""


@pytest.fixture(scope="module")
def trained(audited_home):
    """A model of the audited home."""

    def train_once(model: str):
        with pytest.MonkeyPatch.context() as patch:
            patch.setenv("TIDEMARK_HOME", str(audited_home))
            return fitted_on(training_set(model, start=START, at_most=ENOUGH, home=audited_home))

    return train_once


@pytest.mark.parametrize(
    ("model", "recomputed"), [("move_probability", move_probability), ("contact_timing", contact_timing)]
)
def test_probabilities_mean_what_they_say(audited_home, trained, model, recomputed):
    answers = answers_of(trained(model), "customer_id").rename(columns={"answer": "probability"})
    rows = answers.merge(recomputed(RawFacts(audited_home), START), on=["customer_id", MOMENT], how="left")
    assert rows["label"].notna().all(), f"{rows['label'].isna().sum()} of {len(rows)} test rows are none of ours"
    third = pd.qcut(rows["probability"].rank(method="first"), 3, labels=["low", "middle", "high"])
    for name, group in [("all", rows), *rows.groupby(third, observed=True)]:
        off = group["label"] - group["probability"]
        allowed = ERRORS * clustered_error(off, group["customer_id"]) + 0.2 * group["probability"].mean()
        assert abs(off.mean()) <= allowed, (
            f"{name}: {group['probability'].mean():.3f} answered, {group['label'].mean():.3f} occurred in {len(group)} rows"
        )


def test_intervals_of_homes_cover_by_group_and_widen_with_time(audited_home, trained):
    fitted = trained("property_value")
    rows = answers_of(fitted, "property_id")
    sold = next_sale(RawFacts(audited_home), rows)
    found = coverage_by_group(fitted, rows.assign(price=sold["high"]), level=0.8)
    print(found.to_string())
    assert found["homes"].sum() > 30
    for row in found[found["homes"] >= 15].itertuples():
        allowed = ERRORS * np.sqrt(0.8 * 0.2 / row.homes) + DRIFT
        assert abs(row.covered - 0.8) <= allowed, f"\n{found.to_string()}"
    for kind, widths in half_widths(fitted, 0.8).items():
        assert (np.diff(widths) >= 0).all(), f"{kind}, {SPANS}: {widths}"
