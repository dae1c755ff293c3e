"""How answers do by group of test rows: an average hides the group in which a model fails."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
import pyarrow as pa

from training.fit import Fitted
from training.intervals import LEVELS, MONTHS, group_name, group_of
from training.metrics import figures
from training.prices import estimate_and_months, within
from training.split import Rows

QUARTERS = 4
LEVEL = 0.8
LEAST = 30
"""Groups of fewer rows are not shown: their figures would be chance."""

Codes = npt.NDArray[np.int64]


@dataclass(frozen=True)
class GroupResult:
    """The result for some of the test rows."""

    name: str
    rows: int
    entities: int
    figures: Mapping[str, float]


def breakdown(fitted: Fitted) -> dict[str, tuple[GroupResult, ...]]:
    """By what the test rows are told apart, and the result of each group."""
    parts = {
        "quarter of the test span": quarters(fitted),
        "estimate and months ahead": interval_groups(fitted),
        "region": _by_column(fitted, "region_id"),
        "segment": _by_segment(fitted),
    }
    return {title: groups for title, groups in parts.items() if len(groups) > 1}


def quarters(fitted: Fitted) -> tuple[GroupResult, ...]:
    """The result in each quarter of the test span: a model that grows worse shows here."""
    asked = fitted.rows.asked[fitted.test]
    first, last = asked.min(), asked.max()
    edges = first + (last - first) * np.arange(1, QUARTERS) // QUARTERS
    place = np.searchsorted(edges, asked, side="right")
    starts = [first, *edges]
    return _results(
        fitted,
        ((f"from {np.datetime_as_string(start, 'D')}", place == quarter) for quarter, start in enumerate(starts)),
    )


def interval_groups(fitted: Fitted) -> tuple[GroupResult, ...]:
    """The result in each group whose errors are kept apart for intervals, with the share that these hold."""
    if fitted.intervals is None:
        return ()
    group = group_of(*estimate_and_months(fitted.spec, fitted.inputs, fitted.rows.matrix[fitted.test]))
    return _results(fitted, ((group_name(code), group == code) for code in range(2 * len(MONTHS))))


def half_widths(fitted: Fitted, farthest: float) -> dict[str, float]:
    """The half width of intervals of 80 %, as a distance of logarithms, of each group that begins before `farthest`."""
    if fitted.intervals is None:
        return {}
    nearest = (0.0, *MONTHS[:-1]) * 2
    return {
        group_name(code): float(np.interp(LEVEL, LEVELS, widths))
        for code, widths in enumerate(fitted.intervals.by_group)
        if nearest[code] < farthest
    }


def _by_column(fitted: Fitted, column: str) -> tuple[GroupResult, ...]:
    table = fitted.training_set.table
    if column not in table.column_names:
        return ()
    values = np.array([str(value) for value in table[column].filter(pa.array(fitted.test)).to_pylist()])
    return _results(fitted, ((str(value), values == value) for value in np.unique(values)))


def _by_segment(fitted: Fitted) -> tuple[GroupResult, ...]:
    """What kind of home, or how active the customer."""
    matrix, columns = fitted.rows.matrix[fitted.test], fitted.inputs.columns
    kinds = [(place, name.partition("=")[2]) for place, name in enumerate(columns) if "=" in name]
    if kinds:
        known = [(name, matrix[:, place] == 1) for place, name in kinds]
        return _results(fitted, [*known, ("unknown", ~np.any([rows for _, rows in known], axis=0))])
    if "active_days_30d" not in columns:
        return ()
    days = np.searchsorted([1, 5, 15], matrix[:, columns.index("active_days_30d")], side="right")
    names = ("no active day in 30", "1 to 4 active days", "5 to 14", "15 and more")
    return _results(fitted, ((name, days == place) for place, name in enumerate(names)))


def _results(fitted: Fitted, groups: Iterable[tuple[str, Rows]]) -> tuple[GroupResult, ...]:
    held_out, answers, spec = fitted.rows.where(fitted.test), fitted.best.answers, fitted.spec
    covered = (
        within(spec, fitted.inputs, held_out, answers[:, 0], fitted.intervals, LEVEL) if fitted.intervals else None
    )
    results = []
    for name, rows in groups:
        if rows.sum() < LEAST:
            continue
        found = figures(spec.task, held_out.labels[rows], answers[rows], spec.classes)
        if covered is not None:
            found["coverage_80"] = float(covered[rows].mean())
        results.append(GroupResult(name, int(rows.sum()), len(np.unique(held_out.entity[rows])), found))
    return tuple(results)
