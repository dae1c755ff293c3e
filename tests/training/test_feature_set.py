"""A portfolio's features without labels: those of a training set at that moment."""

from __future__ import annotations

import duckdb
import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from typer.testing import CliRunner

from tidemark import app
from training.dataset import training_set
from training.feature_set import feature_set
from training.row_selection import TrainingSetError

pytestmark = pytest.mark.filterwarnings("ignore::ResourceWarning")


@pytest.fixture
def home(trained_home, monkeypatch):
    monkeypatch.setenv("TIDEMARK_HOME", str(trained_home))
    return trained_home


@pytest.mark.parametrize("name", ["move_probability", "property_value"])
def test_the_features_are_those_of_the_training_set_at_that_moment(home, name):
    rows = training_set(name, at_most=800, home=home)
    entity, extra = rows.spec.entity, rows.spec.label.extra
    portfolio = rows.table.select([entity, "event_timestamp", *extra])
    found = feature_set(name, entities=portfolio, home=home)
    assert found.unanswered == 0
    for column in rows.inputs:
        assert found.table[column].equals(rows.table[column]), column


def test_at_a_moment_everybody_with_features_is_there(home):
    found = feature_set("move_probability", at="2026-07-09T09:30", home=home)
    file = home / "features" / "behavioural" / "snapshot_on=2026-07-08" / "part.parquet"
    known = duckdb.execute("SELECT DISTINCT customer_id FROM read_parquet(?)", [str(file)]).fetchnumpy()["customer_id"]
    assert sorted(found.table["customer_id"].to_pylist()) == sorted(known.tolist())
    assert "label" not in found.table.column_names
    assert len(known) > 300


def test_a_moment_after_the_end_of_labels_is_answered(home):
    """No label of a sale within 180 days is settled by then: a training set has no such row."""
    with pytest.raises(TrainingSetError, match="none has a label that was settled"):
        training_set("move_probability", start="2026-07-01", home=home)
    assert len(feature_set("move_probability", at="2026-07-08", home=home).table) > 300


def test_whom_the_scorer_would_not_answer_is_left_out_and_counted(home):
    portfolio = pd.DataFrame({"customer_id": [1, 987_654_321]})
    found = feature_set("move_probability", at="2026-07-08", entities=portfolio, home=home)
    assert found.table["customer_id"].to_pylist() == [1]
    assert found.unanswered == 1


def test_own_columns_stay(home):
    portfolio = pd.DataFrame({"property_id": [1, 2], "months_ahead": [0.0, 12.0], "broker": ["a", "b"]})
    found = feature_set("property_value", at="2026-07-08", entities=portfolio, home=home).table
    assert found["broker"].to_pylist() == ["a", "b"]
    assert found["months_ahead"].to_pylist() == [0.0, 12.0]


HOMES = pa.table({"property_id": [1]})


@pytest.mark.parametrize(
    ("asked", "complaint"),
    [
        ({}, "expected a moment .* or entity rows, found neither"),
        ({"at": "2026-07-08"}, "expected months_ahead, which each request to the model gives"),
        ({"at": "2026-07-08", "entities": HOMES, "request": {"level": 1}}, "a request gives months_ahead, found level"),
        ({"entities": HOMES, "request": {"months_ahead": 1}}, "missing: event_timestamp"),
        ({"at": "2019-07-08", "request": {"months_ahead": 1}}, "no snapshot of property is published"),
        ({"at": "soon"}, "at: expected a day or a moment"),
    ],
)
def test_a_set_that_cannot_be_made_is_refused_in_words(home, asked, complaint):
    with pytest.raises(TrainingSetError, match=complaint):
        feature_set("property_value", home=home, **asked)


def test_the_command_line_writes_what_the_function_gives(home, tmp_path):
    (tmp_path / "portfolio.csv").write_text(
        "property_id,event_timestamp\n1,2026-07-08T09:00:00\n2,2026-07-08T09:00:00\n"
    )
    words = [
        "feature-set",
        "property_value",
        "--entities",
        str(tmp_path / "portfolio.csv"),
        "--request",
        "months_ahead=6",
    ]
    told = CliRunner().invoke(app, [*words, "--out", str(tmp_path / "out.parquet"), "--home", str(home)])
    assert told.exit_code == 0, told.output
    expected = feature_set(
        "property_value",
        at="2026-07-08T09:00",
        entities=pa.table({"property_id": [1, 2]}),
        request={"months_ahead": 6},
        home=home,
    )
    written = pq.read_table(tmp_path / "out.parquet")
    assert written.select(expected.spec.label.extra).equals(expected.table.select(expected.spec.label.extra))
    assert written["estimated_value"].equals(expected.table["estimated_value"])
    refused = CliRunner().invoke(app, [*words, "--out", str(tmp_path / "out.xlsx"), "--home", str(home)])
    assert "expected a name that ends in .parquet or .csv" in refused.output
