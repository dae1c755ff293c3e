"""How rows of a source become rows of a raw table: the SQL that reads, checks and dates them.

The SQL is built in layers, each a SELECT over the one below: the source's columns under neutral names (s0, s1, ...),
the contract's columns, whether the row breaks the contract, and for such rows alone the reasons and the row as it was.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Sequence
from dataclasses import dataclass, replace
from datetime import date, datetime, timedelta

import duckdb

from pipelines.parquet import quoted
from pipelines.raw.checks import DUCKDB, WrongTypeError, any_of, checks_of, name, read_as
from pipelines.raw.column_names import described, plain_names
from pipelines.raw.column_rule import Check, ColumnRule
from pipelines.raw.contracts import Column, RawTable
from pipelines.raw.date_forms import doubts
from pipelines.raw.expressions import nearest
from pipelines.raw.mapping import Mapped
from pipelines.raw.scan import ORIGIN, ROW, BadSourceError, Scan

# With fewer values than this, all of them unreadable says nothing about the column.
_ENOUGH_TO_CONDEMN_A_COLUMN = 10
SOURCE_ROWS = "_source_rows"


@dataclass(frozen=True)
class RowValidation:
    """A scan read as a raw table.

    `every_row` selects the contract's columns, `known_on` (null where there is no day), `cells` (a hash of all
    that the source has in the row), `source_rows` (how many rows of the source it sums up), and for rows that are
    refused `reasons`, `origin` and `row`. `dated` selects `known_on` and `cells` alone, which is much cheaper.
    """

    table: RawTable
    every_row: str
    dated: str
    left_out: int
    unused: tuple[str, ...]
    warnings: tuple[str, ...] = ()
    grouped: bool = False

    def rows(self, days: Iterable[date | None], selected: str = "*", condition: str = "TRUE") -> str:
        """The rows of some days for which a condition is true; None are those without a day."""
        wanted = set(days)
        dated, undated = sorted(day for day in wanted if day), ["known_on IS NULL"] * (None in wanted)
        of_days = " OR ".join([*([self._known_on(dated)] if dated else []), *undated]) or "FALSE"
        return f"SELECT {selected} FROM ({self.every_row}) WHERE ({of_days}) AND {condition}"

    def _known_on(self, days: Sequence[date]) -> str:
        """The condition of days in their order. Bounds on the time let Parquet's statistics skip what lies outside."""
        known, end = name(self.table.known), days[-1] + timedelta(days=1)
        within = f"{known} >= '{days[0]} 00:00:00+00' AND {known} < '{end} 00:00:00+00' AND known_on IS NOT NULL"
        if len(days) > (days[-1] - days[0]).days:
            return within
        return f"{within} AND known_on IN ({', '.join(quoted(str(day)) for day in days)})"


def rows_of(
    validations: Iterable[RowValidation], days: Collection[date | None], selected: str = "*", condition: str = "TRUE"
) -> str:
    """The rows of some days of all that was validated."""
    return " UNION ALL ".join(validation.rows(days, selected, condition) for validation in validations)


def validate_rows(
    connection: duckdb.DuckDBPyConnection, table: RawTable, scan: Scan, mapped: Mapped | None, now: datetime
) -> RowValidation:
    """Read a scan as a raw table, either column by column under the contract's own names or through a mapping."""
    unused: tuple[str, ...] = ()
    # Text in a numeric column is a wrong type, unless a mapping asks for it or the source knows nothing but text.
    text = mapped is not None or not scan.typed
    if mapped is None:
        _require_columns(table, scan)
        mapped = Mapped(
            {c.name: ColumnRule(name(c.name)) for c in table.columns if c.name in scan.columns}, "", grouped=False
        )
        unused = tuple(column for column in scan.columns if column not in mapped.columns)
    source = f"{scan.relation} WHERE {mapped.where}" if mapped.where else scan.relation
    selected = [f"{rule.value} AS m_{column}" for column, rule in mapped.columns.items()]
    if mapped.grouped:
        as_it_was = {column.name: name(column.name) for column in table.columns}
        mapping = _groups(connection, scan, selected, source, mapped.place)
        flags: dict[str, tuple[Check, ...]] = {}
    else:
        as_it_was = {column: f"s{i}" for i, column in enumerate(scan.columns)}
        carried = [f"{name(column)} AS {place}" for column, place in as_it_was.items()]
        # What a mapping checks are cells of the source, which have their own names only down here.
        found = [(column, check) for column, rule in mapped.columns.items() for check in rule.checks]
        flagged = [f"{any_of([check])} AS f{i}" for i, (_, check) in enumerate(found)]
        flags = {
            column: tuple(Check(one.reason, f"f{i}") for i, (of, one) in enumerate(found) if of == column)
            for column in mapped.columns
        }
        mapping = f"SELECT {', '.join([*selected, *carried, *flagged, ORIGIN, ROW])} FROM {source}"
    types = _types(connection, mapping)
    rules = {}
    for column in table.columns:
        rule = _typed(column, table, scan, types, text=text or column.name in scan.numerals)
        rules[column.name] = replace(rule, checks=(*flags.get(column.name, ()), *rule.checks))
    typed = (
        f"SELECT *, {', '.join(f'{rule.value} AS {name(column)}' for column, rule in rules.items())} FROM ({mapping})"
    )
    _require_readable(connection, table, rules, typed)
    moment = f"TIMESTAMPTZ {quoted(now.isoformat())}"
    checks = checks_of(table, rules, moment)
    if mapped.grouped:
        # A group has no row in the source to be looked up: only the mapping tells how it came to be.
        checks = [
            replace(check, reason=f"{check.reason} in a group of {mapped.place}")
            if check.reason.endswith(": missing")
            else check
            for check in checks
        ]
    known = name(table.known)
    columns = ", ".join(name(column.name) for column in table.columns)
    day = f"CASE WHEN {known} BETWEEN '0001-01-01' AND {moment} THEN CAST({known} AS DATE) END AS known_on"
    cells = f"hash({', '.join(as_it_was.values())}) AS cells"
    reasons = ", ".join(f"CASE WHEN {check.condition} THEN {quoted(check.reason)} END" for check in checks)
    # Inside a CASE, so that the row is spelled out only where it is refused.
    row = f"json_object({', '.join(f'{quoted(column)}, {place}' for column, place in as_it_was.items())})"
    source_rows = f"{SOURCE_ROWS if mapped.grouped else 'CAST(1 AS BIGINT)'} AS source_rows"
    rows = (
        f"SELECT {columns}, known_on, {cells}, {source_rows}, "
        f"CASE WHEN _bad THEN list_filter([{reasons}], lambda r: r IS NOT NULL) END AS reasons, "
        f"CASE WHEN _bad THEN concat({ORIGIN}, ', row ' || {ROW}) END AS origin, "
        f"CASE WHEN _bad THEN CAST({row} AS VARCHAR) END AS row "
        f"FROM (SELECT *, {any_of(checks)} AS _bad, {day} FROM ({typed}))"
    )
    left_out = 0
    if mapped.where:
        left_out = _count(connection, f"FROM {scan.relation} WHERE ({mapped.where}) IS NOT TRUE")
    if scan.arrives:
        connection.execute(f"CREATE OR REPLACE TABLE {scan.relation}_validated AS {rows}")
        rows, dated = (f"SELECT {what} FROM {scan.relation}_validated" for what in ("*", "known_on, cells"))
        return RowValidation(table, rows, dated, left_out, unused)
    forms = [form for rule in mapped.columns.values() for form in rule.forms]
    warnings = tuple(doubts(connection, forms, source, insisted=mapped.dates_as_written))
    dated = f"SELECT {day}, {cells} FROM ({typed})"
    return RowValidation(table, rows, dated, left_out, unused, warnings, mapped.grouped)


def _count(connection: duckdb.DuckDBPyConnection, rest: str) -> int:
    return int(connection.execute(f"SELECT count(*) {rest}").fetchall()[0][0])


def _require_columns(table: RawTable, scan: Scan) -> None:
    for column in table.columns:
        if column.name not in scan.columns and column.required:
            hint = nearest(column.name, plain_names(scan.columns)).split("Valid:")[0]
            msg = (
                f"{table.name}: the column {column.name!r} ({column.description}) is missing. "
                f"Found: {described(scan.columns)}. {hint}"
                "A mapping file can rename columns; see docs/bring-your-own-data.md."
            )
            raise BadSourceError(msg)


def _groups(connection: duckdb.DuckDBPyConnection, scan: Scan, selected: list[str], source: str, place: str) -> str:
    """Sum up once and in one thread, since the last digit of a sum of floats depends on the order of its terms.

    Aggregates read text strictly: a cell that is no number has no row of its own to be refused with.
    """
    grouped = f"{scan.relation}_grouped"
    threads = connection.execute("SELECT current_setting('threads')").fetchall()[0][0]
    connection.execute("SET threads = 1")
    try:
        connection.execute(
            f"CREATE OR REPLACE TABLE {grouped} AS SELECT {', '.join(selected)}, count(*) AS {SOURCE_ROWS} "
            f"FROM {source} GROUP BY ALL"
        )
    finally:
        connection.execute(f"SET threads = {threads}")
    return f"SELECT *, {quoted(f'summed up by {place}')} AS {ORIGIN}, CAST(NULL AS BIGINT) AS {ROW} FROM {grouped}"


def _types(connection: duckdb.DuckDBPyConnection, mapping: str) -> dict[str, str]:
    described = connection.execute(f"DESCRIBE {mapping}").fetchall()
    return {column.removeprefix("m_"): kind for column, kind, *_ in described if column.startswith("m_")}


def _typed(column: Column, table: RawTable, scan: Scan, types: dict[str, str], *, text: bool) -> ColumnRule:
    if column.name not in types:
        return ColumnRule(f"CAST(NULL AS {DUCKDB[column.type]})")
    try:
        return read_as(column, f"m_{column.name}", types[column.name], text=text)
    except WrongTypeError as problem:
        msg = (
            f"{table.name}: the column {column.name!r} should be {column.type} ({column.description}) "
            f"but is {problem} in {', '.join(map(str, list(scan.files)[:1])) or scan.relation}. "
            "Convert it at the source, or with a mapping file; see docs/bring-your-own-data.md."
        )
        raise BadSourceError(msg) from problem


def _require_readable(
    connection: duckdb.DuckDBPyConnection, table: RawTable, rules: dict[str, ColumnRule], typed: str
) -> None:
    """Stop if some text column holds values, and not one of them can be read as what the contract declares."""
    texts = {column: rule for column, rule in rules.items() if rule.unreadable}
    if not texts:
        return
    counts = ", ".join(
        f"count(*) FILTER ({rule.unreadable}), count({name(column)}), any_value(m_{column}) FILTER ({rule.unreadable})"
        for column, rule in texts.items()
    )
    found = connection.execute(f"SELECT {counts} FROM ({typed})").fetchall()[0]
    for place, column in enumerate(texts):
        unreadable, readable, example = found[3 * place : 3 * place + 3]
        if unreadable >= _ENOUGH_TO_CONDEMN_A_COLUMN and readable == 0:
            msg = (
                f"{table.name}: the column {column!r} should be {table[column].type} "
                f"({table[column].description}), but none of its {unreadable} values is; the first is {example!r}. "
                f"A mapping file can give its format or unit; see docs/bring-your-own-data.md."
            )
            raise BadSourceError(msg)
