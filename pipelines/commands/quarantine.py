"""`tidemark quarantine`: the rows that a load refused."""

from __future__ import annotations

from typing import Annotated

import typer
from rich.markup import escape

from feature_repo.console import HOME, Home, console, exit_on
from training.wording import counted


def quarantine(
    table: Annotated[str, typer.Argument(help="Which raw table.")],
    reason: Annotated[str, typer.Option(help="Only rows with this text in a reason.")] = "",
    limit: Annotated[int, typer.Option(min=1, help="How many rows to show.")] = 20,
    home: Home = HOME,
) -> None:
    """Show refused rows, as they came, with the reasons."""
    from pipelines.known_names import UnknownNameError, require_known
    from pipelines.raw.store import RawStore
    from pipelines.raw.tables import TABLES

    with exit_on(UnknownNameError):
        require_known("raw table", [table], [raw.name for raw in TABLES])
    rows = [row for row in RawStore(home).quarantine(table).to_pylist() if any(reason in one for one in row["reasons"])]
    console.print(
        f"{table}: {counted(len(rows), 'refused row')}" + (f", the first {limit}:" if len(rows) > limit else "")
    )
    for row in rows[:limit]:
        reasons, origin = escape("; ".join(row["reasons"])), escape(row["origin"] or "")
        console.print(f"[red]{reasons}[/red] [dim]known {row['known_on']}, {origin}[/dim]")
        console.print(f"  {row['row']}", markup=False, highlight=False)
