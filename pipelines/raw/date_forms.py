"""A doubt about dates: whether day and month stand the other way round than a mapping says.

Dates of which the day is never beyond the twelfth can be read both ways, and of any month the first twelve days can.
The wrong order refuses the rest at most; what it reads is silently another date. Where the other order reads more, the
data contradict the mapping, and nothing is loaded unless the mapping insists.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator
from dataclasses import dataclass

import duckdb

from pipelines.parquet import quoted
from pipelines.raw.column_rule import DateForm
from pipelines.raw.scan import BadSourceError
from training.wording import counted

INSIST = "dates_as_written"

_DAY_OR_MONTH = re.compile(r"%(-?)([a-zA-Z%])")
_YEAR_MONTH_DAY = re.compile(r".*%-?[yY].*%-?m.*%-?d.*", re.DOTALL)


def swapped(declared: str) -> str:
    """The format with day and month in each other's place; empty if it does not have one of each in digits."""
    letters = [found[2] for found in _DAY_OR_MONTH.finditer(declared)]
    if letters.count("d") != 1 or letters.count("m") != 1:
        return ""
    other = {"d": "m", "m": "d"}
    return _DAY_OR_MONTH.sub(lambda found: f"%{found[1]}{other.get(found[2], found[2])}", declared)


def doubts(
    connection: duckdb.DuckDBPyConnection, forms: Iterable[DateForm], source: str, *, insisted: bool = False
) -> Iterator[str]:
    """A warning for each column of a source that the swapped formats read as well as the declared ones.

    If they read more, that stops the load, unless the mapping insists on its formats: then only this is warned of.
    """
    comparisons = [_compared(connection, form, source) for form in _ambiguous(forms)]
    contradicted = [comparison for comparison in comparisons if comparison.swapped_reads > comparison.declared_reads]
    if contradicted and not insisted:
        raise SwappedDatesError(
            f"{' '.join(map(str, contradicted))} Nothing of this table was loaded. Mend the format, or, if it is "
            f"right, write `{INSIST}: true` beside `from:` in this entry of the mapping."
        )
    yield from map(str, contradicted)
    if not insisted:
        yield from (str(comparison) for comparison in comparisons if comparison.undecided)


class SwappedDatesError(BadSourceError):
    """A column of dates of which the format with day and month swapped reads more values than the declared one."""


@dataclass(frozen=True)
class _Comparison:
    """How many values of a column the declared formats read, and how many the swapped ones."""

    form: DateForm
    swapped: tuple[str, ...]
    values: int
    declared_reads: int
    swapped_reads: int
    undecided: bool

    def __str__(self) -> str:
        """Both counts, and what follows from them."""
        shown, instead = " or ".join(self.form.formats), " or ".join(self.swapped)
        counts = (
            f"{self.form.place}: the format {shown} reads {self.declared_reads:,} of {counted(self.values, 'value')}"
        )
        if self.undecided:
            return (
                f"{counts}, and so would {instead}. Nothing in the data tells day from month: make sure that it is "
                "this order."
            )
        return (
            f"{counts}, {instead} would read {self.swapped_reads:,}. Day and month seem to be swapped: the dates of "
            f"{_rows(self.declared_reads)} would be wrong."
        )


def _rows(count: int) -> str:
    return f"{'that' if count == 1 else 'those'} {counted(count, 'row')}"


def _ambiguous(forms: Iterable[DateForm]) -> Iterator[DateForm]:
    """Each form that can be swapped, once, under the place of its first column."""
    for form in {(form.text, form.formats): form for form in reversed(list(forms))}.values():
        if _swapped_formats(form) != form.formats:
            yield form


def _swapped_formats(form: DateForm) -> tuple[str, ...]:
    return tuple(swapped(declared) or declared for declared in form.formats)


def _compared(connection: duckdb.DuckDBPyConnection, form: DateForm, source: str) -> _Comparison:
    others = _swapped_formats(form)
    declared, other = (f"try_strptime(text, [{', '.join(map(quoted, formats))}])" for formats in (form.formats, others))
    query = (
        "SELECT count(text), count(declared), count(other), count(*) FILTER (declared <> other), "
        "count(DISTINCT day(declared)), count(DISTINCT month(declared)) "
        f"FROM (SELECT text, {declared} AS declared, {other} AS other FROM (SELECT {form.text} AS text FROM {source}))"
    )
    values, reads, would_read, differing, days, months = connection.execute(query).fetchall()[0]
    usual = all(_YEAR_MONTH_DAY.fullmatch(declared) for declared in form.formats)
    undecided = would_read == reads and differing > 0 and not usual and not (days == 1 < months)
    return _Comparison(form, others, values, reads, would_read, undecided)
