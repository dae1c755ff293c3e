"""`tidemark training-set`: rows to train on, as a file."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer
from rich.markup import escape

from feature_repo.console import HOME, Home, console, exit_on, fail, progress
from training.wording import counted


def training_set(
    model: Annotated[str | None, typer.Argument(help="Whose training rows; not needed with --from.")] = None,
    out: Annotated[Path | None, typer.Option(help="The Parquet file to write; its manifest comes beside it.")] = None,
    start: Annotated[
        str | None, typer.Option(help="The earliest moment of a row; else that of the first snapshot.")
    ] = None,
    end: Annotated[
        str | None, typer.Option(help="The moment that every row is before; else the end of the data.")
    ] = None,
    every: Annotated[
        str | None, typer.Option(help="The interval between an entity's rows, such as 7d or 12h; else the model's own.")
    ] = None,
    known_at: Annotated[str | None, typer.Option(help="Use only what was known at this moment.")] = None,
    entities: Annotated[
        Path | None, typer.Option(help="Rows of your own (Parquet or CSV): the join key and event_timestamp.")
    ] = None,
    at_most: Annotated[int | None, typer.Option(min=1, help="Keep so many rows, spread evenly.")] = None,
    manifest: Annotated[Path | None, typer.Option("--from", help="Build the set of this manifest again.")] = None,
    home: Home = HOME,
) -> None:
    """Write training rows: what was known of each entity at each moment, and the label that followed."""
    from training import column_report
    from training.dataset import ChangedError, rebuilt
    from training.dataset import training_set as build
    from training.facts import NoFactsError
    from training.leakage import LeakageError
    from training.models import spec_of
    from training.row_selection import TrainingSetError
    from training.table_files import read_table

    if (model is None) == (manifest is None):
        fail("name a MODEL, or a manifest with --from.")
    if manifest is None and out is None:
        fail("say where to write: --out FILE.parquet.")
    with exit_on(TrainingSetError, ChangedError, NoFactsError, LeakageError, ValueError), progress() as show:
        given = read_table(entities, spec_of(model).text_keys if model else ()) if entities else None
        made = (
            rebuilt(manifest, entities=given, home=home, show=show)
            if manifest
            else build(
                str(model), start=start, end=end, every=every, known_at=known_at,
                entities=given, at_most=at_most, home=home, show=show,
            )
        )  # fmt: skip
        beside = made.write(out) if out else None
        columns = column_report.write(made, out.with_suffix(".columns.html")) if out else None
    console.print(f"{counted(made.manifest.rows, 'row')}, {counted(len(made.table.column_names), 'column')}.")
    if made.manifest.filled_in:
        console.print(f"Filled in, as the rows have labels of their own: {made.manifest.filled_in}.")
    for reason, rows in made.manifest.left_out.items():
        if rows:
            console.print(f"{counted(rows, 'row')} left out: {reason}.")
    if manifest:
        console.print(f"The same bytes as {escape(str(manifest))} records.")
    if beside:
        console.print(f"Written: {escape(str(out))}, {escape(str(beside))}, {escape(str(columns))}", soft_wrap=True)
