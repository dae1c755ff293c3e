"""A page a model: what it is for, its results on the held-out time, against what, and for whom they are worse."""

from __future__ import annotations

import html
from collections.abc import Mapping, Sequence

import numpy as np

from training.breakdown import GroupResult, breakdown
from training.fit import Fitted
from training.gates import GateVerdict
from training.page import TIDE, drawn, page, pairs
from training.wording import counted

SAMPLE = 500
_SHOWN = (
    "loss", "base_rate", "mean_probability", "calibration_error", "auc", "accuracy", "balanced_accuracy",
    "median_error", "median_ratio", "coverage_80",
)  # fmt: skip
"""The figures that are shown by group."""
_NEWCOMERS = "it knows only what the feature views hold; of entities that came last month that is little"


def report(fitted: Fitted, verdicts: Sequence[GateVerdict], caveats: Sequence[str] = ()) -> str:
    """The page as HTML, pictures included."""
    spec, manifest = fitted.spec, fitted.training_set.manifest
    held_out = fitted.rows.asked[fitted.test]
    parts = [
        f"<h1>{html.escape(spec.name)}</h1><p>{html.escape(spec.question)}</p>",
        "<h2>What it is</h2>",
        pairs(
            [
                ("Answers for", f"one {' and one '.join(entity.name for entity in spec.keys)}, at a moment"),
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
        *(f"<li>{html.escape(caveat)}</li>" for caveat in (*caveats, _NEWCOMERS)),
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
        _importances(fitted),
    ]
    for title, groups in breakdown(fitted).items():
        parts += [f"<h2>By {title}</h2>", _by_group(groups)]
    for title, section in fitted.spec.task.sections(fitted):
        parts += [f"<h2>{title}</h2>", section]
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
    return drawn((9, 3.8), lambda figure: fitted.spec.task.draw(fitted, *figure.subplots(1, 2)))


def _importances(fitted: Fitted) -> str:
    tested = fitted.rows.matrix[fitted.test]
    rows = tested[:: max(len(tested) // SAMPLE, 1)]
    weight = np.abs(fitted.inputs.by_input(fitted.native.contributions(rows))).mean(axis=(0, 1))
    order = np.argsort(-weight)[:15]
    most = max(weight.max(), 1e-12)
    return (
        f"<p>Mean absolute contribution to the raw score, measured on {len(rows):,} of the {len(tested):,} test rows, "
        "evenly over their span: what moves answers for others, of whom more or less is known, may differ.</p><table>"
        + "".join(
            f"<tr><td>{html.escape(fitted.inputs.names[place])}</td><td class=n>{weight[place]:.4f}</td><td>"
            f"<div style='background:{TIDE};height:.8rem;width:{weight[place] / most * 16:.1f}rem'></div></td></tr>"
            for place in order
        )
        + "</table>"
    )


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
