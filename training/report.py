"""A page a model: what it is for, how it fared on the held-out time, against what, and for whom less well."""

from __future__ import annotations

import html
import io
from collections.abc import Iterable, Sequence
from pathlib import Path

import matplotlib as mpl
import numpy as np
import numpy.typing as npt
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from sklearn.metrics import roc_curve

from training.fit import Fitted
from training.gates import Verdict
from training.metrics import Floats, figures, reliability

INK, TIDE, SAND = "#1d3557", "#2a9d8f", "#c9a66b"
SAMPLE = 500
LEAST = 30
"""Groups of fewer rows are not shown: their figures would be chance."""

_STYLE = """
body { font: 16px/1.5 system-ui, sans-serif; color: #1d3557; max-width: 60rem; margin: 2rem auto; padding: 0 1rem }
table { border-collapse: collapse; margin: 1rem 0; font-variant-numeric: tabular-nums }
td, th { padding: .25rem .8rem .25rem 0; border-bottom: 1px solid #dde3ea; text-align: left; vertical-align: top }
td { overflow-wrap: anywhere }
td.n, th.n { text-align: right } .passed { color: #2a7d46 } .failed { color: #b3261e; font-weight: bold }
svg { max-width: 100%; height: auto } h2 { margin-top: 2.5rem }
"""


def report(fitted: Fitted, verdicts: Sequence[Verdict], regions: npt.NDArray[np.int64] | None = None) -> str:
    """The page as HTML, pictures included. `regions` gives the region of each row that examines."""
    spec, manifest = fitted.spec, fitted.training_set.manifest
    held_out = fitted.rows.asked[fitted.test]
    parts = [
        f"<h1>{html.escape(spec.name)}</h1><p>{html.escape(spec.question)}</p>",
        "<h2>What it is</h2>",
        _pairs(
            [
                ("Answers for", f"one {spec.entity.removesuffix('_id')}, at a moment"),
                ("Label", manifest.label),
                ("Estimator", f"{fitted.estimator}, chosen on folds by {fitted.folds_by}"),
                ("Taught by", f"{fitted.split.train.sum():,} rows, settled before {str(fitted.split.at)[:10]}"),
                (
                    "Examined by",
                    f"{len(held_out):,} rows, asked {str(held_out.min())[:10]} to {str(held_out.max())[:10]}",
                ),
                ("Training set", manifest.sha256),
                ("Made by", manifest.code),
                (
                    "Meant for",
                    "ranking and planning by people who can overrule it; not for decisions on credit or terms",
                ),
                ("Mind", "it knows only what the feature views tell; of whoever came last month it knows little"),
            ]
        ),
        "<h2>Against the simplest answer</h2>",
        _candidates(fitted),
        "<h2>Gates</h2>",
        "<table>"
        + "".join(
            f"<tr><td>{html.escape(v.gate)}</td><td class='{v.outcome}'>{v.outcome}</td>"
            f"<td>{html.escape(v.reason)}</td></tr>"
            for v in verdicts
        )
        + "</table>",
        "<h2>Curves</h2>",
        _pictures(fitted),
        "<h2>What moves it</h2>",
        "<p>Mean absolute contribution to the raw score, on a sample of the held-out rows.</p>",
        _importances(fitted),
    ]
    for title, groups in (("By region", regions), ("By segment", _segments(fitted))):
        if groups is not None and len(np.unique(groups)) > 1:
            parts += [f"<h2>{title}</h2>", _by_group(fitted, np.asarray(groups).astype(str))]
    title = html.escape(spec.name)
    return (
        f"<!doctype html><html lang=en><meta charset=utf-8><title>{title}</title><style>{_STYLE}</style>"
        f"<body>{''.join(parts)}</body></html>"
    )


def write(file: Path, page: str) -> Path:
    """Write the page."""
    file.parent.mkdir(parents=True, exist_ok=True)
    file.write_text(page, encoding="utf-8")
    return file


def _pairs(rows: Iterable[tuple[str, str]]) -> str:
    return (
        "<table>"
        + "".join(f"<tr><th>{html.escape(k)}</th><td>{html.escape(v)}</td></tr>" for k, v in rows)
        + "</table>"
    )


def _candidates(fitted: Fitted) -> str:
    every = (fitted.baseline, *fitted.candidates)
    names = [name for name in fitted.best.figures if name != "rows"]
    head = "".join(f"<th class=n>{html.escape(name.replace('_', ' '))}</th>" for name in names)
    lines = []
    for one in every:
        mark = " (chosen)" if one is fitted.best else " (baseline)" if one is fitted.baseline else ""
        cells = "".join(
            f"<td class=n>{one.figures[name]:.4f}</td>" if name in one.figures else "<td></td>" for name in names
        )
        folds = f"{one.folds_loss:.4f}" if one.folds_loss is not None else ""
        lines.append(f"<tr><td>{html.escape(one.name)}{mark}</td><td class=n>{folds}</td>{cells}</tr>")
    return f"<table><tr><th></th><th class=n>loss on folds</th>{head}</tr>{''.join(lines)}</table>"


def _pictures(fitted: Fitted) -> str:
    labels, answers = fitted.rows.labels[fitted.test], fitted.best.answers
    with mpl.rc_context({"svg.hashsalt": "tidemark", "axes.spines.top": False, "axes.spines.right": False}):
        figure = Figure(figsize=(9, 3.8), layout="constrained")
        left, right = figure.subplots(1, 2)
        if fitted.spec.task == "price":
            _residuals(left, labels, answers[:, 0])
            _intervals(right, fitted)
        else:
            shown = range(answers.shape[1]) if answers.shape[1] > 1 else [0]
            for place in shown:
                positive = labels == place if fitted.spec.task == "multiclass" else labels
                name = fitted.spec.classes[place] if fitted.spec.task == "multiclass" else "model"
                if 0 < positive.mean() < 1:
                    false, true, _ = roc_curve(positive, answers[:, place])
                    left.plot(false, true, label=name)
                    said, seen, _ = zip(*reliability(positive.astype(np.float64), answers[:, place]), strict=True)
                    right.plot(said, seen, marker="o", label=name)
            for axes, titles in ((left, ("ROC", "false alarms", "found")), (right, ("Calibration", "said", "seen"))):
                _diagonal(axes, *titles, whole=axes is left)
        sink = io.StringIO()
        figure.savefig(sink, format="svg", metadata={"Date": None})
    return sink.getvalue()[sink.getvalue().index("<svg") :]


def _diagonal(axes: Axes, title: str, below: str, beside: str, *, whole: bool) -> None:
    top = 1.0 if whole else max(*axes.get_xlim(), *axes.get_ylim())
    axes.plot([0, top], [0, top], color=SAND, linestyle="--", linewidth=1)
    axes.set(title=title, xlabel=below, ylabel=beside)
    axes.legend(frameon=False, fontsize=8)


def _residuals(axes: Axes, labels: Floats, answers: Floats) -> None:
    axes.scatter(labels, answers / labels - 1, s=4, alpha=0.4, color=TIDE)
    axes.axhline(0, color=SAND, linestyle="--", linewidth=1)
    axes.set(title="Residuals", xlabel="price paid", ylabel="off by", xscale="log", ylim=(-0.6, 0.6))


def _intervals(axes: Axes, fitted: Fitted) -> None:
    asked = [float(level.rstrip("%")) / 100 for level in fitted.coverage]
    axes.plot(asked, list(fitted.coverage.values()), marker="o", color=INK)
    axes.plot([0.45, 1], [0.45, 1], color=SAND, linestyle="--", linewidth=1)
    axes.set(title="Intervals", xlabel="level asked", ylabel="prices within")


def _importances(fitted: Fitted) -> str:
    rows = fitted.rows.matrix[fitted.test][:: max(fitted.test.sum() // SAMPLE, 1)]
    weight = np.abs(fitted.inputs.by_input(fitted.native.contributions(rows))).mean(axis=(0, 1))
    order = np.argsort(-weight)[:15]
    most = max(weight.max(), 1e-12)
    return (
        "<table>"
        + "".join(
            f"<tr><td>{html.escape(fitted.inputs.names[place])}</td><td class=n>{weight[place]:.4f}</td><td>"
            f"<div style='background:{TIDE};height:.8rem;width:{weight[place] / most * 16:.1f}rem'></div></td></tr>"
            for place in order
        )
        + "</table>"
    )


def _segments(fitted: Fitted) -> npt.NDArray[np.str_] | None:
    """What kind of home, or how active the customer."""
    matrix, columns = fitted.rows.matrix[fitted.test], fitted.inputs.columns
    kinds = [(place, name.partition("=")[2]) for place, name in enumerate(columns) if "=" in name]
    if kinds:
        told = matrix[:, [place for place, _ in kinds]]
        names = np.array([*(name for _, name in kinds), "unknown"])
        return np.asarray(names[np.where(told.any(axis=1), told.argmax(axis=1), len(kinds))])
    if "active_days_30d" not in columns:
        return None
    days = matrix[:, columns.index("active_days_30d")]
    names = np.array(["no active day in 30", "1 to 4 active days", "5 to 14", "15 and more"])
    return np.asarray(names[np.searchsorted([1, 5, 15], days, side="right")])


def _by_group(fitted: Fitted, groups: npt.NDArray[np.str_]) -> str:
    labels, answers = fitted.rows.labels[fitted.test], fitted.best.answers
    lines = []
    for group in sorted(np.unique(groups)):
        of_group = groups == group
        if of_group.sum() < LEAST:
            continue
        told = figures(fitted.spec.task, labels[of_group], answers[of_group], fitted.spec.classes)
        shown = {"price": ("median_error", "median_ratio"), "binary": ("auc", "base_rate", "calibration_error")}.get(
            fitted.spec.task, ("accuracy", "loss")
        )
        cells = "".join(f"<td class=n>{name.replace('_', ' ')} {told[name]:.3f}</td>" for name in shown if name in told)
        lines.append(f"<tr><td>{html.escape(group)}</td><td class=n>{of_group.sum():,} rows</td>{cells}</tr>")
    return f"<table>{''.join(lines)}</table>"
