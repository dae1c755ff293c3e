"""Answers on test rows, and how they fare by group."""

from __future__ import annotations

from datetime import datetime

import numpy as np
import numpy.typing as npt
import pandas as pd
from audit.recompute import MOMENT

from feature_repo.store import open_store
from training.arrays import inputs_of
from training.dataset import TrainingSet, views_of
from training.fit import Fitted, fit

SPANS = ((0.0, 2.0), (2.0, 9.0), (9.0, 15.0), (15.0, 24.01))
"""Months ahead whose coverage is told apart."""


def fitted_on(rows: TrainingSet, test_from: datetime | None = None) -> Fitted:
    """The model that these rows make: what the platform trains, short of gates, artifact and registry."""
    store = open_store()
    views = views_of(store, store.get_feature_service(rows.spec.service))
    return fit(rows, inputs_of(views, rows.spec.label.extra), test_from=test_from)


def answers_of(fitted: Fitted, entity: str) -> pd.DataFrame:
    """Entity, moment and answer of each test row, and what groups it: the months ahead, whether there is an estimate."""
    test, column = fitted.split.test, fitted.inputs.columns.index
    rows = pd.DataFrame(
        {
            entity: fitted.rows.entity[test],
            MOMENT: pd.to_datetime(fitted.rows.asked[test], utc=True).astype("datetime64[us, UTC]"),
            "answer": fitted.best.answers[:, 0],
        }
    )
    if fitted.intervals:
        matrix = fitted.rows.matrix[test]
        rows["months_ahead"] = matrix[:, column("months_ahead")].astype(float)
        rows["estimated"] = matrix[:, column("estimated_value")] > 0
    return rows


def clustered_error(off: pd.Series, entity: pd.Series) -> float:
    """The standard error of a mean whose rows come in clusters, one an entity."""
    return float(np.sqrt((off.groupby(entity).sum() ** 2).sum()) / len(off))


def coverage_by_group(fitted: Fitted, rows: pd.DataFrame, level: float) -> pd.DataFrame:
    """The share of `price` within its interval, by whether there is an estimate and by months ahead."""
    low, high = bounds(fitted, rows["answer"], rows["estimated"], rows["months_ahead"], level)
    ratio = rows["answer"] / rows["price"]
    span = pd.cut(rows["months_ahead"], [0, *(end for _, end in SPANS)], include_lowest=True)
    told = rows.assign(covered=rows["price"].between(low, high), span=span, ratio=ratio, error=(ratio - 1).abs())
    return (
        told.groupby(["estimated", "span"], observed=True)
        .agg(
            rows=("covered", "size"),
            homes=("property_id", "nunique"),
            covered=("covered", "mean"),
            median_error=("error", "median"),
            median_ratio=("ratio", "median"),
        )
        .reset_index()
    )


def half_widths(fitted: Fitted, level: float) -> dict[str, npt.NDArray[np.float64]]:
    """How far off prices may be, as logarithms, in the midst of each span."""
    middle = np.array([(first + last) / 2 for first, last in SPANS])
    ones = np.ones(len(SPANS))
    return {
        name: np.log(bounds(fitted, ones, np.full(len(SPANS), estimated), middle, level)[1])
        for name, estimated in (("with an estimate", True), ("without", False))
    }


def bounds(fitted: Fitted, value: object, estimated: object, months: object, level: float) -> tuple[object, object]:
    """The intervals around values."""
    assert fitted.intervals is not None
    return fitted.intervals.bounds(np.asarray(value), np.asarray(estimated), np.asarray(months), level)
