"""`tidemark demo`: the whole way from nothing to an answer."""

from __future__ import annotations

import json
import time
from collections.abc import Sequence
from dataclasses import replace
from datetime import datetime, timedelta
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer
from rich.markup import escape
from rich.table import Table

from feature_repo.console import HOME, Home, console, exit_on, print_error, quiet
from pipelines.commands.features import features
from pipelines.commands.load import load
from pipelines.commands.world import world

if TYPE_CHECKING:
    from pipelines.run import Training
    from pipelines.scorer_process import ScorerProcess
    from training.specs import ModelSpec


def demo(
    customers: Annotated[int, typer.Option(min=1, help="How many customers.")] = 2000,
    days: Annotated[int, typer.Option(min=900, help="How many days: a model of a year ahead needs three.")] = 1035,
    port: Annotated[int, typer.Option(help="Where the UI listens, on this machine only.")] = 3000,
    scorer_port: Annotated[int, typer.Option(help="Where the scorer listens, on this machine only.")] = 8000,
    exit_: Annotated[bool, typer.Option("--exit", help="Stop after the prediction.")] = False,
    home: Home = HOME,
) -> None:
    """Build everything from nothing: a world, validated features, four models that serve, one prediction."""
    from pipelines import scorer_process, user_interface
    from training.models import MODELS

    began, description = time.monotonic(), home / "world" / "world.json"
    with (
        exit_on(user_interface.UserInterfaceError, scorer_process.ScorerError),
        user_interface.starting(home, port) as interface,
    ):
        if not description.exists():
            world(customers=customers, days=days, home=home)
        plan = json.loads(description.read_text(encoding="utf-8"))["plan"]  # that of the world that is there
        load(source=[str(home / "world")], home=home)
        interface.wait()
        console.print(f"The Dagster UI answers at [bold]{interface.address}[/bold]: watch the runs that follow there.")
        start = datetime.fromisoformat(plan["start"])
        end = start + timedelta(days=plan["days"])
        features(first=start, last=end - timedelta(days=1), home=home)
        # The world ended before today; the scorer's clock stands at the first morning after it.
        clock = {"TIDEMARK_NOW": (end + timedelta(hours=9)).isoformat(), "TIDEMARK_REFRESH_SECONDS": "1"}
        # The scorer comes up while the first model is trained, and takes each when it is promoted.
        with scorer_process.starting(home, scorer_port, clock) as scorer:
            first, *others = MODELS
            trained = [_train(home, [first])]
            if trained[0].success:
                _show_a_prediction(scorer, first)
                console.print(f"The first answer came after {time.monotonic() - began:.0f} s; the other models follow.")
                trained.append(_train(home, others))
            _show_models(trained)
            scorer.wait()
            console.print(
                f"[green]Done[/green] in {time.monotonic() - began:.0f} s: {len(MODELS)} models serve. "
                f"All of it lies in {escape(str(home))}."
            )
            if not exit_:
                console.print(
                    f"The Dagster UI, at [bold]{interface.address}[/bold], and the scorer stay up until Ctrl-C."
                )
            while not exit_:
                time.sleep(1)


def _show_a_prediction(scorer: ScorerProcess, spec: ModelSpec) -> None:
    """One request and its answer, as any client would send it."""
    body, path = '{"entity_id": "1", "explain": 3}', f"/v1/predict/{spec.path}"
    answer = json.loads(scorer.wait(path, body.encode()))
    console.print(
        f"The scorer answers at [bold]{scorer.address}[/bold], with its documentation at {scorer.address}/docs:"
    )
    line = f"  curl -s {scorer.address}{path} -H 'Content-Type: application/json' -d '{body}'"
    console.print(line, markup=False, highlight=False, soft_wrap=True)
    console.print_json(data=answer)


def _train(home: Path, specs: Sequence[ModelSpec]) -> Training:
    """As the weekly run does, so that the UI has it."""
    with quiet():
        from feature_repo.settings import PlatformSettings
        from pipelines.run import train

        return train(replace(PlatformSettings.from_environment(), home=home), tuple(spec.name for spec in specs))


def _show_models(trained: Sequence[Training]) -> None:
    """What became of each model; whatever was stopped ends the command."""
    shown = Table("model", "estimator", "training rows", "on the test rows", "version", "", title="Models")
    for run in trained:
        for row in run.rows:
            shown.add_row(*map(escape, row))
    console.print(shown)
    for run in trained:
        for complaint in run.complaints:
            print_error(complaint, "stopped")
    if not all(run.success for run in trained):
        raise typer.Exit(1)
