"""`tidemark train`: new versions of models."""

from __future__ import annotations

from typing import Annotated

import typer
from rich.markup import escape
from rich.table import Table

from feature_repo.console import HOME, Home, comma_separated, console, exit_on, print_error, progress, quiet
from training.wording import counted


def train(
    model: Annotated[list[str] | None, typer.Argument(help="Which models; all if none is named.")] = None,
    start: Annotated[str | None, typer.Option(help="The earliest moment of a row.")] = None,
    end: Annotated[str | None, typer.Option(help="The moment that every row is before.")] = None,
    test_from: Annotated[
        str | None, typer.Option(help="The moment from which on rows are test rows; else the last quarter of them.")
    ] = None,
    tune: Annotated[int, typer.Option(min=0, help="How many parameter sets to try for each estimator.")] = 0,
    without: Annotated[str | None, typer.Option(help="Inputs to leave out: NAME,NAME.")] = None,
    note: Annotated[str, typer.Option(help="A note that is kept with the version.")] = "",
    promote: Annotated[bool, typer.Option(help="Let a model serve that passes every gate.")] = True,
    home: Home = HOME,
) -> None:
    """Train models, test them on later time, and let those serve that pass every gate."""
    with quiet():
        from training.facts import NoFactsError
        from training.headlines import summary
        from training.leakage import LeakageError
        from training.models import MODELS, spec_of
        from training.preflight import require_trainable
        from training.row_selection import TrainingSetError
        from training.split import SplitError
        from training.train import train as train_one

        left_out_inputs = comma_separated(without)
        failed, left_out, caveats = False, list[str](), list[str]()
        shown = Table(
            "model", "estimator", "training rows", "test rows", "loss", "baseline", "on the test rows", "version", "",
            title="Models",
        )  # fmt: skip
        with exit_on(TrainingSetError, NoFactsError, LeakageError, SplitError, ValueError), progress() as show:
            specs = [spec_of(name) for name in model] if model else MODELS
            for spec in specs:  # a fault in the arguments for the last is no reason to train the first
                require_trainable(spec, home, start=start, end=end, test_from=test_from, without=left_out_inputs)
            for spec in specs:
                made = train_one(
                    spec, start=start, end=end, test_from=test_from, tune=tune, without=left_out_inputs, note=note,
                    promote=promote, home=home, show=show,
                )  # fmt: skip
                fitted = made.fitted
                losses = (f"{each.figures['loss']:.4f}" for each in (fitted.best, fitted.baseline))
                rows = (f"{part.sum():,}" for part in (fitted.split.train, fitted.test))
                state = "stopped" if made.failures else "serves" if promote else "passed, not promoted"
                shown.add_row(
                    spec.name, fitted.estimator, *rows, *losses, summary(spec.task, made.headlines), made.version, state
                )
                for reason, count in fitted.training_set.manifest.left_out.items():
                    if count:
                        left_out.append(f"{spec.name}: {counted(count, 'row')} left out: {reason}")
                caveats += [f"{spec.name}: caveat: {caveat}" for caveat in made.caveats]
                for verdict in made.failures:
                    failed = True
                    print_error(f"{spec.name}: {verdict.gate}: {verdict.reason}", "stopped")
    console.print(shown)
    for line in (*left_out, *caveats):
        console.print(f"[dim]{escape(line)}[/dim]", soft_wrap=True)
    console.print(
        f"[dim]Reports: {escape(str(home / 'models' / 'latest'))}/MODEL/report.html. Runs: tidemark models --ui[/dim]"
    )
    if failed:
        raise typer.Exit(1)
