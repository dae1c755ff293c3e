"""`tidemark evaluate`: a model tested on one span after another."""

from __future__ import annotations

from typing import Annotated

import typer
from rich.markup import escape
from rich.table import Table

from feature_repo.console import HOME, Home, comma_separated, console, exit_on, progress, quiet


def evaluate(
    model: Annotated[str, typer.Argument(help="Which model.")],
    every: Annotated[
        str, typer.Option(help="The length of a span, after which the model is trained again: 3M, 1y, 6w, 90d.")
    ] = "3M",
    window: Annotated[
        str, typer.Option(help="How much time before each span to train on, such as 24M; or `all` of it.")
    ] = "all",
    first: Annotated[
        str | None, typer.Option("--from", help="Where the first span begins; else once half of the rows are settled.")
    ] = None,
    last: Annotated[str | None, typer.Option("--to", help="Where the last span ends; else with the rows.")] = None,
    without: Annotated[str | None, typer.Option(help="Inputs to leave out: NAME,NAME.")] = None,
    as_json: Annotated[bool, typer.Option("--json", help="Print the evaluation as JSON, and nothing else.")] = False,
    home: Home = HOME,
) -> None:
    """Evaluate a model walking forward: train, wait out the label's horizon, test on the next span, move on."""
    with quiet():
        from training import evaluation_page, evaluations
        from training.facts import NoFactsError
        from training.leakage import LeakageError
        from training.walk_forward import walk_forward

        with exit_on(NoFactsError, LeakageError, ValueError), progress() as show:
            evaluation = walk_forward(
                model,
                every=every,
                window=window,
                start=first,
                end=last,
                without=comma_separated(without),
                home=home,
                show=show,
            )
        file = evaluations.keep(evaluation, home)
        report = evaluation_page.show_on_page(evaluation, home)
    if as_json:
        typer.echo(evaluation.to_json(), nl=False)
        return
    shown = Table(title=f"{model}, walking forward")
    for place, title in enumerate(evaluation_page.head_of(evaluation)):
        shown.add_column(title, justify="left" if place < 2 else "right", no_wrap=place < 2)
    lines, each = evaluation_page.lines_of(evaluation), len(evaluation_page.CONTENDERS)
    for place, line in enumerate(lines, 1):
        shown.add_row(*line, end_section=place % each == 0)
    console.print(shown)
    console.print(evaluation.verdict, highlight=False)
    console.print(f"[dim]Page: {escape(str(report))}. JSON: {escape(str(file))}[/dim]", soft_wrap=True)
