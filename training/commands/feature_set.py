"""`tidemark feature-set`: the features of a portfolio, without labels."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer
from rich.markup import escape

from feature_repo.console import HOME, Home, console, exit_on, fail, progress, quiet
from training.wording import counted


def feature_set(
    model: Annotated[str, typer.Argument(help="Whose features.")],
    out: Annotated[Path, typer.Option(help="The file to write, .parquet or .csv.")],
    at: Annotated[
        str | None, typer.Option(help="The moment, for every entity that has features then or for those of --entities.")
    ] = None,
    entities: Annotated[
        Path | None, typer.Option(help="Rows (Parquet or CSV): the join key, and event_timestamp unless --at is given.")
    ] = None,
    request: Annotated[
        list[str] | None, typer.Option(help="An input of the request, the same for all rows, such as months_ahead=12.")
    ] = None,
    score: Annotated[bool, typer.Option("--score", help="Add the champion's predictions.")] = False,
    home: Home = HOME,
) -> None:
    """Write the features of a portfolio at a moment, without labels; with --score, the champion's predictions."""
    with quiet():
        from training.deployed import NotDeployedError
        from training.facts import NoFactsError
        from training.feature_set import feature_set as build
        from training.models import spec_of
        from training.offline_scores import portfolio_model
        from training.table_files import read_table, require_writable, write_left_out, write_table

        with exit_on(NoFactsError, NotDeployedError, ValueError), progress() as show:
            require_writable(out)
            champion = portfolio_model(model, home=home) if score else None
            given = read_table(entities, spec_of(model).text_keys) if entities else None
            features = build(
                model, at=at, entities=given, request=_numbers(request or []),
                check=champion.require_answerable if champion else lambda _: None,
                needed_views=champion.views if champion else None, home=home, show=show,
            )  # fmt: skip
            if not len(features.table):
                raise ValueError(
                    f"none of {counted(len(features.left_out), 'row')} has features by then that are young enough, so "
                    f"nothing was written: {features.left_out_summary}. `tidemark doctor` lists the published days."
                )
            table = champion.scored(features) if champion else features.table
            write_table(table, out)
            left_out = write_left_out(features.left_out, out)
    console.print(
        f"{counted(len(table), 'row')}, {counted(len(table.column_names), 'column')}. Written: {escape(str(out))}",
        soft_wrap=True,
    )
    if left_out:
        console.print(
            f"{counted(len(features.left_out), 'row')} left out, as the scorer would not answer: "
            f"{escape(features.left_out_summary)}. All of them: {escape(str(left_out))}",
            soft_wrap=True,
        )
    if champion:
        for caveat in champion.artifact.card.caveats:
            console.print(f"[dim]caveat of version {champion.version}: {escape(caveat)}[/dim]", soft_wrap=True)


def _numbers(given: list[str]) -> dict[str, float]:
    numbers = {}
    for text in given:
        name, _, value = text.partition("=")
        try:
            numbers[name.strip()] = float(value)
        except ValueError:
            fail(f"--request: expected NAME=NUMBER such as months_ahead=12, found {text!r}")
    return numbers
