"""What makes a raw row good: the contract of its table, compiled to SQL conditions.

A value that cannot be what its column declares condemns its row. A column that cannot (text where a number belongs)
stops the load, because then the fault lies in the table and not in a row.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping

from pipelines.parquet import quoted
from pipelines.raw.column_rule import Check, ColumnRule
from pipelines.raw.contracts import Column, RawTable

DUCKDB = {
    "int32": "INTEGER",
    "int64": "BIGINT",
    "float64": "DOUBLE",
    "string": "VARCHAR",
    "date": "DATE",
    "timestamp": "TIMESTAMP WITH TIME ZONE",
}
_INTEGERS = ("TINYINT", "SMALLINT", "INTEGER", "BIGINT", "HUGEINT", "UTINYINT", "USMALLINT", "UINTEGER", "UBIGINT")
_FLOATS = ("FLOAT", "DOUBLE", "DECIMAL")
ZONED = ("TIMESTAMP WITH TIME ZONE", "TIMESTAMPTZ_NS")
NAIVE = ("TIMESTAMP", "TIMESTAMP_NS", "TIMESTAMP_MS", "TIMESTAMP_S", "DATE")
# What exporters write for "nothing" into cells of text.
_NOTHING = "('', 'nan', 'null', 'none', 'na', 'n/a')"
# What DuckDB reads as a time, without its words ("epoch", "infinity"), its years of six digits and those before Christ.
_TIME = "[0-9]{4}[-/][0-9]{1,2}[-/][0-9]{1,2}([T ][^(]*)?"
# A date may be written as its first moment, but no offset may move it.
_DATE = "[0-9]{4}[-/][0-9]{1,2}[-/][0-9]{1,2}([T ]00:00(:00([.]0+)?)?(Z|[+-]00(:?00)?)?)?"


class WrongTypeError(ValueError):
    """A source column cannot hold what the contract declares."""


def name(column: str) -> str:
    """A column's name as an SQL identifier."""
    return '"' + column.replace('"', '""') + '"'


def number_in(text: str) -> str:
    """The number that an SQL expression of text holds, or null. DuckDB itself would read 1_000 as a thousand."""
    return f"TRY_CAST(replace({text}, '_', '?') AS DOUBLE)"


def time_in(text: str, kind: str) -> str:
    """The time that an SQL expression of text holds, as some DuckDB type, or null."""
    return f"CASE WHEN regexp_full_match({text}, '{_TIME}') THEN TRY_CAST({text} AS {kind}) END"


def day_in(text: str) -> str:
    """The date that an SQL expression of text begins with, as it is written: no offset moves it."""
    written = f"regexp_extract({text}, '^[0-9]+[-/][0-9]+[-/][0-9]+')"
    return f"CASE WHEN {time_in(text, 'TIMESTAMP WITH TIME ZONE')} IS NOT NULL THEN TRY_CAST({written} AS DATE) END"


def whole_number_in(text: str, kind: str) -> str:
    """The whole number that an SQL expression of text holds, or null. A plain cast would round 1.5 and read 1e3."""
    digits = f"TRY_CAST(regexp_extract({text}, '^[+-]?[0-9]+') AS {kind})"
    return f"CASE WHEN {is_whole_number(text)} THEN {digits} END"


def is_whole_number(text: str) -> str:
    """Whether an SQL expression of text is a whole number; "7.0" is what pandas makes of one beside a gap."""
    return f"regexp_full_match({text}, '[+-]?[0-9]+([.]0*)?')"


def something_in(text: str) -> str:
    """What an SQL expression of text holds, or null where it says that there is nothing."""
    return f"CASE WHEN lower(trim({text})) NOT IN {_NOTHING} THEN trim({text}) END"


def read_as(column: Column, source: str, source_type: str, *, text: bool) -> ColumnRule:
    """How a source expression of some DuckDB type becomes a value of the contract's type.

    `text` tells whether text may be read as a number or a time.
    """
    family = source_type.split("(", maxsplit=1)[0]
    if family == "TIMESTAMPTZ_NS":
        source, family = f"CAST({source} AS TIMESTAMP WITH TIME ZONE)", "TIMESTAMP WITH TIME ZONE"
    if family == DUCKDB[column.type] and column.type != "float64":
        return ColumnRule(source)
    if family == '"NULL"':
        return ColumnRule(f"CAST({source} AS {DUCKDB[column.type]})")
    if (family == "VARCHAR" or source_type.startswith("ENUM")) and (text or column.type == "string"):
        return _read_text(column, f"CAST({source} AS VARCHAR)")
    if column.type == "float64" and family in (*_FLOATS, *_INTEGERS):
        value = f"CAST({source} AS DOUBLE)" if family != "DOUBLE" else source
        if family not in ("DOUBLE", "FLOAT"):
            return ColumnRule(value)
        infinite = Check(f"{column.name}: not a finite number", f"isinf({source})")
        # What is not a number is nothing: pandas writes gaps so.
        return ColumnRule(f"CASE WHEN NOT isnan({source}) THEN {value} END", (infinite,))
    if column.type in ("int32", "int64") and family in _INTEGERS:
        return _narrowed(column, source, f"TRY_CAST({source} AS {DUCKDB[column.type]})")
    if column.type in ("int32", "int64") and family in _FLOATS:
        number = source if family == "DECIMAL" else f"CASE WHEN NOT isnan({source}) THEN {source} END"
        whole = Check(f"{column.name}: not a whole number", f"({number}) <> floor({number})")
        rule = _narrowed(column, number, f"TRY_CAST({number} AS {DUCKDB[column.type]})")
        return ColumnRule(rule.value, (whole, *rule.checks))
    if column.type == "timestamp" and family in (*ZONED, *NAIVE):
        return _narrowed(column, source, f"TRY_CAST({source} AS TIMESTAMP WITH TIME ZONE)")
    if column.type == "date" and family in (*ZONED, *NAIVE):
        time_of_day = Check(f"{column.name}: has a time of day", f"{source} <> date_trunc('day', {source})")
        return ColumnRule(f"CAST({source} AS DATE)", (time_of_day,))
    raise WrongTypeError(source_type)


def _narrowed(column: Column, source: str, value: str) -> ColumnRule:
    beyond = Check(f"{column.name}: beyond the range of {column.type}", f"({source}) IS NOT NULL AND {value} IS NULL")
    return ColumnRule(value, (beyond,))


def _read_text(column: Column, text: str) -> ColumnRule:
    if column.type == "string":
        return ColumnRule(f"nullif({text}, '')")
    there = something_in(text)
    if column.type in ("int32", "int64"):
        whole, value = is_whole_number(there), whole_number_in(there, DUCKDB[column.type])
        unreadable = f"NOT {whole}"
        beyond = Check(f"{column.name}: beyond the range of {column.type}", f"{whole} AND {value} IS NULL")
        checks: tuple[Check, ...] = (Check(f"{column.name}: not a whole number", unreadable), beyond)
        return ColumnRule(value, checks, unreadable=unreadable)
    if column.type == "float64":
        value = number_in(there)
    elif column.type == "date":
        value = f"CASE WHEN regexp_full_match({there}, '{_DATE}') THEN TRY_CAST({there} AS DATE) END"
    else:
        value = time_in(there, DUCKDB[column.type])
    unreadable = f"({there}) IS NOT NULL AND {value} IS NULL"
    noun = {"float64": "a number", "date": "a date (YYYY-MM-DD)", "timestamp": "a time (ISO 8601)"}[column.type]
    checks = (Check(f"{column.name}: not {noun}", unreadable),)
    if column.type == "float64":
        checks += (Check(f"{column.name}: not a finite number", f"isinf({value})"),)
    return ColumnRule(value, checks, unreadable=unreadable)


def checks_of(table: RawTable, rules: Mapping[str, ColumnRule], now: str) -> list[Check]:
    """The conditions that a row, read as the contract's types, must not meet. `now` is an SQL expression."""
    checks = [check for column in table.columns for check in _column_checks(column, rules[column.name])]
    for (first, second), allowed in table.pairs.items():
        fitting = " OR ".join(
            f"{name(first)} = {quoted(one)} AND {name(second)} IN ({', '.join(map(quoted, others))})"
            for one, others in allowed.items()
        )
        known = f"{name(first)} IN ({', '.join(map(quoted, allowed))})"
        checks.append(Check(f"{second}: does not go with the {first}", f"{known} AND NOT ({fitting})"))
    happened = f"CAST({name(table.happened)} AS TIMESTAMP WITH TIME ZONE)"
    checks += [
        Check(f"{table.known}: in the future", f"{name(table.known)} > {now}"),
        Check(f"{table.happened}: after {table.known}", f"{happened} > {name(table.known)}"),
    ]
    return checks


def any_of(checks: Iterable[Check]) -> str:
    """An SQL condition that is true where one of the checks applies, and false (never null) elsewhere."""
    return "(" + (" OR ".join(f"({check.condition})" for check in checks)) + ") IS TRUE"


def _column_checks(column: Column, rule: ColumnRule) -> list[Check]:
    value = name(column.name)
    checks = list(rule.checks)
    if column.required:
        # A value that was there but could not be read is told once, as what it is.
        absent = f"{value} IS NULL" + (f" AND NOT {any_of(rule.checks)}" if rule.checks else "")
        checks.append(Check(f"{column.name}: missing", absent))
    if column.type in ("date", "timestamp"):
        checks.append(Check(f"{column.name}: before the year 1", f"{value} < '0001-01-01'"))
    if column.ge is not None:
        checks.append(Check(f"{column.name}: below {column.ge:g}", f"{value} < {column.ge!r}"))
    if column.le is not None:
        checks.append(Check(f"{column.name}: above {column.le:g}", f"{value} > {column.le!r}"))
    if column.allowed:
        allowed = ", ".join(map(quoted, column.allowed))
        checks.append(Check(f"{column.name}: not one of {_listed(column.allowed)}", f"{value} NOT IN ({allowed})"))
    return checks


def _listed(words: tuple[str, ...]) -> str:
    """The words; of many only the first, since a reason is read in a column of a table."""
    return ", ".join(words) if len(words) <= 20 else f"{', '.join(words[:5])} and {len(words) - 5} more"
