"""The small language of mapping files: arithmetic, comparisons, CASE, and a visible list of functions.

An expression is parsed, never pasted: only what is listed here reaches the database, and a name that the source does
not have is answered with the nearest one that it has.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from difflib import get_close_matches

import sqlglot
from sqlglot import expressions as sql
from sqlglot.errors import SqlglotError

from pipelines.raw.checks import name, number_in

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
_COMPARISONS = (sql.EQ, sql.NEQ, sql.GT, sql.GTE, sql.LT, sql.LTE, sql.In, sql.Between, sql.Nullif)
# What is one of its parts: they must all be numbers, or none.
_CHOICES = (sql.Coalesce, sql.Nullif, sql.Case, sql.If)
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


def compile_expression(
    text: str, columns: Mapping[str, str], *, grouped: bool = False, strict: bool = False
) -> Compiled:
    """SQL for an expression over a source's columns (name to DuckDB type).

    `strict` lets a cell that is no number stop the load, since a group has no row of its own to refuse.
    """
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
    cells = [
        (column, column_of(".".join(part.name for part in column.parts), columns))
        for column in tree.find_all(sql.Column)
    ]
    wanted = [columns[found] == "VARCHAR" and _is_number_wanted(column) for column, found in cells]
    unread: list[tuple[sql.Expr, str]] = []
    for (column, found), is_number in zip(cells, wanted, strict=True):
        cell = name(found)
        text = f"nullif(trim({cell}), '')"
        if is_number:
            cell = number_in(text).replace("TRY_CAST", "CAST") if strict else number_in(text)
        replacement = sqlglot.parse_one(cell, dialect="duckdb")
        tree = replacement if column is tree else tree
        column.replace(replacement)
        if is_number and not strict:
            unread.append((replacement, f"{text} IS NOT NULL AND {cell} IS NULL"))
    unreadable = (" AND ".join([condition, *_guards(node)]) for node, condition in unread)
    return Compiled(tree.sql(dialect="duckdb"), tuple(dict.fromkeys(unreadable)))


def _guards(node: sql.Expr) -> Iterator[str]:
    """The conditions under which a part of an expression counts: those of the CASE branches that it stands in."""
    parent = node.parent
    while parent is not None:
        if isinstance(parent, sql.If) and node is not parent.this:
            yield f"({_condition(parent)}) IS {'' if node is parent.args['true'] else 'NOT '}TRUE"
        if isinstance(parent, sql.Case) and node is parent.args.get("default"):
            yield from (f"({_condition(branch)}) IS NOT TRUE" for branch in parent.args["ifs"])
        node, parent = parent, parent.parent


def _condition(branch: sql.If) -> str:
    compared = branch.parent.this if isinstance(branch.parent, sql.Case) else None
    condition = branch.this.sql(dialect="duckdb")
    return f"{compared.sql(dialect='duckdb')} = ({condition})" if compared else condition


def _is_number_wanted(node: sql.Expr) -> bool:
    """Whether a part of an expression stands where a number belongs."""
    parent = node.parent
    if isinstance(parent, sql.Paren):
        return _is_number_wanted(parent)
    if isinstance(parent, _NUMERIC):
        return True
    if isinstance(parent, _COMPARISONS) and any(map(_is_number, parent.iter_expressions())):
        return True
    if isinstance(parent, sql.If) and isinstance(parent.parent, sql.Case):
        compared = parent.parent.this
        if node is parent.this:
            return compared is not None and _is_number(compared)
        return _is_number(parent.parent) or _is_number_wanted(parent.parent)
    if isinstance(parent, sql.Case) and node is parent.this:
        return any(_is_number(one.this) for one in parent.args["ifs"])
    if isinstance(parent, _CHOICES) and node in _choices(parent):
        return _is_number(parent) or _is_number_wanted(parent)
    return False


def _is_number(node: sql.Expr) -> bool:
    """Whether a part of an expression is a number, whatever the cells hold."""
    if isinstance(node, sql.Paren):
        return _is_number(node.this)
    if isinstance(node, sql.Literal):
        return not node.is_string
    return isinstance(node, _NUMERIC) or (isinstance(node, _CHOICES) and any(map(_is_number, _choices(node))))


def _choices(node: sql.Expr) -> list[sql.Expr]:
    """The parts of which one is what the expression yields."""
    if isinstance(node, sql.Case):
        parts = [*(one.args.get("true") for one in node.args["ifs"]), node.args.get("default")]
    elif isinstance(node, sql.If):
        parts = [node.args.get("true"), node.args.get("false")]
    elif isinstance(node, sql.Nullif):
        parts = [node.this]
    else:
        parts = [node.this, *node.expressions]
    return [part for part in parts if part is not None]
