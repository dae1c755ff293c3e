"""What the commands of all rooms share: the terminal, the option `--home`, progress, and how an error ends."""

from __future__ import annotations

import os
import sys
import warnings
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Annotated, NoReturn, TextIO

import typer
from rich.console import Console
from rich.markup import escape
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn

from feature_repo.home import CopiedEnvironmentError
from feature_repo.home import home as home_folder
from feature_repo.masking import masked

WIDTH = 160


def _width(stream: TextIO) -> int | None:
    """A pipe or a log has no width: there tables get what they need, unless COLUMNS says otherwise."""
    return None if stream.isatty() or os.environ.get("COLUMNS") else WIDTH


console = Console(width=_width(sys.stdout))
stderr = Console(stderr=True, width=_width(sys.stderr))


def print_warning(message: str, label: str = "warning") -> None:
    """A sentence on stderr that does not change the exit code."""
    stderr.print(f"[yellow]{label}[/yellow] {escape(masked(message))}", soft_wrap=True, highlight=False)


def print_error(message: str, label: str = "error") -> None:
    """A sentence on stderr about what made, or will make, the command fail."""
    stderr.print(f"[red]{label}[/red] {escape(masked(message))}", soft_wrap=True, highlight=False)


def fail(message: str) -> NoReturn:
    """End the command with a sentence: its user can mend what is wrong."""
    print_error(message)
    raise typer.Exit(2)


@contextmanager
def exit_on(*expected: type[Exception]) -> Iterator[None]:
    """Errors that a user can mend end in one sentence; faults of our own keep their traceback."""
    try:
        yield
    except expected as error:
        fail(str(error))


@contextmanager
def quiet() -> Iterator[None]:
    """Warnings of the libraries are for developers, not for the user of a command."""
    with warnings.catch_warnings():
        warnings.showwarning = lambda *_, **__: None  # filters would not do: Dagster sets its own
        os.environ.setdefault("MLFLOW_LOGGING_LEVEL", "WARNING")
        yield


@contextmanager
def progress() -> Iterator[Callable[[str, int, int], None]]:
    """Progress bars on stderr: a function of what is being done, how much of it is done, and how much there is."""
    bars = (TextColumn("{task.description:>16}"), BarColumn(), MofNCompleteColumn(), TimeRemainingColumn())
    with Progress(*bars, console=stderr, transient=True) as display:
        tasks: dict[str, int] = {}

        def show(what: str, done: int, total: int) -> None:
            task = tasks.setdefault(what, -1)
            if task < 0:
                tasks[what] = task = display.add_task(what)
            display.update(task, completed=done, total=total)  # type: ignore[arg-type]

        yield show


def comma_separated(text: str | None) -> tuple[str, ...]:
    """The names in an option such as NAME,NAME."""
    return tuple(name.strip() for name in (text or "").split(",") if name.strip())


HOME = Path(".tidemark")


def _chosen_home(context: typer.Context, given: Path) -> Path:
    """The home, which whatever runs below finds in the environment, and nobody else may look into."""
    with exit_on(CopiedEnvironmentError):
        default = home_folder()
    source = context.get_parameter_source("home")
    home = default if source is None or source.name.startswith("DEFAULT") else given.absolute()
    os.environ["TIDEMARK_HOME"] = str(home.absolute())
    if home.is_dir() and home.stat().st_uid == os.getuid() and home.stat().st_mode & 0o077:
        home.chmod(0o700)  # one that was made when others could
    return home.absolute()


Home = Annotated[
    Path,
    typer.Option(
        callback=_chosen_home,
        show_default=False,
        help="The folder that all state lives under; else TIDEMARK_HOME, else .tidemark in the checkout.",
    ),
]
