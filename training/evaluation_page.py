"""A walk-forward evaluation on the model's page: a table of its spans, and a curve of each contender over time."""

from __future__ import annotations

import html
from collections.abc import Sequence
from datetime import datetime
from pathlib import Path

from matplotlib.axes import Axes
from matplotlib.figure import Figure

from training import artifact, evaluations, page
from training.evaluations import Contender, WalkForward
from training.headlines import BIAS, Headline
from training.tasks import task_of

LOSS = Headline("loss", "loss", ".4f")
CONTENDERS: tuple[Contender, ...] = ("retrained", "trained once", "baseline")
_COLOURS = {"retrained": page.TIDE, "trained once": page.INK, "baseline": page.SAND}
_SECTION = "walk-forward"


def headlines_of(evaluation: WalkForward) -> list[Headline]:
    """The figures that an evaluation's table has, the loss first."""
    there = evaluation.overall["retrained"]
    return [LOSS, *(headline for headline in task_of(evaluation.task).headlines if headline.name in there)]


def lines_of(evaluation: WalkForward) -> list[tuple[str, ...]]:
    """The table: a line for each span and contender, and for all spans together. The first cells are words."""
    named = headlines_of(evaluation)
    spans = [
        (f"{span.start[:10]} to {span.end[:10]}", f"{span.train_rows:,}", f"{span.test_rows:,}", span.figures)
        for span in evaluation.spans
    ]
    whole = f"{sum(span.test_rows for span in evaluation.spans):,}"
    lines = []
    for label, train, test, figures in (*spans, ("all spans", "", whole, evaluation.overall)):
        for place, contender in enumerate(CONTENDERS):
            first = (label, train, test) if place == 0 else ("", "", "")
            of_one = figures[contender]
            lines.append(
                (
                    first[0],
                    contender,
                    *first[1:],
                    *(h.written(of_one[h.name]) if h.name in of_one else "" for h in named),
                )
            )
    return lines


def head_of(evaluation: WalkForward) -> tuple[str, ...]:
    """The head of the table."""
    return ("span", "model", "training rows", "test rows", *(headline.title for headline in headlines_of(evaluation)))


def section(evaluation: WalkForward) -> str:
    """The part of a page that tells of it."""
    inputs = f", without {', '.join(evaluation.left_out_inputs)}" if evaluation.left_out_inputs else ""
    trained = (
        "on everything settled before it" if evaluation.window == "all" else f"on the {evaluation.window} before it"
    )
    told = (
        f"Each span is answered by a model trained {trained} (“retrained”) and by that of the first span "
        f"(“trained once”){inputs}. Training labels were settled before the span began. "
        f"Rows of training set {evaluation.training_set[:12]}, data until {evaluation.data_end[:10]}."
    )
    return "".join(
        (
            "<h2>Walk-forward evaluation</h2>",
            f"<p>{html.escape(told)}</p><p>{html.escape(evaluation.verdict)}</p>",
            page.columns(head_of(evaluation), lines_of(evaluation), words=2),
            _curves(evaluation),
        )
    )


def show_on_page(evaluation: WalkForward, home: Path) -> Path:
    """Put the evaluation on the page of the version trained last if that has the same inputs, else on its own page.

    The page that shows it is returned; that of a version with other inputs says whose evaluation there is.
    """
    latest = home / "models" / "latest" / evaluation.model
    report = latest / "report.html"
    if report.exists() and show_on(report, evaluation, artifact.read_card(latest / "model").inputs.names):
        return report
    own = evaluations.file_of(home, evaluation.model).with_suffix(".html")
    heading = f"<h1>{html.escape(evaluation.model)}, walking forward</h1>"
    return page.write(own, page.page(evaluation.model, [heading, section(evaluation)]))


def show_on(file: Path, evaluation: WalkForward, inputs: Sequence[str]) -> bool:
    """Put the evaluation on the page of a version with these inputs; false if it is of others, which the page says."""
    matches = list(evaluation.inputs) == list(inputs)
    content = section(evaluation) if matches else _other_inputs(evaluation, inputs)
    page.write(file, page.with_section(file.read_text(encoding="utf-8"), _SECTION, content))
    return matches


def _other_inputs(evaluation: WalkForward, inputs: Sequence[str]) -> str:
    fewer = [name for name in inputs if name not in evaluation.inputs]
    more = [name for name in evaluation.inputs if name not in inputs]
    differences = [f"{word} {', '.join(names)}" for word, names in (("without", fewer), ("with", more)) if names]
    what = (
        f"a model with other inputs than this version: {'; '.join(differences) or 'in another order'}"
        if evaluation.inputs
        else "a model whose inputs were not recorded"
    )
    text = (
        f"The newest one is of {what}. So it is not shown here; run tidemark evaluate with the inputs of this version."
    )
    return f"<h2>Walk-forward evaluation</h2><p>{html.escape(text)}</p>"


def _curves(evaluation: WalkForward) -> str:
    headlines = headlines_of(evaluation)
    shown = [headlines[0], headlines[1] if len(headlines) > 1 else headlines[0]]
    biased = next((headline for headline in headlines if headline.name == BIAS), None)
    shown += [biased] if biased and biased not in shown else []

    def draw(figure: Figure) -> None:
        for axes, headline in zip(figure.subplots(1, len(shown)), shown, strict=True):
            _curve(axes, evaluation, headline)
        figure.axes[0].legend(frameon=False, fontsize=8)

    return page.drawn((9, 3.4), draw)


def _curve(axes: Axes, evaluation: WalkForward, headline: Headline) -> None:
    begins = [datetime.fromisoformat(span.start) for span in evaluation.spans]
    for contender in CONTENDERS:
        points = [
            (begin, span.figures[contender][headline.name])
            for begin, span in zip(begins, evaluation.spans, strict=True)
            if headline.name in span.figures[contender]
        ]
        if points:
            axes.plot(*zip(*points, strict=True), marker="o", markersize=3, label=contender, color=_COLOURS[contender])
    axes.set(title=headline.title, xlabel="span from")
    axes.tick_params(axis="x", rotation=45, labelsize=8)
