"""A portfolio's answers as columns, and what they rest on: a small real model over a table by hand."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime, timedelta

import numpy as np
import pyarrow as pa
import pytest

from training import artifact
from training.estimators import Linear
from training.feature_set import REASON, FeatureSet
from training.freshness import Freshness
from training.graph import Calibration, graph_of
from training.inputs import Input, Inputs
from training.models.property_value import SPEC as PROPERTY_VALUE
from training.offline_scores import PortfolioModel
from training.policy import WhenMissing
from training.row_selection import TrainingSetError
from training.tasks import BINARY

ROWS = np.random.default_rng(5).normal(size=(200, 2)).astype(np.float32)
CALIBRATION = Calibration(1.0, (0.0,))
WEEK_OLD, GO_ON = WhenMissing("last_known", timedelta(days=7)), WhenMissing("default")
POLICY = {"homes": WEEK_OLD, "streets": GO_ON}
CARD = artifact.Card(
    model="move_probability", question="?", task="binary", entity="property_id", service="s", contract="",
    estimator="linear", classes=("LOW", "HIGH"), thresholds=(0.5,), centre=(0.0,), metrics={}, baseline={}, coverage={},
    inputs=Inputs((Input("rooms", "homes", "number"), Input("months_ahead", "request", "number"))),
    when_missing={view: rule.document() for view, rule in POLICY.items()}, trained_until="", training_set={},
    ranges={"months_ahead": (0.0, 24.0)},
)  # fmt: skip
AT, DAY = datetime(2026, 7, 8, tzinfo=UTC), timedelta(days=1)
MOMENT = pa.timestamp("us", "UTC")


@pytest.fixture
def model(tmp_path):
    native = Linear().fit(ROWS, (ROWS[:, 0] > 0).astype(float), BINARY, 1, {})
    answers = CALIBRATION.applied(native.scores(ROWS[:20]), ROWS[:20], BINARY)
    artifact.write(tmp_path / "model", native, graph_of(native, CALIBRATION, BINARY, 2), CARD, ROWS[:20], answers)
    return PortfolioModel(PROPERTY_VALUE, "3", artifact.load(tmp_path / "model"))


def freshness(homes, streets):
    """Of homes 1, 2 and so on how many days old the values of two views are; both may be a day old."""
    moments = {
        view: pa.array([None if age is None else AT - age * DAY for age in ages], MOMENT)
        for view, ages in (("homes", homes), ("streets", streets))
    }
    ids = list(range(1, len(homes) + 1))
    rows = pa.table({"property_id": ids, "event_timestamp": pa.array([AT] * len(ids), MOMENT), **moments})
    return Freshness(rows, ("property_id",), dict.fromkeys(("homes", "streets"), DAY.total_seconds()), {})


def test_answers_are_columns_under_the_names_that_the_scorer_has(model):
    table = pa.table({"property_id": [1, 2], "rooms": [2.0, -2.0], "months_ahead": [1.0, 1.0]})
    known = freshness([1, 5], [0, 0])
    scored = model.scored(FeatureSet(PROPERTY_VALUE, table, known, table.slice(0, 0)))
    assert scored.column_names[3:] == [
        "model", "model_version", "predicted_value", "predicted_class", "confidence", "features_as_of_homes",
        "degraded", "predicted_at",
    ]  # fmt: skip
    high, low = scored.to_pylist()
    assert (high["model"], high["model_version"], high["predicted_class"]) == ("move_probability", "3", "HIGH")
    assert high["confidence"] == high["predicted_value"] > 0.5
    assert low["confidence"] == 1 - low["predicted_value"] > 0.5
    assert (high["degraded"], low["degraded"]) == ("", "homes: stale, 5.0 days old, used as last known")
    assert [row["features_as_of_homes"] for row in (high, low)] == [AT - DAY, AT - 5 * DAY]


def test_a_view_that_the_version_does_not_read_degrades_no_answer():
    known = freshness([0, 0], [3, None])
    assert known.degraded(POLICY, ["homes"]) == [[], []]
    assert known.degraded(POLICY, ["homes", "streets"]) == [
        ["streets: stale, 3.0 days old, taken as unknown"],
        ["streets: missing, taken as unknown"],
    ]


def test_why_a_row_is_left_out_is_said_as_the_scorer_says_it():
    assert freshness([None, 9, None], [None, 0, 0]).refusals(POLICY, "property_value") == [
        "no view knows property_id 1",
        "homes: stale, 9.0 days old, and property_value does not answer from that",
        "homes: missing, and property_value does not answer from that",
    ]


def test_of_several_keys_the_one_that_nobody_knows_is_named_as_the_scorer_names_it():
    known = freshness([None, 0], [0, 0])
    ids = pa.array([7, 8])
    rows = replace(
        known,
        rows=known.rows.append_column("street_id", ids),
        keys=("property_id", "street_id"),
        keys_of_views={"homes": ("property_id",), "streets": ("street_id",)},
    )
    assert rows.where(pa.array([True, False])).refusals(POLICY, "property_value") == ["no view knows property_id 1"]


def test_the_first_of_the_rows_that_are_left_out_are_named():
    rows = pa.table({"property_id": [1, 2, 3, 4], REASON: ["a", "b", "c", "d"]})
    of_four, of_three = (
        FeatureSet(PROPERTY_VALUE, rows, freshness([], []), rows.slice(0, count)).left_out_summary for count in (4, 3)
    )
    assert of_four == "property_id 1 (a), property_id 2 (b), property_id 3 (c), ..."
    assert of_three == "property_id 1 (a), property_id 2 (b), property_id 3 (c)"


def test_a_text_where_a_request_gives_a_number_is_refused_in_words(model):
    rows = pa.table({"property_id": [1], "months_ahead": ["soon"]})
    with pytest.raises(TrainingSetError, match="months_ahead: expected numbers, found string"):
        model.require_answerable(rows)


def test_a_request_beyond_the_trained_range_is_refused(model):
    model.require_answerable(pa.table({"property_id": [1], "months_ahead": [25.0]}))
    with pytest.raises(TrainingSetError, match=r"version 3 was trained with months_ahead up to 24\.0, found 25\.1"):
        model.require_answerable(pa.table({"property_id": [1], "months_ahead": [25.1]}))


@pytest.mark.parametrize("taken", ["predicted_value", "degraded", "features_as_of_homes"])
def test_own_columns_that_answers_have_as_well_are_refused(model, taken):
    rows = pa.table({"property_id": [1], "months_ahead": [1.0], taken: ["x"]})
    with pytest.raises(TrainingSetError, match=f"the entity rows have {taken}, which answers have as well"):
        model.require_answerable(rows)
