"""From Great Expectations' results to findings: what was expected, what was found, in words and numbers."""

from __future__ import annotations

import re
from collections.abc import Mapping
from sys import float_info
from typing import Any

from expectations.outcome import ExpectationResult, Status

NO_ROWS = ("expect_table", "expect_column_to_exist", "expect_column_type_to_be")


def finding_of(result: Mapping[str, Any], rows: int) -> ExpectationResult:
    """The finding in one result of GX, as JSON. An expectation about values does not apply where there is none."""
    config, numbers = result["expectation_config"], result["result"]
    kind, arguments, meta = config["type"], config["kwargs"], config.get("meta") or {}
    error = _error(result.get("exception_info") or {})
    about_values = not kind.startswith(NO_ROWS) and kind != "expect_column_unique_value_count_to_be_between"
    empty = about_values and result["success"] and rows == (numbers.get("missing_count") or 0)
    status: Status = "not applicable" if empty else "passed" if result["success"] else "failed"
    count = numbers.get("unexpected_count")
    if kind == "unexpected_rows_expectation":
        count = numbers.get("observed_value")
    return ExpectationResult(
        expectation=meta.get("rule", kind),
        columns=tuple(meta.get("columns") or arguments.get("column_list") or filter(None, [arguments.get("column")])),
        severity=config["severity"],
        status=status,
        expected=_expected(kind, arguments, meta),
        observed=error or ("no value to check" if empty else _observed(result, count, rows)),
        unexpected_count=count,
        share=count / rows if count is not None and rows else None,
    )


def _error(info: Mapping[str, Any]) -> str | None:
    """Why a check could not run: GX tells it of the expectation, or of each metric that failed."""
    reports = [info] if "raised_exception" in info else [report for report in info.values() if isinstance(report, dict)]
    if not (messages := dict.fromkeys(report["exception_message"] for report in reports if report["raised_exception"])):
        return None
    return "that it could not be checked: " + "; ".join(re.sub(r"\s+", " ", str(message)) for message in messages)


def _expected(kind: str, arguments: Mapping[str, Any], meta: Mapping[str, Any]) -> str:
    match kind:
        case "expect_column_to_exist":
            return "a column of this name"
        case "expect_table_columns_to_match_set":
            return f"exactly the {len(arguments['column_set'])} columns that the view declares"
        case "expect_column_type_to_be":
            return f"values of type {arguments['type_']}"
        case "expect_column_values_to_not_be_null":
            nulls = 1 - arguments.get("mostly", 1)
            return f"at most {nulls:.4g} of the values null" if nulls else "no nulls"
        case "expect_column_values_to_be_in_set":
            return "no value but " + ", ".join(map(str, arguments["value_set"]))
        case "expect_column_values_to_be_between":
            return f"values {_range(arguments)}"
        case "expect_compound_columns_to_be_unique":
            return "one row for each key"
        case "expect_table_row_count_to_be_between":
            before = f" (the day before had {meta['day_before']:,})" if "day_before" in meta else ""
            return f"a number of rows {_range(arguments)}{before}"
        case "expect_column_unique_value_count_to_be_between":
            return f"a row for each of {arguments['min_value']:,} entities"
        case "unexpected_rows_expectation":
            return f"rows that keep the rule {meta['rule']!r} ({meta['why']})"
        case _:
            return f"{kind} {dict(arguments)}"


def _range(arguments: Mapping[str, Any]) -> str:
    if arguments.get("max_value") == float_info.max:
        return "that are finite"
    least, most = (
        None if bound is None else f"{bound:,.15g}" for bound in map(arguments.get, ("min_value", "max_value"))
    )
    if least and most:
        return f"from {least} to {most}"
    return f"of at least {least}" if least else f"of at most {most}"


def _observed(result: Mapping[str, Any], count: int | None, rows: int) -> str:
    kind, value = result["expectation_config"]["type"], result["result"].get("observed_value")
    if kind == "expect_column_to_exist":
        return "it" if result["success"] else "none"
    if kind == "expect_table_columns_to_match_set":
        expected = {*result["expectation_config"]["kwargs"]["column_set"]}
        missing, beyond = sorted(expected - {*value}), sorted({*value} - expected)
        return f"{missing} missing and {beyond} beyond them" if missing or beyond else "these"
    if count is None:
        return f"{value:,}" if isinstance(value, int) else str(value)
    if not count:
        return "no row against it"
    examples = [str(value) for value in result["result"].get("partial_unexpected_list") or () if value is not None]
    such_as = f", such as {', '.join(examples)}" if examples else ""
    return f"{count:,} of {rows:,} rows against it ({count / rows:.2%}){such_as}"
