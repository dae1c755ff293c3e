"""Whether an answer is right, and if not, how it is wrong: by the first of these that applies."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass
from datetime import date, datetime
from enum import StrEnum
from pathlib import Path
from typing import Any

import pandas as pd
import pyarrow as pa
from point_in_time.case import Case, Either, Row
from point_in_time.oracle import instant
from point_in_time.repo import ask
from point_in_time.stores import Store


class Wrong(StrEnum):
    """The ways in which a join goes wrong."""

    RAISES = "raises"
    COLUMNS = "returns other columns"
    LOSES = "loses rows"
    ADDS = "adds rows"
    CHANGES = "changes the entity columns"
    VALUES = "returns wrong values"
    ORDER = "returns another order"


@dataclass(frozen=True)
class Verdict:
    """How a store did on a case; `wrong` is None where it did right."""

    wrong: Wrong | None
    detail: str = ""

    def __str__(self) -> str:
        return f"{self.wrong}: {self.detail}" if self.wrong else "ok"


def judge(case: Case, store: Store, folder: Path) -> Verdict:
    """Ask the store, and compare."""
    try:
        table = ask(case, store, folder)
    except Exception as error:
        first_line = str(error).strip().partition("\n")[0]
        return Verdict(Wrong.RAISES, f"{type(error).__name__}: {first_line}")
    return compare(case, table)


def compare(case: Case, table: pa.Table) -> Verdict:
    """The verdict on a returned table."""
    names = (*case.columns, *case.feature_columns)
    if not case.no_index:
        # An index of pandas' that came along into Arrow hides nothing else: one case asks for it, the others do not.
        table = table.select([name for name in table.column_names if not name.startswith("__index_level_")])
    if sorted(table.column_names) != sorted(names):
        return Verdict(Wrong.COLUMNS, f"expected {', '.join(names)}; found {', '.join(table.column_names)}")
    found = [
        tuple(plain(value) for value in row) for row in zip(*(table[name].to_pylist() for name in names), strict=True)
    ]
    width = len(case.columns)
    at = case.columns.index(case.moment)
    wanted = [
        (
            plain_row((*own[:at], instant(own[at]), *own[at + 1 :])),
            [plain_row(row) for row in (features.rows if isinstance(features, Either) else [features])],
        )
        for own, features in zip(case.entities, case.expected, strict=True)
    ]
    if len(found) != len(wanted):
        wrong = Wrong.LOSES if len(found) < len(wanted) else Wrong.ADDS
        return Verdict(wrong, f"{len(found)} of {len(wanted)}")
    left: dict[Row, list[Row]] = {}
    for row in found:
        left.setdefault(row[:width], []).append(row[width:])
    if missing := Counter(own for own, _ in wanted) - Counter(row[:width] for row in found):
        return Verdict(Wrong.CHANGES, f"{shown(next(iter(missing)))} is not among {shown(list(left)[:6])}")
    for own, allowed in wanted:
        match = next((features for features in left[own] if features in allowed), None)
        if match is None:
            return Verdict(Wrong.VALUES, f"{shown(own)}: expected {shown(allowed)}, found {shown(left[own])}")
        left[own].remove(match)
    if case.in_order and [row[:width] for row in found] != [own for own, _ in wanted]:
        return Verdict(Wrong.ORDER, shown([row[:width] for row in found][:6]))
    return Verdict(None)


def plain_row(values: Row) -> Row:
    """A row in the form in which rows are compared."""
    return tuple(plain(value) for value in values)


def plain(value: Any) -> Any:
    """A value in the form in which values are compared: NaN and NaT are null, a time is an instant in UTC."""
    if isinstance(value, list | tuple):
        return tuple(plain(item) for item in value)
    if value is None or value is pd.NaT or (isinstance(value, float) and value != value):  # noqa: PLR0124
        return None
    return instant(value) if isinstance(value, datetime | date) else value


def shown(value: Any) -> str:
    """A row or rows, short enough for a message."""
    if isinstance(value, list | tuple):
        return f"({', '.join(shown(item) for item in value)})"
    return value.strftime("%d %b %H:%M:%S.%f") if isinstance(value, pd.Timestamp) else repr(value)
