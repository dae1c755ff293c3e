"""The command line: the commands of the rooms under one name. Heavy imports wait until a command needs them."""

from __future__ import annotations

import os
from typing import Annotated

import typer

import pipelines.commands
import serving.commands
import training.commands
from feature_repo.catalogues import SETTING, DomainError, require_domains
from feature_repo.console import exit_on

app = typer.Typer(
    help="Tidemark: what was known about a customer, a home or a market at a given moment.",
    no_args_is_help=True,
    pretty_exceptions_show_locals=False,
)


@app.callback()
def domains(
    domain: Annotated[
        list[str] | None,
        typer.Option("--domain", help="Only what belongs to this domain; may be given again. Else TIDEMARK_DOMAINS."),
    ] = None,
) -> None:
    """Take the domains that are wanted, for this command and whatever it starts."""
    if domain:
        os.environ[SETTING] = ",".join(domain)
    if os.environ.get(SETTING):
        with exit_on(DomainError):
            require_domains()


for _command in (*pipelines.commands.COMMANDS, *training.commands.COMMANDS, *serving.commands.COMMANDS):
    app.command()(_command)


def main() -> None:
    """Run the command line. What it writes, and what it starts, is for its owner's eyes alone."""
    os.umask(0o077)
    app()
