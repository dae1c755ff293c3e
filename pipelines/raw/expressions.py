"""The small language of mapping files: arithmetic, comparisons, CASE, and a visible list of functions.

An expression is parsed, never pasted: only what is listed here reaches the database, and a name that the source does
not have is answered with the nearest one that it has.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from difflib import get_close_matches

import sqlglot
from sqlglot import expressions as sql
from sqlglot.errors import SqlglotError

from pipelines.raw.checks import name
from pipelines.raw.column_names import described, plain_names
from pipelines.raw.column_rule import Check, ColumnRule, DateForm
from pipelines.raw.readings import (
    TOO_LONG,
    BadExpressionError,
    TextReading,
    YearsBetween,
    ancestors,
    date_reading,
    number_reading,
    parsed,
    reading_of,
    replaced,
    require_form,
    require_type,
    with_years_between,
    years_between,
)

_SYNTAX = (
    sql.Column, sql.Identifier, sql.Literal, sql.Boolean, sql.Null, sql.Paren, sql.Neg, sql.Add, sql.Sub, sql.Mul,
    sql.Div, sql.IntDiv, sql.Mod, sql.EQ, sql.NEQ, sql.GT, sql.GTE, sql.LT, sql.LTE, sql.And, sql.Or, sql.Not, sql.Is,
    sql.In, sql.Between, sql.Case, sql.If, sql.DPipe, sql.DataType,
)  # fmt: skip
_FUNCTIONS = {
    "abs": sql.Abs, "cast": sql.Cast, "ceil": sql.Ceil, "coalesce": sql.Coalesce, "concat": sql.Concat, "day": sql.Day,
    "floor": sql.Floor, "if": sql.If, "length": sql.Length, "lower": sql.Lower, "month": sql.Month,
    "nullif": sql.Nullif, "round": sql.Round, "strptime": sql.StrToTime, "substr": sql.Substring, "trim": sql.Trim,
    "upper": sql.Upper, "year": sql.Year, "years_between": YearsBetween,
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
# What takes dates, and gives a number.
_OF_DATES = (sql.Year, sql.Month, sql.Day, YearsBetween)
_NUMBERS = (sql.DType.INT, sql.DType.BIGINT, sql.DType.DOUBLE)
_LONGEST = 10_000


def column_of(text: str, columns: Iterable[str]) -> str:
    """A column's name, if the source has it; otherwise an error that offers the nearest."""
    known = list(columns)
    if text in known:
        return text
    plain = plain_names(known)
    hint = nearest(text, plain) if plain else f"it has {described(known)}"
    raise BadExpressionError(f"the source has no column {text!r}; {hint}")


def nearest(text: str, known: Iterable[str]) -> str:
    """The close of an error message: the nearest valid name, and what else there is."""
    names = list(known)
    by_lower = {one.lower(): one for one in names}
    close = get_close_matches(text.lower(), by_lower, n=1, cutoff=0.5)
    hint = f"did you mean {by_lower[close[0]]!r}? " if close else ""
    return f"{hint}Valid: {', '.join(names)}"


def compile_expression(
    text: str, columns: Mapping[str, str], *, grouped: bool = False, strict: bool = False
) -> ColumnRule:
    """SQL for an expression over a source's columns (name to DuckDB type).

    `strict` lets a cell that is no number stop the load, since a group has no row of its own to refuse.
    """
    try:
        return _compile(text, columns, grouped=grouped, strict=strict)
    except RecursionError:
        raise BadExpressionError(TOO_LONG) from None


def _compile(text: str, columns: Mapping[str, str], *, grouped: bool, strict: bool) -> ColumnRule:
    tree = with_years_between(_tree(text))
    _require_offered(tree, text, grouped=grouped)
    # Decided before any of them is replaced, since what a cell stands for may depend on another.
    nodes = list(tree.find_all(sql.Cast, sql.StrToTime, YearsBetween))
    cells = []
    for column in tree.find_all(sql.Column):
        source = column_of(".".join(part.name for part in column.parts), columns)
        cell, is_text = name(source), columns[source] == "VARCHAR"
        cells.append((column, cell, _reading_wanted(column, cell) if is_text else None))
    reader = _TokenReader(tree, strict)
    for column, cell, wanted in cells:
        if wanted:
            reader.read(column, wanted)
        else:
            reader.put(column, cell)
    # From the inside, so that what is read last is made of what was read before.
    for node in reversed(nodes):
        if isinstance(node, YearsBetween):
            reader.put(node, years_between(node))
        elif reading := reading_of(node):
            reader.read(node, reading)
    return reader.compiled()


def _tree(text: str) -> sql.Expr:
    if len(text) > _LONGEST:
        raise BadExpressionError(TOO_LONG)
    try:
        return sqlglot.parse_one(text, dialect="duckdb")
    except SqlglotError as problem:
        reason = str(problem).splitlines()[0].removesuffix(".")
        msg = f'cannot read the expression {text!r} ({reason}). Names with spaces stand in double quotes: "list price"'
        raise BadExpressionError(msg) from problem


def _require_offered(tree: sql.Expr, text: str, *, grouped: bool) -> None:
    functions = _FUNCTIONS | (_AGGREGATES if grouped else {})
    allowed = (*_SYNTAX, *functions.values(), *((sql.Star, sql.Distinct) if grouped else ()))
    for node in tree.walk():
        if isinstance(node, sql.DataType):
            require_type(node)
        if isinstance(node, sql.StrToTime):
            require_form(node)
        if not isinstance(node, allowed) or isinstance(node, sql.TryCast):
            called = node.name if isinstance(node, sql.Anonymous) else node.key
            if isinstance(node, tuple(_AGGREGATES.values())):
                raise BadExpressionError(f"{called!r} sums up many rows: add `grouped: true` to the table")
            raise BadExpressionError(f"{called!r} in {text!r} is not offered here; {nearest(called, functions)}")


@dataclass
class _TokenReader:
    """A tree in which text is being replaced by its meaning, with what can be wrong with it."""

    tree: sql.Expr
    strict: bool
    found: list[tuple[sql.Expr, Check]] = field(default_factory=list)
    forms: list[DateForm] = field(default_factory=list)

    def read(self, node: sql.Expr, reading: TextReading) -> None:
        """Put a reading in the place of a node."""
        other = self.put(node, reading.strict if self.strict else reading.value)
        if not self.strict:
            self.found.append((other, reading.check))
        if reading.form:
            self.forms.append(DateForm("", reading.text, (reading.form,)))

    def put(self, node: sql.Expr, text: str) -> sql.Expr:
        """Put other SQL in the place of a node. What was found inside of the node is from now on found there."""
        other = parsed(text)
        self.found = [
            (other, Check(check.reason, " AND ".join([check.condition, *_guards(place, until=node)])))
            if any(outer is node for outer in ancestors(place))
            else (place, check)
            for place, check in self.found
        ]
        self.tree = replaced(self.tree, node, other)
        return other

    def compiled(self) -> ColumnRule:
        """The tree as SQL, and each check under the conditions of the CASE branches that it counts in."""
        checks = (Check(check.reason, " AND ".join([check.condition, *_guards(node)])) for node, check in self.found)
        return ColumnRule(self.tree.sql(dialect="duckdb"), tuple(dict.fromkeys(checks)), tuple(self.forms))


def _guards(node: sql.Expr, until: sql.Expr | None = None) -> Iterator[str]:
    """The conditions under which a part of an expression counts: those of the CASE branches that it stands in."""
    for parent in ancestors(node):
        if isinstance(parent, sql.If) and node is not parent.this:
            yield f"({_condition(parent)}) IS {'' if node is parent.args['true'] else 'NOT '}TRUE"
        if isinstance(parent, sql.Case) and node is parent.args.get("default"):
            yield from (f"({_condition(branch)}) IS NOT TRUE" for branch in parent.args["ifs"])
        if parent is until:
            return
        node = parent


def _condition(branch: sql.If) -> str:
    compared = branch.parent.this if isinstance(branch.parent, sql.Case) else None
    condition = branch.this.sql(dialect="duckdb")
    return f"{compared.sql(dialect='duckdb')} = ({condition})" if compared else condition


def _reading_wanted(column: sql.Column, cell: str) -> TextReading | None:
    if _is_number_wanted(column):
        return number_reading(cell)
    return date_reading(cell) if _is_date_wanted(column) else None


def _is_date_wanted(node: sql.Expr) -> bool:
    """Whether a part of an expression stands where a date belongs."""
    parent = node.parent
    if isinstance(parent, (sql.Paren, *_CHOICES)) and not isinstance(parent, sql.Nullif):
        return _is_date_wanted(parent) and (isinstance(parent, sql.Paren) or node in _choices(parent))
    if isinstance(parent, sql.If) and isinstance(parent.parent, sql.Case):
        return node is not parent.this and _is_date_wanted(parent.parent)
    return isinstance(parent, _OF_DATES)


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
    if isinstance(node, sql.Cast):
        return node.args["to"].this in _NUMBERS
    return isinstance(node, (*_NUMERIC, *_OF_DATES)) or (
        isinstance(node, _CHOICES) and any(map(_is_number, _choices(node)))
    )


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
