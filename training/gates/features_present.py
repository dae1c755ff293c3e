"""A model trained on nothing must not serve: who has no features, and which features are empty throughout."""

from __future__ import annotations

from collections.abc import Iterator
from itertools import pairwise

import numpy as np
import numpy.typing as npt
import pyarrow as pa

from training.dataset import UNANSWERED
from training.fit import Fitted
from training.gates import Evidence, GateVerdict

WITHOUT_FEATURES = 0.2
"""The share of the population that may have no features by its moment."""
EMPTY_VIEW = 0.5
"""The share of rows, of any span, for which a view may hold nothing at all."""
EMPTY_INPUTS = 0.5
"""The share of inputs that may be null in every row."""
SPANS = 4
NAMED = 5
"""So many of the empty inputs are named."""

Flags = npt.NDArray[np.bool_]


def judge(evidence: Evidence) -> GateVerdict:
    """Nearly everybody has features, each view holds something in each span of time, and most inputs are not empty."""
    fitted = evidence.fitted
    faults = [*_population(fitted), *_views(fitted), *_inputs(fitted)]
    return GateVerdict("features are present", "failed" if faults else "passed", "; ".join(faults) or _summary(fitted))


def _population(fitted: Fitted) -> Iterator[str]:
    left_out, rows = fitted.training_set.manifest.left_out.get(UNANSWERED, 0), len(fitted.training_set.table)
    if left_out > WITHOUT_FEATURES * (left_out + rows):
        yield (
            f"{left_out:,} of {left_out + rows:,} rows have {UNANSWERED}, more than {WITHOUT_FEATURES:.0%}: "
            "compute the missing days with `tidemark features`"
        )


def _views(fitted: Fitted) -> Iterator[str]:
    asked = fitted.rows.asked.astype(np.int64)
    edges = np.linspace(asked.min(), asked.max() + 1, SPANS + 1)
    for view in dict.fromkeys(each.view for each in fitted.inputs.each):
        empty = np.all([_nulls(fitted, each.name) for each in fitted.inputs.each if each.view == view], axis=0)
        for first, last in pairwise(edges.tolist()):
            rows = (asked >= first) & (asked < last)
            if rows.any() and empty[rows].mean() > EMPTY_VIEW:
                yield (
                    f"{view} is empty in {empty[rows].mean():.0%} of the rows from {_day(first)} to {_day(last)}, "
                    f"more than {EMPTY_VIEW:.0%}: compute its days with `tidemark features`, or, where its data begin "
                    f"later, train from {_day(last)} on (--start)"
                )


def _inputs(fitted: Fitted) -> Iterator[str]:
    empty = _empty_inputs(fitted)
    if len(empty) > EMPTY_INPUTS * len(fitted.inputs.each):
        yield f"{len(empty)} of {len(fitted.inputs.each)} inputs are null in every training row: {_some(empty)}"


def _summary(fitted: Fitted) -> str:
    left_out = fitted.training_set.manifest.left_out.get(UNANSWERED, 0)
    empty = _empty_inputs(fitted)
    return f"{left_out:,} rows left out for want of features; " + (
        f"null in every training row: {_some(empty)}" if empty else "no input is null in every training row"
    )


def _empty_inputs(fitted: Fitted) -> list[str]:
    return [each.name for each in fitted.inputs.each if _nulls(fitted, each.name)[fitted.split.train].all()]


def _nulls(fitted: Fitted, name: str) -> Flags:
    column: pa.ChunkedArray = fitted.training_set.table[name]
    return np.asarray(column.is_null(nan_is_null=True).to_numpy())


def _some(names: list[str]) -> str:
    return ", ".join(names[:NAMED]) + (f" and {len(names) - NAMED} more" if len(names) > NAMED else "")


def _day(micros: float) -> str:
    return str(np.datetime64(int(micros), "us"))[:10]
