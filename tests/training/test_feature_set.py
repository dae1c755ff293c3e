"""A portfolio's features without labels: those of a training set at that moment."""

from __future__ import annotations

from datetime import UTC, datetime

import duckdb
import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from typer.testing import CliRunner

from tidemark import app
from training.dataset import training_set
from training.feature_set import REASON, feature_set
from training.row_selection import TrainingSetError

pytestmark = pytest.mark.filterwarnings("ignore::ResourceWarning")


@pytest.fixture
def home(trained_home, monkeypatch):
    monkeypatch.setenv("TIDEMARK_HOME", str(trained_home))
    return trained_home


@pytest.mark.parametrize("name", ["move_probability", "property_value"])
def test_the_features_are_those_of_the_training_set_at_that_moment(home, name):
    rows = training_set(name, at_most=800, home=home)
    entity, extra = rows.spec.join_keys[0], rows.spec.label.extra
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


def test_whom_the_scorer_would_not_answer_is_left_out_and_named(home):
    portfolio = pd.DataFrame({"customer_id": [987_654_321, 1], "list": ["a", "b"]})
    found = feature_set("move_probability", at="2026-07-08", entities=portfolio, home=home)
    assert found.table["customer_id"].to_pylist() == [1]
    assert found.left_out.select(["customer_id", "list", REASON]).to_pylist() == [
        {"customer_id": 987_654_321, "list": "a", REASON: "no view knows customer_id 987654321"}
    ]
    assert found.left_out_summary == "customer_id 987654321 (no view knows customer_id 987654321)"


def test_rows_stay_in_the_order_in_which_they_were_given(home):
    moments = [datetime(2026, 7, day, tzinfo=UTC) for day in (8, 6, 7, 8)]
    portfolio = pa.table({"customer_id": [9, 12, 3, 1], "event_timestamp": moments})
    found = feature_set("move_probability", entities=portfolio, home=home).table
    assert found["customer_id"].to_pylist() == [9, 12, 3, 1]
    assert found["event_timestamp"].to_pylist() == moments
    alone = feature_set("move_probability", entities=portfolio.slice(1, 1), home=home).table
    assert found.slice(1, 1).to_pylist() == alone.to_pylist()


def test_an_entity_may_stand_in_several_rows(home):
    portfolio = pa.table({"property_id": [1, 1, 1], "months_ahead": [12.0, 0.0, 12.0]})
    found = feature_set("property_value", at="2026-07-08", entities=portfolio, home=home).table
    assert found["months_ahead"].to_pylist() == [12.0, 0.0, 12.0]


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
        ({"at": "2019-07-08", "request": {"months_ahead": 1}}, "no snapshot of property, location is published"),
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


def test_the_command_line_names_the_rows_that_it_leaves_out_and_writes_them_beside_the_others(home, tmp_path):
    (tmp_path / "portfolio.csv").write_text(
        "customer_id,list\n987654321,a\n2,b\n987654322,c\n1,d\n987654323,e\n987654324,f\n"
    )
    words = ["feature-set", "move_probability", "--at", "2026-07-08", "--home", str(home)]
    asked = ["--entities", str(tmp_path / "portfolio.csv"), "--out", str(tmp_path / "out.csv")]
    run = CliRunner().invoke(app, [*words, *asked])
    assert run.exit_code == 0, run.output
    assert "4 rows left out, as the scorer would not answer: customer_id 987654321 (no view knows" in run.output
    assert "customer_id 987654323 (no view knows customer_id 987654323), ..." in run.output
    beside = tmp_path / "out.left-out.csv"
    assert str(beside) in run.output
    assert pd.read_csv(tmp_path / "out.csv")["list"].tolist() == ["b", "d"]
    assert pd.read_csv(beside)["list"].tolist() == ["a", "c", "e", "f"]
    (tmp_path / "portfolio.csv").write_text("customer_id\n1\n")
    run = CliRunner().invoke(app, [*words, *asked])
    assert "1 row, " in run.output
    assert not beside.exists()


def test_a_portfolio_of_which_nothing_is_known_is_refused_with_the_reason(home, tmp_path):
    (tmp_path / "portfolio.csv").write_text("customer_id\n987654321\n")
    words = ["feature-set", "move_probability", "--at", "2026-07-08", "--out", str(tmp_path / "out.csv")]
    run = CliRunner().invoke(app, [*words, "--entities", str(tmp_path / "portfolio.csv"), "--home", str(home)])
    assert run.exit_code == 2
    assert "none of 1 row has features by then" in run.output
    assert "customer_id 987654321 (no view knows customer_id 987654321)" in run.output
    assert not list(tmp_path.glob("out*"))
