"""A doubt about dates: whether day and month stand the other way round than a mapping says.

Dates of which the day is never beyond the twelfth can be read both ways, and of any month the first twelve days can.
The wrong order refuses the rest at most; what it reads is silently another date.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator
from dataclasses import dataclass

import duckdb

from pipelines.parquet import quoted

_DAY_OR_MONTH = re.compile(r"%(-?)([a-zA-Z%])")
_YEAR_MONTH_DAY = re.compile(r".*%-?[yY].*%-?m.*%-?d.*", re.DOTALL)


@dataclass(frozen=True)
class DateForm:
    """A column of dates: where it was declared, SQL for its text, and the formats that it is read by."""

    place: str
    text: str
    formats: tuple[str, ...]


def swapped(declared: str) -> str:
    """The format with day and month in each other's place; empty if it does not have one of each in digits."""
    letters = [found[2] for found in _DAY_OR_MONTH.finditer(declared)]
    if letters.count("d") != 1 or letters.count("m") != 1:
        return ""
    other = {"d": "m", "m": "d"}
    return _DAY_OR_MONTH.sub(lambda found: f"%{found[1]}{other.get(found[2], found[2])}", declared)


def doubts(connection: duckdb.DuckDBPyConnection, forms: Iterable[DateForm], source: str) -> Iterator[str]:
    """A warning for each column of a source that the swapped formats read as well as the declared ones, or better."""
    for form in {(form.text, form.formats): form for form in reversed(list(forms))}.values():
        others = tuple(swapped(declared) or declared for declared in form.formats)
        if others != form.formats:
            yield from _doubt(connection, form, others, source)


def _doubt(
    connection: duckdb.DuckDBPyConnection, form: DateForm, others: tuple[str, ...], source: str
) -> Iterator[str]:
    declared, other = (f"try_strptime(text, [{', '.join(map(quoted, formats))}])" for formats in (form.formats, others))
    query = (
        "SELECT count(text), count(declared), count(other), count(*) FILTER (declared <> other), "
        "count(DISTINCT day(declared)), count(DISTINCT month(declared)) "
        f"FROM (SELECT text, {declared} AS declared, {other} AS other FROM (SELECT {form.text} AS text FROM {source}))"
    )
    values, reads, would_read, differing, days, months = connection.execute(query).fetchall()[0]
    shown, instead = " or ".join(form.formats), " or ".join(others)
    if would_read > reads:
        yield (
            f"{form.place}: the format {shown} reads {reads:,} of {values:,} values, {instead} would read "
            f"{would_read:,}. Day and month seem to be swapped: the dates of those {reads:,} rows are probably wrong."
        )
    usual = all(_YEAR_MONTH_DAY.fullmatch(declared) for declared in form.formats)
    if would_read == reads and differing and not usual and not (days == 1 < months):
        yield (
            f"{form.place}: the format {shown} reads {reads:,} of {values:,} values, and so would {instead}. "
            "Nothing in the data tells day from month: make sure that it is this order."
        )
