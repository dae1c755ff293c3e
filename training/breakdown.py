"""How answers do by group of test rows: an average hides the group in which a model fails."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
import pyarrow as pa

from training.fit import Fitted
from training.specs import Segment
from training.split import Rows

QUARTERS = 4
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
        **{title: results(fitted, groups) for title, groups in fitted.spec.task.groups(fitted).items()},
        **{segment.title: _by_segment(fitted, segment) for segment in fitted.spec.segments},
        **_by_category(fitted),
    }
    return {title: groups for title, groups in parts.items() if len(groups) > 1}


def quarters(fitted: Fitted) -> tuple[GroupResult, ...]:
    """The result in each quarter of the test span: a model that grows worse shows here."""
    asked = fitted.rows.asked[fitted.test]
    first, last = asked.min(), asked.max()
    edges = first + (last - first) * np.arange(1, QUARTERS) // QUARTERS
    place = np.searchsorted(edges, asked, side="right")
    starts = [first, *edges]
    return results(
        fitted,
        ((f"from {np.datetime_as_string(start, 'D')}", place == quarter) for quarter, start in enumerate(starts)),
    )


def _by_segment(fitted: Fitted, segment: Segment) -> tuple[GroupResult, ...]:
    table = fitted.training_set.table
    if segment.column not in table.column_names:
        return ()
    column = table[segment.column].filter(pa.array(fitted.test))
    if not segment.names:
        values = np.array([str(value) for value in column.to_pylist()])
        return results(fitted, ((str(value), values == value) for value in np.unique(values)))
    numbers = column.cast(pa.float64()).fill_null(np.nan).to_numpy()
    places = np.searchsorted(segment.edges, numbers, side="right")
    return results(fitted, ((name, places == place) for place, name in enumerate(segment.names)))


def _by_category(fitted: Fitted) -> dict[str, tuple[GroupResult, ...]]:
    """By the values of the inputs that are categories, if there are such."""
    matrix, columns = fitted.rows.matrix[fitted.test], fitted.inputs.columns
    kinds = [(place, name.partition("=")[2]) for place, name in enumerate(columns) if "=" in name]
    if not kinds:
        return {}
    known = [(name, matrix[:, place] == 1) for place, name in kinds]
    return {"segment": results(fitted, [*known, ("unknown", ~np.any([rows for _, rows in known], axis=0))])}


def results(fitted: Fitted, groups: Iterable[tuple[str, Rows]]) -> tuple[GroupResult, ...]:
    """The result in each group of test rows that is large enough."""
    held_out, answers, spec = fitted.rows.where(fitted.test), fitted.best.answers, fitted.spec
    return tuple(
        GroupResult(
            name,
            int(rows.sum()),
            len(np.unique(held_out.entity[rows])),
            spec.task.figures(held_out.labels[rows], answers[rows], spec.classes)
            | spec.task.group_figures(fitted, rows),
        )
        for name, rows in groups
        if rows.sum() >= LEAST
    )
