"""The command line: the commands of the rooms under one name. Heavy imports wait until a command needs them."""

from __future__ import annotations

import os

import typer

import pipelines.commands
import serving.commands
import training.commands

app = typer.Typer(
    help="Tidemark: what was known about a customer, a home or a market at a given moment.",
    no_args_is_help=True,
    pretty_exceptions_show_locals=False,
)
for _command in (*pipelines.commands.COMMANDS, *training.commands.COMMANDS, *serving.commands.COMMANDS):
    app.command()(_command)


def main() -> None:
    """Run the command line. What it writes, and what it starts, is for its owner's eyes alone."""
    os.umask(0o077)
    app()
