"""`tidemark world`: raw data for those who have none of their own."""

from __future__ import annotations

from datetime import UTC, datetime
from importlib import import_module
from pathlib import Path
from typing import Annotated

import typer
from rich.markup import escape
from rich.table import Table

from feature_repo.catalogues import wanted_domains
from feature_repo.console import HOME, Home, console, exit_on, fail, progress
from pipelines.world import WORLDS


def world(
    customers: Annotated[int, typer.Option(min=1, help="How many customers there are (homes).")] = 2000,
    households: Annotated[int, typer.Option(min=1, help="How many households keep accounts (ledger).")] = 160,
    days: Annotated[int, typer.Option(min=1, help="How many days the world lasts.")] = 730,
    seed: Annotated[int, typer.Option(min=0, help="Another seed, another world; the same seed, the same bytes.")] = 7,
    first_day: Annotated[
        datetime | None,
        typer.Option(
            formats=["%Y-%m-%d"],
            help="The first of these days; else 2024-01-01, or earlier so that the last is yesterday.",
        ),
    ] = None,
    out: Annotated[Path | None, typer.Option(help="Where to write it; else <home>/world.")] = None,
    home: Home = HOME,
) -> None:
    """Write a synthetic world of raw data: homes and who deals in them, households and their accounts."""
    from pipelines.world.building import WorldSize, build
    from pipelines.world.clock import start_of

    wanted = wanted_domains()
    domains = [domain for domain in WORLDS if not wanted or domain in wanted]
    if not domains:
        fail(f"there is no synthetic world of {', '.join(wanted)}; there is one of {', '.join(WORLDS)}")
    folder = out or home / "world"
    with exit_on(ValueError, FileExistsError), progress() as show:
        start = start_of(days, first_day.date() if first_day else None, datetime.now(UTC).date())
        size = WorldSize(customers=customers, households=households, days=days, seed=seed, start=start)
        worlds = [import_module(WORLDS[domain]).world_of(size) for domain in domains]
        report = build(worlds, folder, show)
    population = " and ".join(each.population for each in worlds)
    table = Table(
        "table", "rows", "MB",
        title=f"World of {population} over {days} days from {start}: {escape(str(folder))}",
    )  # fmt: skip
    for name, written in report.tables.items():
        table.add_row(name, f"{written.rows:,}", f"{written.bytes / 1e6:,.1f}")
    console.print(table)
