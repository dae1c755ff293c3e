"""What every step of reading a column passes on: its value, why a row is refused, and how its dates are read.

A mapping's expressions, its steps and the contract's types each take such a rule and give another, until it is that of
the contract's column.
"""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class Check:
    """A reason to refuse a row, and the SQL condition that is true where it applies."""

    reason: str
    condition: str


@dataclass(frozen=True)
class DateForm:
    """A column of dates: where it was declared, SQL for its text, and the formats that it is read by."""

    place: str
    text: str
    formats: tuple[str, ...]


@dataclass(frozen=True)
class ColumnRule:
    """SQL for a value over the columns of a source, what can be wrong with it, and the forms of dates in it."""

    value: str
    checks: tuple[Check, ...] = ()
    forms: tuple[DateForm, ...] = ()
    # True where text was there but could not be read; a column in which that is always so has the wrong type.
    unreadable: str = ""

    def of(self, column: str, place: str) -> ColumnRule:
        """The same with reasons and forms that name the column, and where a mapping declares it."""
        return ColumnRule(
            self.value,
            tuple(Check(f"{column}: {check.reason}", check.condition) for check in self.checks),
            tuple(DateForm(f"{place}: {column}", form.text, form.formats) for form in self.forms),
            self.unreadable,
        )
