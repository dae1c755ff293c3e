"""`tidemark doctor`: what is installed, what is wrong and how to mend it."""

from __future__ import annotations

import os

import typer
from rich.markup import escape
from rich.table import Table

from feature_repo.console import HOME, Home, console


def doctor(home: Home = HOME) -> None:
    """Check the installation, its parts, its state and its settings; say what is wrong and how to mend it."""
    from pipelines.doctor import findings

    shown = Table("", "part", "found", "to mend it", title=f"Tidemark at {escape(str(home))}")
    marks = {"ok": "[green]ok[/green]", "note": "[yellow]note[/yellow]", "wrong": "[red]wrong[/red]"}
    found = findings(home, os.environ)
    for finding in found:
        shown.add_row(marks[finding.state], *map(escape, (finding.part, finding.found, finding.remedy)))
    console.print(shown)
    if any(finding.state == "wrong" for finding in found):
        raise typer.Exit(1)
