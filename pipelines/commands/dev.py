"""`tidemark dev`: the Dagster UI on a home."""

from __future__ import annotations

from typing import Annotated

import typer

from feature_repo.console import HOME, Home


def dev(
    port: Annotated[int, typer.Option(help="Where the UI listens, on this machine only.")] = 3000,
    home: Home = HOME,
) -> None:
    """Open the Dagster UI on this home, until Ctrl-C."""
    from pipelines.user_interface import foreground

    raise typer.Exit(foreground(home, port))
