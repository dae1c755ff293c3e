"""A page a model: what it is for, its results on the held-out time, against what, and for whom they are worse."""

from __future__ import annotations

import html
from collections.abc import Mapping, Sequence

import numpy as np
from matplotlib.axes import Axes
from sklearn.metrics import roc_curve

from training.artifact import BEYOND
from training.breakdown import GroupResult, breakdown, half_widths
from training.caveats import caveats, trained_ranges
from training.fit import Fitted
from training.gates import Verdict
from training.metrics import Floats, reliability
from training.page import INK, SAND, TIDE, drawn, page, pairs
from training.population import Population
from training.wording import counted

SAMPLE = 500
_SHOWN = (
    "loss", "base_rate", "mean_probability", "calibration_error", "auc", "accuracy", "balanced_accuracy",
    "median_error", "median_ratio", "coverage_80",
)  # fmt: skip
"""The figures that are shown by group."""
_NEWCOMERS = "it knows only what the feature views hold; of entities that came last month that is little"


def report(fitted: Fitted, verdicts: Sequence[Verdict], population: Population | None = None) -> str:
    """The page as HTML, pictures included."""
    spec, manifest = fitted.spec, fitted.training_set.manifest
    held_out = fitted.rows.asked[fitted.test]
    parts = [
        f"<h1>{html.escape(spec.name)}</h1><p>{html.escape(spec.question)}</p>",
        "<h2>What it is</h2>",
        pairs(
            [
                ("Answers for", f"one {spec.entity.removesuffix('_id')}, at a moment"),
                ("Label", manifest.label),
                ("Estimator", f"{fitted.estimator}, chosen on folds by {fitted.folds_by}"),
                ("Training rows", f"{fitted.split.train.sum():,}, settled before {str(fitted.split.at)[:10]}"),
                ("Test rows", f"{len(held_out):,}, from {str(held_out.min())[:10]} to {str(held_out.max())[:10]}"),
                ("Neither", f"{_between(fitted):,} rows: not settled when the test begins"),
                ("Left out", _left_out(manifest.left_out)),
                ("Inputs left out", ", ".join(sorted(set(manifest.inputs) - set(fitted.inputs.names))) or "none"),
                ("Training set", manifest.sha256),
                ("Made by", manifest.code),
                (
                    "Meant for",
                    "ranking and planning by people who can overrule it; not for decisions on credit or terms",
                ),
            ]
        ),
        "<h2>Caveats</h2><ul>",
        *(f"<li>{html.escape(caveat)}</li>" for caveat in (*caveats(fitted, population), _NEWCOMERS)),
        "</ul><h2>Against simple answers</h2>",
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
    if fitted.spec.task == "multiclass":
        parts += ["<h2>By class</h2>", _by_class(fitted)]
    for title, groups in breakdown(fitted).items():
        parts += [f"<h2>By {title}</h2>", _by_group(groups)]
    answered_up_to = min((high + BEYOND for _, high in trained_ranges(fitted).values()), default=np.inf)
    if widths := half_widths(fitted, answered_up_to):
        parts += [
            "<h2>Half widths of 80 % intervals</h2>",
            pairs((k, f"{np.expm1(w):.1%}") for k, w in widths.items()),
        ]
    return page(spec.name, parts)


def _candidates(fitted: Fitted) -> str:
    every = (*fitted.baselines, *fitted.candidates)
    names = [name for name in fitted.best.figures if name != "rows"]
    head = "".join(f"<th class=n>{html.escape(name.replace('_', ' '))}</th>" for name in names)
    lines = []
    for one in every:
        mark = " (chosen)" if one is fitted.best else " (baseline)" if one in fitted.baselines else ""
        cells = "".join(
            f"<td class=n>{one.figures[name]:.4f}</td>" if name in one.figures else "<td></td>" for name in names
        )
        folds = f"{one.folds_loss:.4f}" if one.folds_loss is not None else ""
        lines.append(f"<tr><td>{html.escape(one.name)}{mark}</td><td class=n>{folds}</td>{cells}</tr>")
    return f"<table><tr><th></th><th class=n>loss on folds</th>{head}</tr>{''.join(lines)}</table>"


def _pictures(fitted: Fitted) -> str:
    return drawn((9, 3.8), lambda figure: _draw(fitted, *figure.subplots(1, 2)))


def _draw(fitted: Fitted, left: Axes, right: Axes) -> None:
    labels, answers = fitted.rows.labels[fitted.test], fitted.best.answers
    if fitted.spec.task == "price":
        _residuals(left, labels, answers[:, 0])
        _intervals(right, fitted)
        return
    for place in range(answers.shape[1]) if answers.shape[1] > 1 else [0]:
        positive = labels == place if fitted.spec.task == "multiclass" else labels
        name = fitted.spec.classes[place] if fitted.spec.task == "multiclass" else "model"
        if 0 < positive.mean() < 1:
            false, true, _ = roc_curve(positive, answers[:, place])
            left.plot(false, true, label=name)
            bins = reliability(positive.astype(np.float64), answers[:, place])
            right.plot(*zip(*((mean, rate) for mean, rate, _ in bins), strict=True), marker="o", label=name)
    _diagonal(left, "ROC", "false positive rate", "true positive rate", whole=True)
    _diagonal(right, "Calibration", "mean probability", "observed rate", whole=False)


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


def _by_class(fitted: Fitted) -> str:
    columns = ("share", "chosen", "recall", "precision", "auc")
    found = fitted.best.figures
    lines = [
        f"<tr><td>{html.escape(name)}</td>"
        + "".join(
            f"<td class=n>{found[f'{column}_{name.lower()}']:.3f}</td>"
            if f"{column}_{name.lower()}" in found
            else "<td class=n>none</td>"
            for column in columns
        )
        for name in fitted.spec.classes
    ]
    head = "".join(f"<th class=n>{column}</th>" for column in columns)
    return f"<table><tr><th></th>{head}</tr>{''.join(lines)}</table>"


def _by_group(groups: Sequence[GroupResult]) -> str:
    names = [name for name in _SHOWN if name in groups[0].figures]
    head = "".join(f"<th class=n>{name.replace('_', ' ')}</th>" for name in names)
    lines = []
    for group in groups:
        cells = "".join(
            f"<td class=n>{group.figures[name]:.3f}</td>" if name in group.figures else "<td></td>" for name in names
        )
        count = f"<td class=n>{group.rows:,}</td><td class=n>{group.entities:,}</td>"
        lines.append(f"<tr><td>{html.escape(group.name)}</td>{count}{cells}</tr>")
    return f"<table><tr><th></th><th class=n>rows</th><th class=n>entities</th>{head}</tr>{''.join(lines)}</table>"


def _between(fitted: Fitted) -> int:
    return len(fitted.rows.labels) - int((fitted.split.train | fitted.split.test).sum())


def _left_out(left_out: Mapping[str, int]) -> str:
    return "; ".join(f"{counted(rows, 'row')}: {reason}" for reason, rows in left_out.items() if rows) or "none"
