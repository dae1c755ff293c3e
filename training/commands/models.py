"""`tidemark models`: the versions of models, and which of them serve."""

from __future__ import annotations

import os
import sys
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Annotated

import typer
from rich.markup import escape
from rich.table import Table

from feature_repo.console import HOME, Home, console, exit_on, print_warning, quiet

if TYPE_CHECKING:
    from training.registry import Registry


def models(
    promote: Annotated[str | None, typer.Option(help="Let MODEL:VERSION serve, whatever its gates' results.")] = None,
    roll_back: Annotated[str | None, typer.Option(help="Let the previous champion of MODEL serve again.")] = None,
    ui: Annotated[bool, typer.Option("--ui", help="Open MLflow's pages on 127.0.0.1, until Ctrl-C.")] = False,
    port: Annotated[int, typer.Option(help="Where MLflow's pages listen.")] = 5000,
    home: Home = HOME,
) -> None:
    """Show which versions there are and which serves; move the champion by hand."""
    with quiet():
        from feature_repo.masking import masked
        from training.deployed import registry_address
        from training.headlines import summary
        from training.models import MODELS, spec_of
        from training.registry import Registry, RegistryError

        if ui:
            address = registry_address(home)
            if not address.startswith("sqlite:"):
                console.print(f"The registry is a server with pages of its own: {escape(masked(address))}")
                return
            command = [sys.executable, "-m", "mlflow", "server", "--backend-store-uri", address]
            os.execv(sys.executable, [*command, "--host", "127.0.0.1", "--port", str(port)])  # noqa: S606
        registry = Registry(home)
        with exit_on(RegistryError, ValueError):
            if promote:
                name, _, version = promote.partition(":")
                registry.promote(spec_of(name).name, version)
                _warn_of_gates(registry, name, version)
            if roll_back:
                registry.roll_back(spec_of(roll_back).name)
            shown = Table(
                "model", "version", "serves", "made", "on its test rows", "trained without", "note",
                title=f"Models in {escape(masked(registry_address(home)))}",
            )  # fmt: skip
            for spec in MODELS:
                registry.show_status(spec.name)  # which MLflow's own pages may have changed
                champion = registry.champion(spec.name)
                for made in registry.versions(spec.name):
                    day = datetime.fromtimestamp(made.creation_timestamp / 1000, UTC)
                    mark = "champion" if str(made.version) == champion else ""
                    if mark and registry.failed_gates(spec.name, champion or ""):
                        mark = "champion, though gates failed"
                    figures, params = registry.run_of(made)
                    shown.add_row(
                        spec.name, str(made.version), mark, f"{day:%Y-%m-%d %H:%M}", summary(spec.task, figures),
                        escape(params.get("left_out", "")), escape(made.description or ""),
                    )  # fmt: skip
    console.print(shown)


def _warn_of_gates(registry: Registry, model: str, version: str) -> None:
    failed = registry.failed_gates(model, version)
    if failed is None:
        print_warning(f"{model}: version {version} serves now. No verdicts of its gates are recorded.")
    for reason in failed or ():
        print_warning(f"{model}: version {version} serves now, though it failed a gate: {reason}")
