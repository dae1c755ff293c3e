"""Every way in which a table can be wrong is found, with its severity and in words."""

from __future__ import annotations

import math
from collections.abc import Callable
from datetime import UTC, date, datetime, timedelta
from typing import Any

import pyarrow as pa
import pytest
from feast import FeatureView
from feast.types import Float64, Int64, String

from expectations.outcome import ExpectationResult, ValidationResult
from expectations.validate import validate
from feature_repo.cadence import Cadence
from feature_repo.entities import REGION, join_key
from feature_repo.fields import Severity, feature
from feature_repo.sources import snapshots_of
from feature_repo.views import BEHAVIOURAL, MARKET, PROPERTY, SNAPSHOT_VIEWS, TEMPORAL, VIEWS, View

DAY = date(2024, 1, 5)
INSTANT = datetime(2024, 1, 6, tzinfo=UTC)
ROWS = 20
Good = Callable[..., pa.Table]
Replace = Callable[[pa.Table, str, Any], pa.Table]
BETWEEN, NULLS = "expect_column_values_to_be_between", "expect_column_values_to_not_be_null"
IN_SET, TYPE = "expect_column_values_to_be_in_set", "expect_column_type_to_be"
ROW_COUNT, UNIQUE = "expect_table_row_count_to_be_between", "expect_compound_columns_to_be_unique"


def outcome_of(table: pa.Table, view: View = BEHAVIOURAL, **known: Any) -> ValidationResult:
    given = {"day": DAY, "previous_rows": ROWS, "expected_entities": ROWS} if view is not TEMPORAL else {}
    return validate(table, view, **{**given, **known})


def failure(outcome: ValidationResult, expectation: str, *columns: str) -> ExpectationResult:
    (found,) = [f for f in outcome.failures if f.expectation == expectation and {*columns} <= {*f.columns}]
    return found


@pytest.mark.parametrize("view", VIEWS, ids=lambda view: view.name)
def test_good_tables_pass(view: View, good: Good) -> None:
    outcome = outcome_of(good(view, ROWS), view)
    assert outcome.passed
    assert not outcome.failures
    assert outcome.rows == ROWS
    assert outcome.seconds > 0
    assert sum(outcome.statistics.values()) == len(outcome.findings) > 15


@pytest.mark.parametrize("view", SNAPSHOT_VIEWS, ids=lambda view: view.name)
def test_many_days_at_once_pass_without_a_day(view: FeatureView, good: Good, replace: Replace) -> None:
    later = good(view, ROWS)
    for column in ("event_timestamp", "created_timestamp"):
        later = replace(later, column, [value + timedelta(days=1) for value in later[column].to_pylist()])
    outcome = validate(pa.concat_tables([good(view, ROWS), later]), view)
    assert outcome.passed
    assert {f.expectation for f in outcome.findings if f.status == "not applicable"} >= {ROW_COUNT, IN_SET}


def bare(severity: Severity) -> FeatureView:
    """A view with a feature for each attribute of a contract."""
    return FeatureView(
        name="bare",
        entities=[REGION],
        source=snapshots_of("bare"),
        tags=dict(Cadence("daily", lag_hours=1).tags),
        schema=[
            join_key(REGION),
            feature("least", Int64, "at least 1", unit="u", ge=1, severity=severity),
            feature("most", Float64, "at most 1", unit="u", le=1, severity=severity),
            feature("kind", String, "a or b", unit="u", allowed=("a", "b"), severity=severity),
            feature("some", Float64, "null to a third", unit="u", null_share=0.3, severity=severity),
            feature("any", Float64, "null or not", unit="u", ge=0, null_share=1.0, severity=severity),
        ],
    )


def bare_table(**columns: list[Any]) -> pa.Table:
    good: dict[str, list[Any]] = {
        "region_id": [*range(10)], "least": [1] * 10, "most": [1.0] * 10, "kind": ["a", "b"] * 5,
        "some": [None] * 3 + [1.0] * 7, "any": [None] * 10,
        "event_timestamp": [INSTANT] * 10, "created_timestamp": [INSTANT + timedelta(hours=1)] * 10,
    }  # fmt: skip
    kinds = [pa.int64(), pa.int64(), pa.float64(), pa.string(), pa.float64(), pa.float64()]
    kinds += [pa.timestamp("us", "UTC")] * 2
    table = good | columns
    return pa.table({name: pa.array(table[name], kind) for name, kind in zip(good, kinds, strict=True)})


@pytest.mark.parametrize("severity", ["critical", "warning"])
@pytest.mark.parametrize(
    ("column", "values", "expectation", "count", "words"),
    [
        ("least", [0] + [1] * 9, BETWEEN, 1, "of at least 1; found 1 of 10 rows against it (10.00%), such as 0"),
        ("most", [1.5, 1.25] + [1.0] * 8, BETWEEN, 2, "of at most 1; found 2 of 10 rows against it (20.00%), such as"),
        ("most", [math.nan] + [1.0] * 9, BETWEEN, 1, "such as nan"),
        ("most", [-math.inf] + [1.0] * 9, BETWEEN, 1, "such as -inf"),
        ("some", [math.nan] + [1.0] * 9, BETWEEN, 1, "such as nan"),
        ("kind", ["c"] + ["a"] * 9, IN_SET, 1, "no value but a, b; found 1 of 10 rows against it (10.00%), such as c"),
        ("least", [None] + [1] * 9, NULLS, 1, "no nulls; found 1 of 10 rows"),
        ("some", [None] * 4 + [1.0] * 6, NULLS, 4, "at most 0.3 of the values null; found 4 of 10 rows"),
    ],
)
def test_a_breach_of_a_contract_is_found(
    severity: Severity, column: str, values: list[Any], expectation: str, count: int, words: str
) -> None:
    outcome = validate(bare_table(**{column: values}), bare(severity), day=DAY)
    (found,) = outcome.failures
    assert (found.expectation, found.columns, found.severity) == (expectation, (column,), severity)
    assert (found.unexpected_count, found.share) == (count, count / 10)
    assert found.sentence.startswith(f"{column}: expected ")
    assert words in found.sentence
    assert outcome.passed == (severity == "warning")


def test_what_a_contract_allows_is_no_breach() -> None:
    assert not validate(bare_table(), bare("critical"), day=DAY).failures


def test_a_dropped_column_is_found_and_nothing_about_it_passes(good: Good) -> None:
    outcome = outcome_of(good(BEHAVIOURAL, ROWS).drop_columns(["session_trend"]))
    assert not outcome.passed
    about = [finding for finding in outcome.findings if "session_trend" in finding.columns]
    assert {finding.status for finding in about} == {"failed"}
    assert failure(outcome, "expect_column_to_exist").sentence == (
        "session_trend: expected a column of this name; found none"
    )
    assert "['session_trend'] missing" in failure(outcome, "expect_table_columns_to_match_set").sentence
    assert 'column "session_trend" is missing' in failure(outcome, "session_trend_of_counts").sentence


def test_a_column_beyond_the_declared_ones_is_found(good: Good) -> None:
    (found,) = outcome_of(good(BEHAVIOURAL, ROWS).append_column("guess", pa.array(range(ROWS)))).failures
    assert "['guess'] beyond" in found.sentence


@pytest.mark.parametrize(
    ("column", "kind", "words"),
    [
        ("active_days_30d", pa.int32(), "values of type int64; found int32"),
        ("active_days_30d", pa.float64(), "values of type int64; found float64"),
        ("event_timestamp", pa.timestamp("us"), "values of type datetime64[us, UTC]; found timestamp[us]"),
        ("event_timestamp", pa.timestamp("ms", "UTC"), "values of type datetime64[us, UTC]; found datetime64[ms, UTC]"),
    ],
)
def test_a_wrong_type_is_found(column: str, kind: pa.DataType, words: str, good: Good, replace: Replace) -> None:
    table = good(BEHAVIOURAL, ROWS)
    outcome = outcome_of(replace(table, column, table[column].combine_chunks().cast(kind)))
    assert words in failure(outcome, TYPE).sentence
    assert not outcome.passed


def test_the_range_of_text_cannot_be_checked_and_has_failed(good: Good, replace: Replace) -> None:
    outcome = outcome_of(replace(good(BEHAVIOURAL, ROWS), "active_days_30d", pa.array(["3"] * ROWS)))
    assert "could not be checked: active_days_30d: expected numbers" in failure(outcome, BETWEEN).sentence
    assert failure(outcome, TYPE, "active_days_30d")


def test_half_of_the_customers_missing_is_found(good: Good) -> None:
    outcome = outcome_of(good(BEHAVIOURAL, ROWS // 2))
    assert failure(outcome, ROW_COUNT).sentence == (
        "the table: expected a number of rows of at least 19 (the day before had 20); found 10"
    )
    assert failure(outcome, "expect_column_unique_value_count_to_be_between").sentence == (
        "customer_id: expected a row for each of 20 entities; found 10"
    )


def test_a_leap_in_the_number_of_rows_shows_and_does_not_block(good: Good) -> None:
    outcome = outcome_of(good(BEHAVIOURAL, 50), expected_entities=50)
    assert failure(outcome, ROW_COUNT).severity == "warning"
    assert outcome.passed


def test_duplicate_keys_are_found(good: Good) -> None:
    table = good(BEHAVIOURAL, ROWS)
    found = failure(outcome_of(pa.concat_tables([table, table.slice(3, 1)])), UNIQUE)
    assert found.unexpected_count == 2
    assert "customer_id, event_timestamp: expected one row for each key; found 2 of 21 rows" in found.sentence
    assert "'customer_id': 3" in found.sentence


def test_the_instant_of_another_day_is_found(good: Good, replace: Replace) -> None:
    late = INSTANT + timedelta(days=1)
    table = replace(good(BEHAVIOURAL, ROWS), "event_timestamp", [late] * 2 + [INSTANT] * 18)
    outcome = outcome_of(table)
    sentence = failure(outcome, IN_SET).sentence
    assert "event_timestamp: expected no value but 2024-01-06T00:00:00+00:00; found 2 of 20 rows" in sentence
    assert "2024-01-07" in sentence
    assert failure(outcome, "created_when_promised").unexpected_count == 2


def test_a_broken_rule_is_found(good: Good, replace: Replace) -> None:
    outcome = outcome_of(replace(good(BEHAVIOURAL, ROWS), "doc_unique_count_30d", 5))
    found = failure(outcome, "documents_within_opens")
    assert found.columns == ("doc_unique_count_30d", "doc_access_count_30d")
    assert (found.unexpected_count, found.share) == (ROWS, 1.0)


def test_failures_come_first_and_critical_ones_before_warnings(good: Good, replace: Replace) -> None:
    table = replace(good(MARKET, ROWS), "mortgage_rate_30y", 99.0)
    outcome = outcome_of(replace(table, "median_sale_price", -1.0), MARKET)
    assert [(f.status, f.severity) for f in outcome.findings[:3]] == [
        ("failed", "critical"),
        ("failed", "warning"),
        ("not applicable", "critical"),
    ]


def test_what_there_is_nothing_to_compare_with_does_not_apply(good: Good) -> None:
    outcome = outcome_of(good(BEHAVIOURAL, ROWS), previous_rows=None, expected_entities=None)
    found = [finding for finding in outcome.findings if finding.status == "not applicable"]
    assert [finding.observed for finding in found] == [
        "no rows of the day before to compare with",
        "no number of entities to compare with",
    ]
    assert not any(finding.success for finding in found)
    assert outcome.passed


def test_an_empty_day_of_a_daily_view_fails(good: Good) -> None:
    outcome = outcome_of(good(BEHAVIOURAL, 0), previous_rows=None, expected_entities=None)
    assert "at least 1; found 0" in failure(outcome, ROW_COUNT).sentence


def test_about_an_empty_day_without_news_nothing_is_claimed(good: Good) -> None:
    outcome = outcome_of(good(PROPERTY, 0), PROPERTY, previous_rows=None, expected_entities=None)
    assert outcome.passed
    assert {f.status for f in outcome.findings if f.expectation in {BETWEEN, NULLS, "equity_is_the_rest"}} == {
        "not applicable"
    }


def test_a_column_of_nulls_has_no_value_to_check(good: Good) -> None:
    outcome = outcome_of(good(PROPERTY, ROWS), PROPERTY)
    (found,) = [f for f in outcome.findings if f.columns == ("bedrooms",) and f.expectation == BETWEEN]
    assert (found.status, found.observed) == ("not applicable", "no value to check")


def test_speed_is_shown(good: Good, replace: Replace) -> None:
    rows = 100_000
    table = pa.concat_tables([good(BEHAVIOURAL, 1_000)] * 100).combine_chunks()
    table = replace(table, "customer_id", pa.array(range(rows)))
    outcome = outcome_of(table, previous_rows=rows, expected_entities=rows)
    assert outcome.passed
    print(f"\n{rows:,} rows, {len(outcome.findings)} expectations: {outcome.seconds:.2f} s")
