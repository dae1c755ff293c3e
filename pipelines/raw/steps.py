"""What a column of a raw table is made of: the starts and steps of a mapping file, compiled to SQL."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from dataclasses import replace

from pipelines.parquet import quoted
from pipelines.raw.checks import NAIVE, ZONED, name, number_in, something_in, time_in
from pipelines.raw.column_rule import Check, ColumnRule, DateForm
from pipelines.raw.contracts import Column
from pipelines.raw.expressions import column_of, compile_expression, nearest
from pipelines.raw.readings import DIRECTIVES, FORMAT, BadExpressionError
from pipelines.raw.source_position import SourcePosition
from pipelines.raw.time_zones import time_zone

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
_PERIODS = ("day", "month", "year")
# So few digits that no sum of a date and a span leaves what DuckDB can count.
_INTERVAL = re.compile(r"(\s*-?\d{1,5}\s+(year|month|week|day|hour|minute|second)s?)+\s*")
_NUMBER = re.compile(r"[+-]?(\d+[.]?\d*|[.]\d+)(e[+-]?\d+)?", re.IGNORECASE)
_DAY = re.compile(r"\d{4}-\d{2}-\d{2}.*")
# A time of day with something after it that is no part of it: +02:00, Z, Europe/Prague.
_OFFSET = ":[0-9.]+ *[^0-9:. ]"


def compile_column(column: Column, spec: SourcePosition, source: Mapping[str, str], *, grouped: bool) -> ColumnRule:
    """The rule of a column of the contract over a source's columns."""
    if not isinstance(spec.value, dict):
        text = "NULL" if spec.value is None else spec.word(f"what {column.name} is made of")
        if text in source:
            return ColumnRule(name(text))
        rule = with_position(spec, lambda: compile_expression(text, source, grouped=grouped, strict=grouped))
        return rule.of(column.name, spec.place)
    steps = spec.entries("a step of a column", (*_STARTS, *_STEPS))
    starts = [start for start in _STARTS if start in steps]
    if len(starts) != 1:
        found = " and ".join(starts) or "none"
        raise spec.error_at(f"{column.name}: expected one of {', '.join(_STARTS)}, found {found}")
    rule = _start(starts[0], steps[starts[0]], source, grouped=grouped).of(column.name, steps[starts[0]].place)
    kind = source[steps["column"].word("a column")] if starts[0] == "column" else "VARCHAR"
    if {"null", "values", "default"} & steps.keys():
        rule, kind = replace(rule, value=_replaced(column, steps, rule.value)), "VARCHAR"
    if "unit" in steps:
        rule = _unit(column, steps["unit"], rule)
    if {"format", "truncate", "timezone", "plus"} & steps.keys():
        rule = _time(column, steps, rule, kind)
    return rule


def with_position(spec: SourcePosition, compiled: Callable[[], ColumnRule]) -> ColumnRule:
    """Compile, and tell a mistake with its place."""
    try:
        return compiled()
    except BadExpressionError as problem:
        raise spec.error_at(str(problem)) from problem


def _start(kind: str, spec: SourcePosition, source: Mapping[str, str], *, grouped: bool) -> ColumnRule:
    if kind == "constant":
        return ColumnRule(_literal(spec))
    if kind == "key":
        cells = spec.words("columns")
        return with_position(spec, lambda: ColumnRule(_key([name(column_of(cell, source)) for cell in cells])))
    text = spec.word(f"one {kind}")
    if kind == "column":
        return with_position(spec, lambda: ColumnRule(name(column_of(text, source))))
    return with_position(spec, lambda: compile_expression(text, source, grouped=grouped, strict=grouped))


def _key(cells: list[str]) -> str:
    # Each cell with its length before it, or a dash for none, so that no two rows of cells read the same.
    texts = (f"CAST({cell} AS VARCHAR)" for cell in cells)
    joined = ", ".join(f"coalesce(concat(length({text}), ':', {text}), '-')" for text in texts)
    # md5, because DuckDB's own hash may change from one version to the next, and keys must not.
    return f"CAST(md5_number_lower(concat({joined})) >> 1 AS BIGINT)"


def _literal(spec: SourcePosition) -> str:
    """Text, even of a number: what it means is for the contract to say, as with any cell."""
    return "NULL" if spec.value is None else quoted(_cell(spec))


def _cell(spec: SourcePosition) -> str:
    return "" if spec.value == "" else spec.word("a single value")


def _replaced(column: Column, steps: Mapping[str, SourcePosition], value: str) -> str:
    """The value as text, with what the steps say in its place."""
    text = f"CAST({value} AS VARCHAR)"
    branches = []
    if "null" in steps:
        listed = steps["null"].value
        nothing = listed if isinstance(listed, list) and listed else [steps["null"]]
        branches += [f"WHEN {_is_same(value, _cell(one))} THEN NULL" for one in nothing]
    if "values" in steps:
        pairs = steps["values"].entries("the values of a column")
        if not pairs:
            raise steps["values"].error_at("expected `theirs: ours` pairs for values, found none")
        branches += [f"WHEN {_is_same(value, theirs)} THEN {_literal(ours)}" for theirs, ours in pairs.items()]
    if branches:
        text = f"CASE {' '.join(branches)} ELSE {text} END"
    if "default" in steps:
        there = f"nullif({text}, '')" if column.type == "string" else something_in(text)
        text = f"coalesce({there}, {_literal(steps['default'])})"
    return text


def _is_same(value: str, word: str) -> str:
    """Whether a value is what a word says: to the letter in text, by what it means in numbers and times."""
    text = f"CAST({value} AS VARCHAR)"
    same = f"{text} = {quoted(word)}"
    for form, kind in ((_NUMBER, "DECIMAL(38, 9)"), (_DAY, "TIMESTAMP")):
        if form.fullmatch(word):
            meant = f"TRY_CAST({quoted(word)} AS {kind})"
            same += f" OR (typeof({value}) <> 'VARCHAR' AND TRY_CAST({text} AS {kind}) = {meant})"
    return f"({same})"


def _unit(column: Column, unit: SourcePosition, rule: ColumnRule) -> ColumnRule:
    known = {column.unit: 1.0, **UNITS.get(column.unit, {})}
    word = unit.word("a unit")
    if word not in known:
        raise unit.error_at(f"{column.name} cannot be had from {word!r}; {nearest(word, known)}")
    text = _text(rule.value)
    unreadable = Check(f"{column.name}: not a number", f"{text} IS NOT NULL AND {number_in(text)} IS NULL")
    return replace(rule, value=f"{number_in(text)} * {known[word]!r}", checks=(*rule.checks, unreadable))


def _text(value: str) -> str:
    return f"nullif(trim(CAST({value} AS VARCHAR)), '')"


def _time(column: Column, steps: Mapping[str, SourcePosition], rule: ColumnRule, kind: str) -> ColumnRule:
    """A moment, known both as an instant and by the clock that it was read from."""
    zone = time_zone(steps["timezone"]) if "timezone" in steps else "UTC"
    checks: tuple[Check, ...] = ()
    value, text, forms = rule.value, _text(rule.value), rule.forms
    instant = clock = ""
    if "format" in steps:
        formats = _formats(steps["format"])
        forms += (DateForm(f"{steps['format'].place}: {column.name}", text, tuple(formats)),)
        shown = " or ".join(formats)
        parsed = f"try_strptime({text}, [{', '.join(map(quoted, formats))}])"
        checks = (Check(f"{column.name}: not of the form {shown}", f"{text} IS NOT NULL AND {parsed} IS NULL"),)
        if any(directive in one for one in formats for directive in ("%z", "%Z")):
            instant = parsed
        else:
            clock = parsed
    elif kind in ZONED:
        instant = f"CAST({value} AS TIMESTAMP WITH TIME ZONE)"
    elif kind in NAIVE:
        clock = f"CAST({value} AS TIMESTAMP)"
    else:
        # An offset in the cell itself is believed before that of the mapping.
        own, plain = time_in(text, "TIMESTAMP WITH TIME ZONE"), time_in(text, "TIMESTAMP")
        bears = f"regexp_matches({text}, '{_OFFSET}')"
        instant = f"CASE WHEN {bears} THEN {own} ELSE timezone({quoted(zone)}, {plain}) END"
        clock = f"CASE WHEN {bears} THEN timezone({quoted(zone)}, {own}) ELSE {plain} END"
        checks = (Check(f"{column.name}: not a time (ISO 8601)", f"{text} IS NOT NULL AND {instant} IS NULL"),)
    if not clock:
        if "timezone" in steps:
            raise steps["timezone"].error_at(f"{column.name} bears its own offset already: leave out `timezone`")
        clock = f"timezone('UTC', {instant})"
    if "truncate" in steps:
        period = steps["truncate"].word("a period")
        if period not in _PERIODS:
            raise steps["truncate"].error_at(f"cannot truncate to {period!r}; {nearest(period, _PERIODS)}")
        clock = f"date_trunc({quoted(period)}, {clock})"
        instant = ""
    elif column.type == "date":
        checks += (Check(f"{column.name}: has a time of day", f"{clock} <> date_trunc('day', {clock})"),)
    plus = f" + INTERVAL {quoted(_span(steps['plus']))}" if "plus" in steps else ""
    # A local time that a change of clocks skips or repeats is read as PostgreSQL and DuckDB read it.
    moment = f"({instant or f'timezone({quoted(zone)}, {clock})'}{plus})"
    timed = f"CAST({clock}{plus} AS DATE)" if column.type == "date" else moment
    return ColumnRule(timed, (*rule.checks, *checks), forms)


def _formats(spec: SourcePosition) -> list[str]:
    formats = spec.words("a format such as %d.%m.%Y")
    for one in formats:
        if "%" not in one or not FORMAT.fullmatch(one):
            raise spec.error_at(f"{one!r} is no format such as %d.%m.%Y; valid after the %: {' '.join(DIRECTIVES)}")
    return formats


def _span(spec: SourcePosition) -> str:
    span = spec.word("a span of time such as 1 month 12 days")
    if not _INTERVAL.fullmatch(span):
        raise spec.error_at(f"{span!r} is no span of time; write e.g. 1 month 12 days, with at most five digits")
    return span
