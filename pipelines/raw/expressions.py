"""The small language of mapping files: arithmetic, comparisons, CASE, and a visible list of functions.

An expression is parsed, never pasted: only what is listed here reaches the database, and a name that the source does
not have is answered with the nearest one that it has.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from difflib import get_close_matches

import sqlglot
from sqlglot import expressions as sql
from sqlglot.errors import SqlglotError

from pipelines.raw.checks import name

_SYNTAX = (
    sql.Column, sql.Identifier, sql.Literal, sql.Boolean, sql.Null, sql.Paren, sql.Neg, sql.Add, sql.Sub, sql.Mul,
    sql.Div, sql.IntDiv, sql.Mod, sql.EQ, sql.NEQ, sql.GT, sql.GTE, sql.LT, sql.LTE, sql.And, sql.Or, sql.Not, sql.Is,
    sql.In, sql.Between, sql.Case, sql.If, sql.DPipe,
)  # fmt: skip
_FUNCTIONS = {
    "abs": sql.Abs, "ceil": sql.Ceil, "coalesce": sql.Coalesce, "concat": sql.Concat, "floor": sql.Floor, "if": sql.If,
    "length": sql.Length, "lower": sql.Lower, "nullif": sql.Nullif, "round": sql.Round, "substr": sql.Substring,
    "trim": sql.Trim, "upper": sql.Upper,
}  # fmt: skip
_AGGREGATES = {
    "avg": sql.Avg, "count": sql.Count, "max": sql.Max, "median": sql.Median, "min": sql.Min, "quantile": sql.Quantile,
    "sum": sql.Sum,
}  # fmt: skip
_ARITHMETIC = (sql.Neg, sql.Add, sql.Sub, sql.Mul, sql.Div, sql.IntDiv, sql.Mod)
_COMPARISONS = (sql.EQ, sql.NEQ, sql.GT, sql.GTE, sql.LT, sql.LTE, sql.In, sql.Between)
_NUMERIC = (
    *_ARITHMETIC, sql.Abs, sql.Ceil, sql.Floor, sql.Round, sql.Avg, sql.Max, sql.Median, sql.Min, sql.Quantile, sql.Sum,
)  # fmt: skip


class BadExpressionError(ValueError):
    """An expression that cannot be understood; says what was found and what would be valid."""


@dataclass(frozen=True)
class Compiled:
    """SQL for an expression, and the SQL conditions that are true where a cell of it was text but no number."""

    sql: str
    unreadable: tuple[str, ...] = ()


def column_of(text: str, columns: Iterable[str]) -> str:
    """A column's name, if the source has it; otherwise an error that offers the nearest."""
    known = list(columns)
    if text in known:
        return text
    raise BadExpressionError(f"the source has no column {text!r}; {nearest(text, known)}")


def nearest(text: str, known: Iterable[str]) -> str:
    """The close of an error message: the nearest valid name, and what else there is."""
    names = list(known)
    by_lower = {one.lower(): one for one in names}
    close = get_close_matches(text.lower(), by_lower, n=1, cutoff=0.5)
    hint = f"did you mean {by_lower[close[0]]!r}? " if close else ""
    return f"{hint}Valid: {', '.join(names)}"


def compile_expression(text: str, columns: Mapping[str, str], *, grouped: bool = False) -> Compiled:
    """SQL for an expression over a source's columns (name to DuckDB type)."""
    try:
        tree = sqlglot.parse_one(text, dialect="duckdb")
    except SqlglotError as problem:
        reason = str(problem).splitlines()[0].removesuffix(".")
        msg = f'cannot read the expression {text!r} ({reason}). Names with spaces stand in double quotes: "list price"'
        raise BadExpressionError(msg) from problem
    functions = _FUNCTIONS | (_AGGREGATES if grouped else {})
    allowed = (*_SYNTAX, *functions.values(), *((sql.Star, sql.Distinct) if grouped else ()))
    for node in tree.walk():
        if not isinstance(node, allowed):
            called = node.name if isinstance(node, sql.Anonymous) else node.key
            if isinstance(node, tuple(_AGGREGATES.values())):
                raise BadExpressionError(f"{called!r} sums up many rows: add `grouped: true` to the table")
            raise BadExpressionError(f"{called!r} in {text!r} is not offered here; {nearest(called, functions)}")
    unreadable: list[str] = []
    for column in list(tree.find_all(sql.Column)):
        found = column_of(column.sql(dialect="duckdb").strip('"'), columns)
        cell = name(found)
        if columns[found] == "VARCHAR" and _is_number_wanted(column):
            text_cell = f"nullif(trim({cell}), '')"
            # A group has no row of its own to refuse, so there a cell that is no number stops the load.
            number = f"CAST({text_cell} AS DOUBLE)" if grouped else f"TRY_CAST({text_cell} AS DOUBLE)"
            if not grouped:
                unreadable.append(f"{text_cell} IS NOT NULL AND {number} IS NULL")
            cell = number
        replacement = sqlglot.parse_one(cell, dialect="duckdb")
        if column is tree:
            tree = replacement
        else:
            column.replace(replacement)
    return Compiled(tree.sql(dialect="duckdb"), tuple(dict.fromkeys(unreadable)))


def _is_number_wanted(column: sql.Column) -> bool:
    parent = column.parent
    while isinstance(parent, sql.Paren):
        parent = parent.parent
    if isinstance(parent, _NUMERIC):
        return True
    if isinstance(parent, _COMPARISONS):
        others = parent.find_all(sql.Literal, *_ARITHMETIC)
        return any(not isinstance(node, sql.Literal) or not node.is_string for node in others)
    return False
