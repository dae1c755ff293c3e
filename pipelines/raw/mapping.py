"""Mapping files: how somebody's own tables become the raw tables, without code.

    tables:
      deals:
        - from: sales.csv                 # a file or glob in the folder, or a table of the database
          where: price > 0
          columns:
            deal_id: {key: [id, date]}    # a stable number made of these columns
            kind: {constant: SELL}
            price: price * 1000
            occurred_at: {column: date, format: "%d/%m/%Y", timezone: Europe/Prague}
            ingested_at: {column: date, format: "%d/%m/%Y", plus: 3 days}

Every mistake is told with the file, its line and the nearest valid name.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from zoneinfo import available_timezones

import yaml

from pipelines.raw.checks import Check, name
from pipelines.raw.contracts import TABLES, Column, RawTable, table
from pipelines.raw.expressions import BadExpressionError, Compiled, column_of, compile_expression, nearest
from pipelines.raw.store import quoted

# How many of the contract's unit one of the named unit is.
UNITS: Mapping[str, Mapping[str, float]] = {
    "sqft": {"m2": 10.763910416709722, "acre": 43560.0, "hectare": 107639.10416709722},
    "USD": {"thousand USD": 1e3, "million USD": 1e6, "cents": 0.01},
    "percent": {"fraction": 100.0, "basis points": 0.01},
    "ratio": {"percent": 0.01},
    "days": {"weeks": 7.0, "hours": 1 / 24},
}
_STARTS = ("column", "constant", "expression", "key")
_STEPS = ("null", "values", "default", "unit", "format", "truncate", "timezone", "plus")
_INTERVAL = re.compile(r"(\s*-?\d+\s+(year|month|week|day|hour|minute|second)s?)+\s*")


class BadMappingError(ValueError):
    """A mistake in a mapping file."""


@dataclass(frozen=True)
class Located:
    """A value of a mapping file and the line it stands on."""

    value: Any
    line: int


@dataclass(frozen=True)
class Mapped:
    """SQL for the columns of a raw table over a source's columns, and what can be wrong with a row's cells."""

    columns: Mapping[str, str]
    checks: Mapping[str, tuple[Check, ...]]
    where: str
    grouped: bool


@dataclass(frozen=True)
class Part:
    """One item of a source (a file, a glob, a database table) that yields rows of one raw table."""

    file: Path
    table: RawTable
    line: int
    item: str
    columns: Mapping[str, Located]
    where: Located | None
    grouped: bool

    def compile(self, source_columns: Mapping[str, str]) -> Mapped:
        """SQL over the columns that the source turned out to have."""
        steps = {
            column: _compile_column(self, self.table[column], spec, source_columns)
            for column, spec in self.columns.items()
        }
        where = self._at(self.where, lambda text: compile_expression(str(text), source_columns)) if self.where else None
        checks = {column: found for column, (_, found) in steps.items()}
        return Mapped(
            {column: sql for column, (sql, _) in steps.items()}, checks, where.sql if where else "", self.grouped
        )

    def copies(self, column: str) -> str | None:
        """The source column that a column is an unchanged copy of, if it is one."""
        spec = self.columns.get(column)
        return str(spec.value) if spec and isinstance(spec.value, str) and spec.value.isidentifier() else None

    def _at(self, spec: Located, compiled: Any) -> Any:
        try:
            return compiled(spec.value)
        except BadExpressionError as problem:
            raise _mistake(self.file, spec.line, str(problem)) from problem


@dataclass(frozen=True)
class MappingFile:
    """A whole mapping: which items of a source yield which raw table, and how its text is encoded."""

    parts: Mapping[str, tuple[Part, ...]]
    encoding: str = "utf-8"
    text: str = ""


def read_mapping(file: Path) -> MappingFile:
    """Read and check all of a mapping file that can be checked without its source."""
    try:
        text = file.read_text(encoding="utf-8")
        root = yaml.compose(text, Loader=yaml.SafeLoader)
    except OSError as problem:
        raise BadMappingError(f"{file}: cannot be read ({problem.strerror}).") from problem
    except yaml.MarkedYAMLError as problem:
        line = problem.problem_mark.line + 1 if problem.problem_mark else 1
        raise _mistake(file, line, f"not valid YAML: {problem.problem}") from problem
    top = _entries(file, _located(root), ("tables", "encoding"), "the top of a mapping")
    if "tables" not in top:
        raise _mistake(file, 1, "expected `tables:` with the raw tables that the source yields")
    raw_names = [raw.name for raw in TABLES]
    parts = {}
    for raw_name, listed in _entries(file, top["tables"], raw_names, "a raw table").items():
        if not isinstance(listed.value, list) or not listed.value:
            raise _mistake(file, listed.line, f"expected a list under {raw_name}: `- from: ...` for each file or table")
        parts[raw_name] = tuple(_part(file, table(raw_name), entry) for entry in listed.value)
    encoding = str(top["encoding"].value) if "encoding" in top else "utf-8"
    return MappingFile(parts, encoding, text)


def _part(file: Path, raw: RawTable, entry: Located) -> Part:
    fields = _entries(file, entry, ("from", "where", "grouped", "columns"), f"an entry of {raw.name}")
    for needed in ("from", "columns"):
        if needed not in fields:
            raise _mistake(file, entry.line, f"expected `{needed}:` in this entry of {raw.name}")
    columns = _entries(file, fields["columns"], [column.name for column in raw.columns], f"a column of {raw.name}")
    for column in raw.columns:
        if column.required and column.name not in columns:
            raise _mistake(
                file, fields["columns"].line, f"{raw.name} needs the column {column.name!r} ({column.description})"
            )
    grouped = bool(fields["grouped"].value) if "grouped" in fields else False
    return Part(file, raw, entry.line, str(fields["from"].value), columns, fields.get("where"), grouped)


def _compile_column(
    part: Part, column: Column, spec: Located, source: Mapping[str, str]
) -> tuple[str, tuple[Check, ...]]:
    if not isinstance(spec.value, dict):
        text = "NULL" if spec.value is None else str(spec.value)
        if text in source:
            return name(text), ()
        compiled = part._at(spec, lambda _: compile_expression(text, source, grouped=part.grouped))
        return compiled.sql, _number_checks(column, compiled)
    steps = _entries(part.file, spec, (*_STARTS, *_STEPS), "a step of a column")
    starts = [start for start in _STARTS if start in steps]
    if len(starts) != 1:
        found = " and ".join(starts) or "none"
        raise _mistake(part.file, spec.line, f"{column.name}: expected one of {', '.join(_STARTS)}, found {found}")
    start = steps[starts[0]]
    compiled = part._at(start, lambda value: _start(starts[0], value, part, source))
    kind = source.get(str(start.value), "VARCHAR") if starts[0] == "column" else ""
    value, checks = compiled.sql, list(_number_checks(column, compiled))
    if "null" in steps:
        nothing = steps["null"].value if isinstance(steps["null"].value, list) else [steps["null"]]
        listed = ", ".join(quoted(str(one.value)) for one in nothing)
        value = f"CASE WHEN CAST({value} AS VARCHAR) NOT IN ({listed}) THEN {value} END"
    if "values" in steps:
        pairs = " ".join(
            f"WHEN {quoted(str(one))} THEN {_literal(other.value)}" for one, other in steps["values"].value.items()
        )
        value = f"CASE CAST({value} AS VARCHAR) {pairs} ELSE {value} END"
    if "default" in steps:
        value = f"coalesce({value}, {_literal(steps['default'].value)})"
    if "unit" in steps:
        value, unreadable = _unit(part, column, steps["unit"], value)
        checks.append(unreadable)
    if any(step in steps for step in ("format", "truncate", "timezone", "plus")):
        value, timed = _time(part, column, steps, value, kind)
        checks += timed
    return value, tuple(checks)


def _start(kind: str, value: Any, part: Part, source: Mapping[str, str]) -> Compiled:
    if kind == "column":
        return Compiled(name(column_of(str(value), source)))
    if kind == "constant":
        return Compiled(_literal(value))
    if kind == "expression":
        return compile_expression(str(value), source, grouped=part.grouped)
    cells = [one.value for one in value] if isinstance(value, list) else [value]
    joined = ", '|', ".join(f"coalesce(CAST({name(column_of(str(one), source))} AS VARCHAR), '')" for one in cells)
    # md5, because DuckDB's own hash may change from one version to the next, and keys must not.
    return Compiled(f"CAST(md5_number_lower(concat({joined})) >> 1 AS BIGINT)")


def _unit(part: Part, column: Column, unit: Located, value: str) -> tuple[str, Check]:
    known = {column.unit: 1.0, **UNITS.get(column.unit, {})}
    if unit.value not in known:
        raise _mistake(
            part.file, unit.line, f"{column.name} cannot be had from {unit.value!r}; {nearest(str(unit.value), known)}"
        )
    number = f"TRY_CAST({value} AS DOUBLE)"
    unreadable = Check(
        f"{column.name}: not a number", f"nullif(CAST({value} AS VARCHAR), '') IS NOT NULL AND {number} IS NULL"
    )
    return f"{number} * {known[unit.value]!r}", unreadable


def _time(
    part: Part, column: Column, steps: Mapping[str, Located], value: str, kind: str
) -> tuple[str, tuple[Check, ...]]:
    checks: tuple[Check, ...] = ()
    before = f"nullif(trim(CAST({value} AS VARCHAR)), '')"
    if "format" in steps:
        formats = steps["format"].value if isinstance(steps["format"].value, list) else [steps["format"]]
        listed = ", ".join(quoted(str(one.value)) for one in formats)
        value = f"try_strptime({before}, [{listed}])" if len(formats) > 1 else f"try_strptime({before}, {listed})"
        shown = " or ".join(str(one.value) for one in formats)
        checks = (Check(f"{column.name}: not of the form {shown}", f"{before} IS NOT NULL AND {value} IS NULL"),)
    elif kind in ("VARCHAR", ""):
        value = f"TRY_CAST({before} AS TIMESTAMP)"
        checks = (Check(f"{column.name}: not a time (ISO 8601)", f"{before} IS NOT NULL AND {value} IS NULL"),)
    if "truncate" in steps:
        periods = ("day", "month", "year")
        if steps["truncate"].value not in periods:
            step = steps["truncate"]
            raise _mistake(
                part.file, step.line, f"cannot truncate to {step.value!r}; {nearest(str(step.value), periods)}"
            )
        value = f"date_trunc({quoted(steps['truncate'].value)}, {value})"
    if "timezone" in steps:
        zone = str(steps["timezone"].value)
        if zone not in available_timezones():
            hint = nearest(zone, sorted(available_timezones())).split("Valid:")[0]
            raise _mistake(part.file, steps["timezone"].line, f"there is no time zone {zone!r}; {hint}")
        # A local time that a change of clocks skips or repeats is read as PostgreSQL and DuckDB read it.
        value = f"timezone({quoted(zone)}, {value})"
    if "plus" in steps:
        interval = str(steps["plus"].value)
        if not _INTERVAL.fullmatch(interval):
            raise _mistake(
                part.file, steps["plus"].line, f"{interval!r} is no span of time; write e.g. 1 month 12 days"
            )
        value = f"({value} + INTERVAL {quoted(interval)})"
    return (f"CAST({value} AS DATE)" if column.type == "date" else value), checks


def _number_checks(column: Column, compiled: Compiled) -> tuple[Check, ...]:
    return tuple(Check(f"{column.name}: not a number", condition) for condition in compiled.unreadable)


def _literal(value: Any) -> str:
    if isinstance(value, bool) or value is None:
        return {True: "true", False: "false", None: "NULL"}[value]
    return repr(value) if isinstance(value, int | float) else quoted(str(value))


def _located(node: yaml.Node | None) -> Located:
    if node is None:
        return Located(None, 1)
    line = node.start_mark.line + 1
    if isinstance(node, yaml.MappingNode):
        return Located(
            {key.value: Located(_located(value).value, key.start_mark.line + 1) for key, value in node.value}, line
        )
    if isinstance(node, yaml.SequenceNode):
        return Located([_located(value) for value in node.value], line)
    return Located(_scalar(node), line)


def _scalar(node: Any) -> str | int | float | bool | None:
    """A scalar as its author meant it: YAML itself would make a column called `no` false and a day a date."""
    text = str(node.value)
    if node.style:
        return text
    if text in ("", "~", "null"):
        return None
    if text in ("true", "false"):
        return text == "true"
    for number in (int, float):
        try:
            return number(text)
        except ValueError:
            continue
    return text


def _entries(file: Path, node: Located, valid: Any, what: str) -> dict[str, Located]:
    """The entries of a mapping node, every key of which must be valid."""
    if not isinstance(node.value, dict):
        raise _mistake(file, node.line, f"expected `name: value` pairs for {what}, found {node.value!r}")
    for key, value in node.value.items():
        if key not in valid:
            raise _mistake(file, value.line, f"{key!r} is not {what}; {nearest(str(key), valid)}")
    return node.value


def _mistake(file: Path, line: int, what: str) -> BadMappingError:
    return BadMappingError(f"{file}:{line}: {what.rstrip('.')}.")
