"""A page on a training set's columns: what is missing, in which range values lie, what drifts from train to test."""

from __future__ import annotations

import html
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path

import numpy as np
import numpy.typing as npt
import pyarrow as pa
from matplotlib.figure import Figure

from training import page
from training.dataset import TrainingSet
from training.split import SplitError, split_by_time
from training.wording import counted

Floats = npt.NDArray[np.float64]
Rows = npt.NDArray[np.bool_]

BINS = 10
RAREST = 1e-4
"""A share that is taken for none at all: a logarithm must stay finite."""
QUANTILES = (0.0, 0.05, 0.5, 0.95, 1.0)
NOTICE, HIGH, CRITICAL = 0.1, 0.3, 0.5
"""The PSI from which drift is worth a notice, is high, and is critical."""


@dataclass(frozen=True)
class ColumnReport:
    """A column of a training set; of values that are no numbers there are no quantiles."""

    name: str
    kind: str
    rows: int
    missing: float
    quantiles: tuple[float, ...]
    missing_train: float | None
    missing_test: float | None
    median_train: float | None
    median_test: float | None
    psi: float | None
    """The population stability index of test rows against training rows, missing values in a bin of their own."""

    @property
    def remark(self) -> str:
        """What stands out, in a word or two."""
        if self.missing == 1:
            return "missing throughout"
        if self.quantiles and self.quantiles[0] == self.quantiles[-1] and not self.missing:
            return "one value throughout"
        if self.psi is None or self.psi < NOTICE:
            return ""
        return "critical drift" if self.psi >= CRITICAL else "high drift" if self.psi >= HIGH else "drift"


def describe(rows: TrainingSet, test_from: datetime | None = None) -> list[ColumnReport]:
    """Each input and the label; drift is that of the test rows, as a training run would split them."""
    train, test = _parts(rows, test_from)
    return [_described(name, rows.table[name], train, test) for name in (*rows.inputs, "label")]


def psi(expected: Sequence[object] | Floats, found: Sequence[object] | Floats) -> float:
    """The population stability index of categories, or of numbers in the deciles of what was expected.

    >>> round(psi(np.array([1.0, 2.0] * 50), np.array([1.0, 2.0] * 50)), 6)
    0.0
    >>> psi(["a"] * 90 + ["b"] * 10, ["a"] * 50 + ["b"] * 50) > 0.5
    True
    """
    before, after = _shares(expected, found)
    return float(((after - before) * np.log(after / before)).sum())


def report(rows: TrainingSet, test_from: datetime | None = None) -> str:
    """The page."""
    columns, manifest = describe(rows, test_from), rows.manifest
    train, test = _parts(rows, test_from)
    split = (
        f"{train.sum():,} training rows, {test.sum():,} test rows"
        if test.any()
        else "the rows cannot be split by time into some to train on and some to test with: no drift is measured"
    )
    left_out = (f"{counted(count, 'row')}: {reason}" for reason, count in manifest.left_out.items() if count)
    about = [
        ("Model", manifest.model),
        ("Label", manifest.label),
        ("Rows", f"{manifest.rows:,}, asked {_span(rows)}"),
        ("Left out", "; ".join(left_out)),
        ("Filled in", manifest.filled_in),
        ("Split", split),
        ("Data until", manifest.data_end[:10]),
        ("Training set", manifest.sha256),
    ]
    head = (
        "column", "kind", "remark", "missing", "minimum", "5 %", "median", "95 %", "maximum",
        "missing, train", "missing, test", "median, train", "median, test", "PSI",
    )  # fmt: skip
    order = sorted(columns, key=lambda column: (not column.remark, -(column.psi or 0)))
    title = f"{manifest.model}: columns of a training set"
    return page.page(
        title,
        [
            f"<h1>{html.escape(title)}</h1>",
            page.pairs((name, value) for name, value in about if value),
            "<h2>Missing over time</h2>",
            "<p>The share of values that are missing, by month, of each input that lacks any.</p>",
            _missing_over_time(rows),
            "<h2>Columns</h2>",
            f"<p>Those that stand out come first. PSI compares test rows with training rows: from {NOTICE} on it is "
            f"worth a notice, from {HIGH} on it is high, from {CRITICAL} on critical.</p>",
            f"<div style='overflow-x:auto'>{page.columns(head, (_cells(column) for column in order), words=3)}</div>",
        ],
    )


def write(rows: TrainingSet, file: Path, test_from: datetime | None = None) -> Path:
    """Write the page."""
    return page.write(file, report(rows, test_from))


def _parts(rows: TrainingSet, test_from: datetime | None) -> tuple[Rows, Rows]:
    asked, settled = (
        np.asarray(rows.table[name].to_numpy()).astype("datetime64[us]") for name in ("event_timestamp", "label_until")
    )
    try:
        split = split_by_time(asked, settled, test_from)
    except SplitError:
        if test_from is not None:
            raise
        return np.ones(len(asked), bool), np.zeros(len(asked), bool)
    return split.train, split.test


def _described(name: str, column: pa.ChunkedArray, train: Rows, test: Rows) -> ColumnReport:
    missing = np.asarray(column.is_null(nan_is_null=True).to_numpy())
    numeric = not (pa.types.is_string(column.type) or pa.types.is_large_string(column.type))
    values = column.cast(pa.float64()).fill_null(np.nan).to_numpy() if numeric else np.array(column.to_pylist(), object)
    there = np.asarray(values[~missing])
    split = bool(train.any() and test.any())

    def median(part: Rows) -> float | None:
        of_part = values[part & ~missing]
        return float(np.median(of_part)) if numeric and split and len(of_part) else None

    return ColumnReport(
        name=name,
        kind=str(column.type),
        rows=len(values),
        missing=float(missing.mean()),
        quantiles=tuple(np.quantile(there, QUANTILES).tolist()) if numeric and len(there) else (),
        missing_train=float(missing[train].mean()) if split else None,
        missing_test=float(missing[test].mean()) if split else None,
        median_train=median(train),
        median_test=median(test),
        psi=psi(values[train], values[test]) if split else None,
    )


def _shares(expected: Sequence[object] | Floats, found: Sequence[object] | Floats) -> tuple[Floats, Floats]:
    """The shares of bins, those of missing values the last; none of them is quite zero."""
    before, after = np.asarray(expected), np.asarray(found)
    if before.dtype.kind == "f":
        known = before[~np.isnan(before)]
        edges = np.unique(np.quantile(known, np.linspace(0, 1, BINS + 1)[1:-1])) if len(known) else np.empty(0)
        counts = [
            [
                *np.bincount(np.searchsorted(edges, part[~np.isnan(part)]), minlength=len(edges) + 1),
                np.isnan(part).sum(),
            ]
            for part in (before, after)
        ]
    else:
        names = sorted({str(value) for value in (*before, *after)})
        counts = [[int((part.astype(str) == name).sum()) for name in names] for part in (before, after)]
    first, second = (np.clip(np.array(part, np.float64) / max(sum(part), 1), RAREST, None) for part in counts)
    return first, second


def _missing_over_time(rows: TrainingSet) -> str:
    asked = np.asarray(rows.table["event_timestamp"].to_numpy()).astype("datetime64[M]")
    months, place = np.unique(asked, return_inverse=True)
    there = np.bincount(place)
    shares = {
        name: np.bincount(place, np.asarray(rows.table[name].is_null(nan_is_null=True).to_numpy())) / there
        for name in rows.inputs
    }
    some = {name: share for name, share in shares.items() if share.any()}
    if not some:
        return "<p>No input is missing anywhere.</p>"
    order = sorted(some, key=lambda name: -some[name].max())

    def draw(figure: Figure) -> None:
        axes = figure.subplots()
        drawn = axes.pcolormesh(np.array([some[name] for name in order]), vmin=0, vmax=1, cmap="YlGnBu")
        step = max(len(months) // 12, 1)
        axes.set_xticks(np.arange(0, len(months), step) + 0.5, [str(month) for month in months[::step]], rotation=45)
        axes.set_yticks(np.arange(len(order)) + 0.5, order, fontsize=7)
        axes.invert_yaxis()
        figure.colorbar(drawn, label="share missing")

    return page.drawn((9, 1.2 + 0.16 * len(order)), draw)


def _cells(column: ColumnReport) -> list[str]:
    def number(value: float | None) -> str:
        return "" if value is None else f"{value:,.4g}"

    def share(value: float | None) -> str:
        return "" if value is None else f"{value:.1%}"

    return [
        *(column.name, column.kind, column.remark, share(column.missing)),
        *(number(value) for value in column.quantiles or (None,) * len(QUANTILES)),
        *(share(column.missing_train), share(column.missing_test)),
        *(number(column.median_train), number(column.median_test)),
        "" if column.psi is None else f"{column.psi:.3f}",
    ]


def _span(rows: TrainingSet) -> str:
    first, last = (rows.table["event_timestamp"][place].as_py() for place in (0, -1))
    return f"{first:%Y-%m-%d} to {last:%Y-%m-%d}"
