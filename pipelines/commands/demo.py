"""`tidemark demo`: the whole way from nothing to an answer."""

from __future__ import annotations

import json
import os
import time
from datetime import datetime, timedelta
from pathlib import Path
from typing import Annotated

import typer
from rich.markup import escape
from rich.table import Table

from feature_repo.console import HOME, Home, console, exit_on, print_error, quiet
from pipelines.commands.features import features
from pipelines.commands.load import load
from pipelines.commands.world import world


def demo(
    customers: Annotated[int, typer.Option(min=1, help="How many customers.")] = 2000,
    days: Annotated[int, typer.Option(min=900, help="How many days: a model of a year ahead needs three.")] = 1035,
    port: Annotated[int, typer.Option(help="Where the UI listens, on this machine only.")] = 3000,
    scorer_port: Annotated[int, typer.Option(help="Where the scorer listens, on this machine only.")] = 8000,
    exit_: Annotated[bool, typer.Option("--exit", help="Stop once all is proven.")] = False,
    home: Home = HOME,
) -> None:
    """From nothing to validated features and four models that serve, before the reader's eyes."""
    from pipelines.scorer_process import ScorerError, answering
    from pipelines.user_interface import UserInterfaceError, running

    began = time.monotonic()
    description = home / "world" / "world.json"
    if not description.exists():
        world(customers=customers, days=days, home=home)
    plan = json.loads(description.read_text(encoding="utf-8"))["plan"]  # that of the world that is there
    load(source=[str(home / "world")], home=home)
    start = datetime.fromisoformat(plan["start"])
    end = start + timedelta(days=plan["days"])
    with exit_on(UserInterfaceError, ScorerError), running(home, port) as address:
        console.print(f"The Dagster UI answers at [bold]{address}[/bold]: the runs that follow can be watched there.")
        features(first=start, last=end - timedelta(days=1), home=home)
        _train_in_dagster(home)
        # The world ended before today; the scorer's clock stands at the first morning after it.
        os.environ["TIDEMARK_NOW"] = (end + timedelta(hours=9)).isoformat()
        with answering(home, scorer_port) as scorer:
            _show_a_prediction(scorer)
            console.print(
                f"[green]Done[/green] in {time.monotonic() - began:.0f} s. All of it lies in {escape(str(home))}."
            )
            if not exit_:
                console.print(f"The Dagster UI, at [bold]{address}[/bold], and the scorer stay up until Ctrl-C.")
            while not exit_:
                time.sleep(1)


def _show_a_prediction(scorer: str) -> None:
    """One request and its answer, as any client would send it."""
    from urllib.request import Request, urlopen

    body = '{"entity_id": "1", "explain": 3}'
    url = f"{scorer}/v1/predict/move-probability"
    request = Request(url, body.encode(), {"Content-Type": "application/json"})  # noqa: S310  our own scorer
    with urlopen(request) as response:  # noqa: S310
        answer = json.load(response)
    console.print(f"The scorer answers at [bold]{scorer}[/bold], with its documentation at {scorer}/docs:")
    line = f"  curl -s {url} -H 'Content-Type: application/json' -d '{body}'"
    console.print(line, markup=False, highlight=False, soft_wrap=True)
    console.print_json(data=answer)


def _train_in_dagster(home: Path) -> None:
    """The weekly run, so that the UI has it."""
    with quiet():
        from pipelines.run import train as weekly

        outcome = weekly(home)
    shown = Table("model", "estimator", "training rows", "on the test rows", "version", "", title="Models")
    for row in outcome.rows:
        shown.add_row(*map(escape, row))
    console.print(shown)
    for complaint in outcome.complaints:
        print_error(complaint, "stopped")
    if not outcome.success:
        raise typer.Exit(1)
