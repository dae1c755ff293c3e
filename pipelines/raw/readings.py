"""How an expression reads text: cells where a number or a date belongs, casts, and dates of a form of their own."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass

import sqlglot
from sqlglot import expressions as sql

from pipelines.parquet import quoted
from pipelines.raw.checks import day_in, number_in, time_in, whole_number_in
from pipelines.raw.column_rule import Check

# Each reading names what it reads several times, so that nested ones grow by their depth.
_LONGEST_SQL = 20_000
TOO_LONG = "the expression is too long, or nested too deep"
DIRECTIVES = "aAbBcdfgGHIjmMnpSuUVwWxXyYzZ%"
FORMAT = re.compile(rf"([^%]|%-?[{DIRECTIVES}])*")
_WHOLE = {sql.DType.INT: "INTEGER", sql.DType.BIGINT: "BIGINT"}
_TEXT = (sql.DType.TEXT, sql.DType.VARCHAR)
_TIMES = (sql.DType.TIMESTAMP, sql.DType.TIMESTAMPNTZ)
_TYPES = (*_WHOLE, *_TEXT, *_TIMES, sql.DType.DOUBLE, sql.DType.DATE)
_TYPE_NAMES = "integer, bigint, double, varchar, date, timestamp"


class BadExpressionError(ValueError):
    """An expression that cannot be understood; says what was found and what would be valid."""


class YearsBetween(sql.Expression, sql.Func):
    """Whole years from a first date to a later one, as people count their age."""

    arg_types = {"this": True, "expression": True}  # noqa: RUF012 - as sqlglot declares them


@dataclass(frozen=True)
class TextReading:
    """SQL for some text, for its meaning (null where it has none), and the reason to refuse what has none."""

    text: str
    value: str
    reason: str
    form: str = ""

    @property
    def check(self) -> Check:
        """True where text was there that could not be read."""
        return Check(self.reason, f"{self.text} IS NOT NULL AND {self.value} IS NULL")

    @property
    def strict(self) -> str:
        """The meaning, or an error that stops the query: a group has no row of its own to refuse."""
        if self.reason == "not a number":
            return self.value.replace("TRY_CAST", "CAST")
        complaint = f"error(concat({quoted(f'{self.reason}: ')}, {self.text}))"
        return f"CASE WHEN {self.check.condition} THEN {complaint} ELSE {self.value} END"


def number_reading(cell: str) -> TextReading:
    """A cell of text where a number belongs."""
    text = f"nullif(trim({cell}), '')"
    return TextReading(text, number_in(text), "not a number")


def date_reading(cell: str) -> TextReading:
    """A cell of text where a date belongs."""
    text = f"nullif(trim({cell}), '')"
    return TextReading(text, day_in(text), "not a date")


def require_type(node: sql.DataType) -> None:
    """Stop if nothing can be cast to a type here."""
    if node.this not in _TYPES or node.expressions:
        raise BadExpressionError(f"cannot cast to {node.sql(dialect='duckdb')}; valid: {_TYPE_NAMES}")


def reading_of(node: sql.Expr) -> TextReading | None:
    """How a cast or a date of a form of its own is read; none for what cannot fail."""
    text = f"nullif(trim(CAST({_inner(node)} AS VARCHAR)), '')"
    if isinstance(node, sql.StrToTime):
        form = node.args["format"].name
        return TextReading(text, f"try_strptime({text}, {quoted(form)})", f"not of the form {form}", form)
    kind = node.args["to"].this
    if kind in _TEXT:
        return None
    if kind in _WHOLE:
        return TextReading(text, whole_number_in(text, _WHOLE[kind]), "not a whole number")
    if kind == sql.DType.DATE:
        return TextReading(text, day_in(text), "not a date")
    if kind in _TIMES:
        return TextReading(text, time_in(text, "TIMESTAMP"), "not a time (ISO 8601)")
    return TextReading(text, number_in(text), "not a number")


def require_form(node: sql.StrToTime) -> None:
    """Stop if the form of a date is not written out, or is none."""
    form = node.args["format"]
    if not (isinstance(form, sql.Literal) and form.is_string and "%" in form.name and FORMAT.fullmatch(form.name)):
        message = "expected strptime(text, 'format') with a format such as '%d.%m.%Y'"
        raise BadExpressionError(f"{message}; valid after the %: {' '.join(DIRECTIVES)}")


def with_years_between(tree: sql.Expr) -> sql.Expr:
    """The same tree with `years_between`, which sqlglot does not know, as a function like others."""
    for node in list(tree.find_all(sql.Anonymous)):
        if node.name.lower() == "years_between":
            if len(node.expressions) != 2:
                raise BadExpressionError("expected years_between(first date, later date)")
            first, later = node.expressions
            tree = replaced(tree, node, YearsBetween(this=first, expression=later))
    return tree


def years_between(node: YearsBetween) -> str:
    """SQL for whole years: to the day, not the number of New Years between."""
    first, later = (f"CAST({part.sql(dialect='duckdb')} AS DATE)" for part in (node.this, node.expression))
    return f"date_sub('year', {first}, {later})"


def replaced(tree: sql.Expr, node: sql.Expr, other: sql.Expr) -> sql.Expr:
    """The tree with another node in the place of one of its own."""
    node.replace(other)
    return other if node is tree else tree


def parsed(text: str) -> sql.Expr:
    """The tree of SQL that was made here."""
    return sqlglot.parse_one(text, dialect="duckdb")


def ancestors(node: sql.Expr) -> Iterator[sql.Expr]:
    """What a node stands in, from the inside."""
    parent = node.parent
    while parent is not None:
        yield parent
        parent = parent.parent


def _inner(node: sql.Expr) -> str:
    text = node.this.sql(dialect="duckdb")
    if len(text) > _LONGEST_SQL:
        raise BadExpressionError(TOO_LONG)
    return str(text)
