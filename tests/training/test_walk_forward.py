"""Each span is answered by a model that could have been trained before it began."""

from __future__ import annotations

import json
from dataclasses import replace
from datetime import UTC, datetime

import numpy as np
import pytest
from typer.testing import CliRunner

from tidemark import app
from training import evaluation_page, evaluations
from training.dataset import training_set
from training.periods import PeriodError, period
from training.walk_forward import Span, WalkForwardError, first_start, spans_of, walk_forward

pytestmark = pytest.mark.filterwarnings("ignore::ResourceWarning")

JANUARY, APRIL, JUNE = (datetime(2025, month, 1, tzinfo=UTC) for month in (1, 4, 6))


def moments(*days: str) -> np.ndarray:
    return np.array(days, "datetime64[us]")


@pytest.mark.parametrize(
    ("asked", "settled", "train_from", "trained", "tested"),
    [
        ("2024-06-01", "2024-12-01", None, True, False),
        ("2024-06-01", "2025-01-01", None, True, False),  # settled at the very moment
        ("2024-12-01", "2025-01-02", None, False, False),  # asked before, settled within: neither
        ("2024-06-01", "2024-12-01", APRIL.replace(year=2024), True, False),
        ("2024-03-01", "2024-12-01", APRIL.replace(year=2024), False, False),  # before the window
        ("2025-01-01", "2025-07-01", None, False, True),
        ("2025-04-01", "2025-04-02", None, False, False),  # the next span's
    ],
)
def test_a_row_trains_if_it_was_settled_before_the_span_and_tests_if_it_stands_within(
    asked, settled, train_from, trained, tested
):
    span = Span(JANUARY, APRIL, train_from)
    assert span.train_rows(moments(asked), moments(settled)).tolist() == [trained]
    assert span.test_rows(moments(asked)).tolist() == [tested]


def test_spans_follow_each_other_and_the_last_ends_with_the_rows():
    spans = list(spans_of(JANUARY, JUNE, period("3M"), period("1y")))
    assert [(span.start, span.end) for span in spans] == [(JANUARY, APRIL), (APRIL, JUNE)]
    assert [span.train_from for span in spans] == [JANUARY.replace(year=2024), APRIL.replace(year=2024)]


def test_the_first_span_begins_once_half_of_what_can_be_trained_on_is_settled():
    asked = moments("2024-01-01", "2024-02-01", "2024-03-01", "2024-04-01", "2024-06-01")
    settled = asked + np.timedelta64(10, "D")
    assert first_start(asked, settled, period("3M")) == datetime(2024, 4, 1, tzinfo=UTC)
    assert first_start(asked, settled, period("30d")) == datetime(2024, 3, 11, tzinfo=UTC)


def test_without_a_settled_row_nothing_can_be_evaluated():
    asked = moments("2024-01-01", "2024-02-01")
    with pytest.raises(WalkForwardError, match=r"365 days after the first was asked\. Nothing can be trained on"):
        first_start(asked, asked + np.timedelta64(365, "D"), period("3M"))


@pytest.fixture(scope="module")
def rows(trained_home):
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("TIDEMARK_HOME", str(trained_home))
        yield training_set("contact_timing", at_most=2500, home=trained_home)


@pytest.fixture(scope="module")
def evaluation(trained_home, rows):
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("TIDEMARK_HOME", str(trained_home))
        yield walk_forward("contact_timing", rows=rows, start="2025-10-01", every="3M", window="12M", home=trained_home)


def test_the_training_rows_of_each_span_are_those_of_an_independent_count(rows, evaluation):
    frame = rows.to_pandas()
    assert len(evaluation.spans) == 4
    for span in evaluation.spans:
        start, end = (datetime.fromisoformat(text) for text in (span.start, span.end))
        train = frame[
            (frame["label_until"] <= start) & (frame["event_timestamp"] >= start.replace(year=start.year - 1))
        ]
        test = frame[(frame["event_timestamp"] >= start) & (frame["event_timestamp"] < end)]
        assert (span.train_rows, span.test_rows) == (len(train), len(test))
        assert np.datetime64(span.settled_until) <= np.datetime64(start.replace(tzinfo=None))
        assert span.figures["retrained"]["base_rate"] == pytest.approx(test["label"].mean())


def test_the_first_span_has_one_model_and_the_later_ones_two(evaluation):
    first, *later = evaluation.spans
    assert first.figures["retrained"] == first.figures["trained once"]
    assert all(span.figures["retrained"]["loss"] != span.figures["trained once"]["loss"] for span in later)
    mean, low, high = evaluation.gain
    assert low <= mean <= high
    rows = [span.test_rows for span in later]
    differences = [span.figures["trained once"]["loss"] - span.figures["retrained"]["loss"] for span in later]
    assert mean == pytest.approx(np.average(differences, weights=rows))


def test_an_evaluation_is_kept_as_json_and_read_again(evaluation, tmp_path):
    broken = replace(evaluation, overall={**evaluation.overall, "baseline": {"bias": float("nan")}})
    stored = json.loads(evaluations.keep(broken, tmp_path).read_text())
    assert stored["overall"]["baseline"]["bias"] is None
    read = evaluations.kept(tmp_path, "contact_timing")
    assert read.spans == evaluation.spans
    assert np.isnan(read.overall["baseline"]["bias"])
    assert evaluations.kept(tmp_path, "property_value") is None


def test_the_page_shows_the_newest_evaluation_alone(evaluation, tmp_path):
    file = tmp_path / "report.html"
    file.write_text("<html><body><h1>before</h1></body></html>")
    assert evaluation_page.show_on(file, replace(evaluation, window="24M"), evaluation.inputs)
    assert evaluation_page.show_on(file, evaluation, evaluation.inputs)
    page = file.read_text()
    assert page.count("Walk-forward evaluation") == 1
    assert "before" in page
    assert "on the 12M before it" in page
    assert "24M" not in page
    assert "trained once" in page
    assert "<svg" in page


@pytest.mark.parametrize(
    ("inputs", "said"),
    [
        (lambda own: own[:-1], "with other inputs than this version: with {last}."),
        (lambda own: (*own, "months_ahead"), "with other inputs than this version: without months_ahead."),
        (lambda own: own[::-1], "with other inputs than this version: in another order."),
    ],
)
def test_an_evaluation_of_other_inputs_is_not_shown_as_this_versions(evaluation, tmp_path, inputs, said):
    file = tmp_path / "report.html"
    file.write_text("<html><body><h1>before</h1></body></html>")
    assert not evaluation_page.show_on(file, evaluation, inputs(evaluation.inputs))
    page = file.read_text()
    assert said.format(last=evaluation.inputs[-1]) in page
    assert "trained once" not in page
    assert "<svg" not in page


def test_an_evaluation_whose_inputs_were_not_recorded_is_not_shown(evaluation, tmp_path):
    stored = json.loads(evaluations.keep(evaluation, tmp_path).read_text())
    assert stored.pop("inputs") == list(evaluation.inputs)
    evaluations.file_of(tmp_path, "contact_timing").write_text(json.dumps(stored))
    file = tmp_path / "report.html"
    file.write_text("<html><body><h1>before</h1></body></html>")
    assert not evaluation_page.show_on(file, evaluations.kept(tmp_path, "contact_timing"), evaluation.inputs)
    assert "a model whose inputs were not recorded" in file.read_text()


def test_an_evaluation_without_a_model_has_a_page_of_its_own(evaluation, tmp_path):
    file = evaluation_page.show_on_page(evaluation, tmp_path)
    assert file == tmp_path / "evaluations" / "contact_timing" / "walk-forward.html"
    assert "trained once" in file.read_text()


@pytest.mark.parametrize(
    ("asked", "complaint"),
    [
        (
            {"start": "2024-01-10"},
            r"rows to train on that were settled before it, expected at least 500; .*--from 2024-",
        ),
        ({"start": "2030-01-01"}, "expected --to after --from"),
        ({"start": "2025-10-01", "end": "2025-10-01"}, "expected --to after --from"),
        ({"start": "2025-10-01", "window": "1d"}, "a longer --window"),
        ({"without": ("shoe_size",)}, "cannot leave out shoe_size: expected inputs of the model"),
    ],
)
def test_spans_that_cannot_be_evaluated_are_refused_with_what_would_do(
    trained_home, monkeypatch, rows, asked, complaint
):
    monkeypatch.setenv("TIDEMARK_HOME", str(trained_home))
    with pytest.raises(ValueError, match=complaint):
        walk_forward("contact_timing", rows=rows, home=trained_home, **asked)


def test_a_step_of_no_period_is_refused_before_any_work(trained_home):
    with pytest.raises(PeriodError, match="found 'often'"):
        walk_forward("contact_timing", every="often", home=trained_home)


def test_the_command_line_prints_an_evaluation_as_json_alone(trained_home, monkeypatch):
    monkeypatch.setenv("TIDEMARK_HOME", str(trained_home))
    span = ["--from", "2026-01-01", "--to", "2026-06-01", "--every", "6M"]
    words = ["evaluate", "property_value", *span, "--json", "--home", str(trained_home)]
    run = CliRunner().invoke(app, words)
    assert run.exit_code == 0, run.output
    told = json.loads(run.stdout)
    assert [(span["start"][:10], span["end"][:10]) for span in told["spans"]] == [("2026-01-01", "2026-06-01")]
    assert set(told["overall"]) == {"retrained", "trained once", "baseline"}
    assert told["gain"] is None
