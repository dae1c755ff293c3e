"""DuckDB for Great Expectations, which has no engine for it: all counts of a suite in one pass over an Arrow table.

To GX it is an engine of its pandas family that answers the metrics of the expectations that `derive` uses.
Expectations, results and Data Docs are GX's own. What cannot be counted (a missing column, a range of strings) is an
error of that metric, which GX makes a failure of the expectations that need it.
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from math import isfinite
from typing import Any

import duckdb
import pandas as pd
import pyarrow as pa

# First, since it keeps quiet what GX does when it is imported.
import expectations.gx  # isort: skip # noqa: F401
from expectations.derive import ROWS_WHERE  # isort: skip
from great_expectations.exceptions.exceptions import MetricResolutionError
from great_expectations.execution_engine.pandas_execution_engine import PandasExecutionEngine
from great_expectations.expectations.metrics.metric_provider import MetricProvider
from great_expectations.expectations.registry import register_metric
from great_expectations.validator.metric_configuration import MetricConfiguration

EXAMPLES = 5


class UncountableError(ValueError):
    """What was asked cannot be told of this table."""


class DuckDBExecutionEngine(PandasExecutionEngine):
    """Answers metrics about one Arrow table."""

    def load_batch_data(self, batch_id: str, batch_data: pa.Table) -> None:  # noqa: ARG002
        """Take the table that the metrics are about."""
        self._table = batch_data
        self._counts: dict[str, int] = {}
        self._errors: dict[str, str] = {}
        self._connection = duckdb.connect()
        self._connection.execute("SET TimeZone = 'UTC'")
        self._connection.register("batch", batch_data)

    def resolve_metrics(
        self,
        metrics_to_resolve: Iterable[MetricConfiguration],
        metrics: dict[Any, Any] | None = None,  # noqa: ARG002
        runtime_configuration: dict[str, Any] | None = None,  # noqa: ARG002
    ) -> dict[Any, Any]:
        """The values of metrics. If some cannot be told, GX learns which and why, and asks for the others again."""
        counts: dict[MetricConfiguration, str | None] = {}
        failed: dict[str, list[MetricConfiguration]] = {}
        for metric in metrics_to_resolve:
            try:
                counts[metric] = self._count_of(metric)
            except UncountableError as error:
                failed.setdefault(str(error), []).append(metric)
        self._compute({count for count in counts.values() if count})
        for metric, count in counts.items():
            if count in self._errors:
                failed.setdefault(self._errors[count], []).append(metric)
        if failed:
            # One reason at a time: GX gives all metrics of an error the same message.
            reason, of_it = next(iter(failed.items()))
            raise MetricResolutionError(message=reason, failed_metrics=of_it)
        return {metric.id: self._value(metric, count) for metric, count in counts.items()}

    def _compute(self, expressions: set[str]) -> None:
        """Count all at once; if that fails, each on its own, to learn which cannot be counted."""
        new = sorted(expressions - {*self._counts, *self._errors})
        if not new:
            return
        try:
            row = self._connection.execute(f"SELECT {', '.join(new)} FROM batch").fetchone()
        except duckdb.Error as error:
            if len(new) == 1:
                missing = re.search(r'Referenced column ("[^"]+") not found', str(error))
                self._errors[new[0]] = f"column {missing[1]} is missing" if missing else str(error)
            else:
                for expression in new:
                    self._compute({expression})
        else:
            self._counts |= zip(new, row or (), strict=True)

    def _value(self, metric: MetricConfiguration, count: str | None) -> Any:
        name: str = metric.metric_name
        if name == "table.columns":
            return self._table.column_names
        if name == "table.column_types":
            return [{"name": field.name, "type": _pandas_type(field.type)} for field in self._table.schema]
        if count is None:  # A condition, or rows of which only the number is shown.
            return None
        if name.endswith(".unexpected_values"):
            return self._examples(metric) if self._counts[count] else []
        return self._counts[count]

    def _examples(self, metric: MetricConfiguration) -> list[Any]:
        arguments = metric.metric_domain_kwargs
        if "column_list" in arguments:
            columns = ", ".join(map(_name, arguments["column_list"]))
            query = f"SELECT {columns} FROM batch GROUP BY ALL HAVING count(*) > 1 ORDER BY ALL LIMIT {EXAMPLES}"
            found = self._connection.execute(query)
            return [dict(zip(arguments["column_list"], row, strict=True)) for row in found.fetchall()]
        column, condition = _name(arguments["column"]), self._unexpected(metric)
        query = f"SELECT DISTINCT {column} FROM batch WHERE {condition} ORDER BY ALL LIMIT {EXAMPLES}"
        values = [value for (value,) in self._connection.execute(query).fetchall()]
        # JSON, which GX makes of results, has no word for these.
        return [str(value) if isinstance(value, float) and not isfinite(value) else value for value in values]

    def _count_of(self, metric: MetricConfiguration) -> str | None:
        """The SQL aggregate behind a metric, if it has one."""
        match metric.metric_name.split("."):
            case ["table", "row_count"] | ["compound_columns", "unique", "filtered_row_count"]:
                return "count(*)"
            case ["column", "distinct_values", "count"]:
                return f"count(DISTINCT {_name(self._column(metric))})"
            case ["compound_columns", "unique", "unexpected_count" | "unexpected_values"]:
                keys = ", ".join(map(_name, metric.metric_domain_kwargs["column_list"]))
                groups = f"SELECT count(*) AS n FROM batch GROUP BY {keys} HAVING n > 1"
                return f"(SELECT coalesce(sum(n), 0)::BIGINT FROM ({groups}))"
            case ["column_values", _, "unexpected_count" | "unexpected_values"]:
                return f"count(*) FILTER (WHERE {self._unexpected(metric)})"
            case ["unexpected_rows_query", "row_count"]:
                query: str = metric.metric_value_kwargs["unexpected_rows_query"]
                return f"count(*) FILTER (WHERE {query.removeprefix(ROWS_WHERE)})"
            case ["table", "columns" | "column_types"] | [_, _, "condition"] | ["unexpected_rows_query", "table"]:
                return None
            case _:
                raise UncountableError(f"the DuckDB engine does not know the metric {metric.metric_name}")

    def _unexpected(self, metric: MetricConfiguration) -> str:
        """The SQL condition that is true of a column's unexpected values."""
        column = self._column(metric)
        name, kind, arguments = _name(column), self._table.schema.field(column).type, metric.metric_value_kwargs
        match metric.metric_name.split(".")[1]:
            case "nonnull":
                return f"{name} IS NULL"
            case "in_set":
                return f"{name} NOT IN ({', '.join(map(_text, arguments['value_set']))})"
            case "between":
                if not (pa.types.is_integer(kind) or pa.types.is_floating(kind)):
                    raise UncountableError(f"{column}: expected numbers to compare with the range, found {kind}")
                least, most = arguments.get("min_value"), arguments.get("max_value")
                outside = [f"{name} < {least!r}::DOUBLE"] if least is not None else []
                outside += [f"{name} > {most!r}::DOUBLE"] if most is not None else []
                # To DuckDB nan is above all numbers; neither it nor the infinite is a value within any range.
                outside += [f"NOT isfinite({name})"] if pa.types.is_floating(kind) else []
                return f"({' OR '.join(outside)})"
            case other:
                raise UncountableError(f"the DuckDB engine does not know the condition {other}")

    def _column(self, metric: MetricConfiguration) -> str:
        column: str = metric.metric_domain_kwargs["column"]
        if column not in self._table.column_names:
            raise UncountableError(f'column "{column}" is missing')
        return column


class _UnexpectedRows(MetricProvider):
    """Lets GX ask the engine for the rows that a query finds: it registers such queries for SQL and Spark alone."""


for _metric in ("table", "row_count"):
    register_metric(
        metric_name=f"unexpected_rows_query.{_metric}",
        metric_domain_keys=("batch_id", "row_condition", "condition_parser"),
        metric_value_keys=("unexpected_rows_query",),
        execution_engine=DuckDBExecutionEngine,
        metric_class=_UnexpectedRows,
        metric_provider=None,
    )


def _name(column: str) -> str:
    return '"' + column.replace('"', '""') + '"'


def _text(value: object) -> str:
    return "'" + str(value).replace("'", "''") + "'"


def _pandas_type(kind: pa.DataType) -> Any:
    """The name under which GX expects a type, for those that features have; else Arrow's own."""
    if pa.types.is_timestamp(kind) and kind.tz:
        return pd.DatetimeTZDtype(kind.unit, kind.tz)
    if pa.types.is_string(kind) or pa.types.is_large_string(kind):
        return pd.StringDtype()
    if pa.types.is_primitive(kind) and not pa.types.is_temporal(kind):
        return pd.Series(dtype=kind.to_pandas_dtype()).dtype
    return pd.ArrowDtype(kind)
