"""A table of a view's values against the view's suite: the one place that runs Great Expectations."""

from __future__ import annotations

import time
from collections.abc import Iterator
from datetime import UTC, date, datetime
from importlib.metadata import version
from typing import TYPE_CHECKING, Any

import pyarrow as pa
from feast import FeatureView

from expectations.derive import Circumstances, expectations_of_day, instant_of, is_daily, suite_for
from expectations.findings import finding_of
from expectations.outcome import ExpectationResult, ValidationResult
from expectations.rule import EVENT
from feature_repo.views import View

if TYPE_CHECKING:
    from great_expectations.expectations.expectation import Expectation

_ORDER = ("failed", "not applicable", "passed")


def validate(
    table: pa.Table,
    view: View,
    *,
    day: date | None = None,
    previous_rows: int | None = None,
    expected_entities: int | None = None,
) -> ValidationResult:
    """Check a table of a view's values: of the snapshots of one `day`, of many days, or of requests.

    `previous_rows` is the number of rows of the day before, `expected_entities` that of the entities which must have a
    row. What cannot be compared for the lack of them, or of the day, is reported as not applicable.
    """
    started = time.perf_counter()
    asked, not_compared = [*suite_for(view).expectations], []
    if isinstance(view, FeatureView):
        known = Circumstances(day, previous_rows, expected_entities)
        asked += expectations_of_day(view, known)
        not_compared = list(_not_compared(view, known))
    results = _results(table, asked)
    findings = [*(finding_of(result, table.num_rows) for result in results), *not_compared]
    findings.sort(key=lambda finding: (_ORDER.index(finding.status), finding.severity))
    return ValidationResult(
        view=view.name,
        day=day,
        rows=table.num_rows,
        findings=tuple(findings),
        seconds=time.perf_counter() - started,
        result=_report(view.name, day, results),
    )


def _not_compared(view: FeatureView, known: Circumstances) -> Iterator[ExpectationResult]:
    if known.day is None:
        yield _not_applicable(
            "expect_column_values_to_be_in_set", (EVENT,), "the day's instant", "no one day asked for"
        )
    if known.day is None or known.previous_rows is None or not is_daily(view):
        why = "no rows of the day before to compare with" if is_daily(view) else "a view whose rows vary by nature"
        yield _not_applicable("expect_table_row_count_to_be_between", (), "about as many rows as the day before", why)
    if known.day is None or known.expected_entities is None:
        why = "no number of entities to compare with"
        yield _not_applicable(
            "expect_column_unique_value_count_to_be_between", tuple(view.join_keys), "a row for each entity", why
        )


def _not_applicable(expectation: str, columns: tuple[str, ...], expected: str, observed: str) -> ExpectationResult:
    return ExpectationResult(expectation, columns, "critical", "not applicable", expected, observed)


def _results(table: pa.Table, asked: list[Expectation]) -> list[dict[str, Any]]:
    """GX's results as JSON."""
    from expectations.engine import EXAMPLES, DuckDBExecutionEngine  # noqa: PLC0415, I001
    from expectations.gx import quiet_context  # noqa: PLC0415
    from great_expectations.core.batch import Batch  # noqa: PLC0415
    from great_expectations.validator.validator import Validator  # noqa: PLC0415

    validator = Validator(
        execution_engine=DuckDBExecutionEngine(), data_context=quiet_context(), batches=[Batch(data=table)]
    )
    results = validator.graph_validate(
        configurations=[expectation.configuration for expectation in asked],
        runtime_configuration={"result_format": {"result_format": "BASIC", "partial_unexpected_count": EXAMPLES}},
    )
    return [result.to_json_dict() for result in results]


def _report(view: str, day: date | None, results: list[dict[str, Any]]) -> dict[str, Any]:
    """What GX calls the validation result of a suite, as JSON."""
    good = sum(result["success"] for result in results)
    now = datetime.now(UTC)
    return {
        "success": good == len(results),
        "suite_name": view,
        "results": results,
        "suite_parameters": {},
        "statistics": {
            "evaluated_expectations": len(results),
            "successful_expectations": good,
            "unsuccessful_expectations": len(results) - good,
            "success_percent": 100 * good / len(results),
        },
        "meta": {
            "great_expectations_version": version("great_expectations"),
            "run_id": {"run_name": str(day), "run_time": (instant_of(day) if day else now).isoformat()},
            "validation_time": now.isoformat(),
            "batch_spec": {"data_asset_name": view},
        },
    }
