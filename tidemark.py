"""The command line: a roof over the rooms. Heavy imports wait until a command needs them."""

from __future__ import annotations

import os
import time
import warnings
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import datetime, timedelta
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer
from rich.console import Console
from rich.markup import escape
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn
from rich.table import Table

from feature_repo.home import home as home_folder

if TYPE_CHECKING:
    from pipelines.raw.load import TableReport

app = typer.Typer(
    help="Tidemark: what was known about a customer, a home or a market at a given moment.",
    no_args_is_help=True,
    pretty_exceptions_show_locals=False,
)
console = Console()
complaints = Console(stderr=True)


HOME = home_folder()


def _told_below(home: Path) -> Path:
    """Whatever runs below finds the same home in the environment."""
    os.environ["TIDEMARK_HOME"] = str(home.absolute())
    return home.absolute()


Home = Annotated[
    Path,
    typer.Option(
        callback=_told_below,
        show_default=False,
        help="The folder that all state lives under; else TIDEMARK_HOME, else .tidemark in the checkout.",
    ),
]


@app.command()
def world(
    customers: Annotated[int, typer.Option(min=1, help="How many customers.")] = 2000,
    days: Annotated[int, typer.Option(min=1, help="How many days they are watched.")] = 730,
    seed: Annotated[int, typer.Option(min=0, help="Another seed, another world; the same seed, the same bytes.")] = 7,
    out: Annotated[Path | None, typer.Option(help="Where to write it; <home>/world if not said.")] = None,
    home: Home = HOME,
) -> None:
    """Write a synthetic world of raw data: regions, homes, customers, deals and what they do."""
    from pipelines.world.generate import generate
    from pipelines.world.plan import WorldPlan

    folder = out or home / "world"
    with _complaining(ValueError, FileExistsError), _progress() as show:
        report = generate(WorldPlan(customers=customers, days=days, seed=seed), folder, show)
    table = Table(
        "table", "rows", "MB", title=f"World of {customers:,} customers over {days} days: {escape(str(folder))}"
    )
    for name, made in report.tables.items():
        table.add_row(name, f"{made.rows:,}", f"{made.bytes / 1e6:,.1f}")
    console.print(table)


@app.command()
def load(
    source: Annotated[
        str | None,
        typer.Argument(
            envvar="TIDEMARK_SOURCE", help="A folder of Parquet or CSV, or postgresql://user@host/database."
        ),
    ] = None,
    mapping: Annotated[
        Path | None, typer.Option(envvar="TIDEMARK_MAPPING", help="How your own tables become the raw tables.")
    ] = None,
    table: Annotated[list[str] | None, typer.Option(help="Only this table; may be given again.")] = None,
    first: Annotated[datetime | None, typer.Option("--from", formats=["%Y-%m-%d"], help="First day.")] = None,
    last: Annotated[datetime | None, typer.Option("--to", formats=["%Y-%m-%d"], help="Last day.")] = None,
    again: Annotated[bool, typer.Option("--again", help="Load days that seem unchanged, too.")] = False,
    memory: Annotated[
        str, typer.Option(envvar="TIDEMARK_MEMORY", help="Memory for the work; more spills to disk.")
    ] = "2GB",
    home: Home = HOME,
) -> None:
    """Load raw tables under their contract: good rows to Parquet, bad ones to quarantine with their reasons."""
    from pipelines.raw.contracts import TABLES
    from pipelines.raw.expressions import nearest
    from pipelines.raw.load import LoadOptions
    from pipelines.raw.load import load as load_tables
    from pipelines.raw.mapping import read_mapping
    from pipelines.raw.sources import open_source
    from pipelines.raw.store import AlreadyLoadingError, RawStore

    names = [raw.name for raw in TABLES]
    for asked in table or []:
        if asked not in names:
            _fail(f"there is no raw table {asked!r}; {nearest(asked, names)}")
    where = source or str(home / "world")
    if source is None and not Path(where).exists():
        _fail(
            f"nothing to load: no SOURCE given, and no world in {where}. Run `tidemark world` first, or name a source."
        )
    options = LoadOptions(
        tables=tuple(table or ()),
        first=first.date() if first else None,
        last=last.date() if last else None,
        again=again,
        memory=memory,
    )
    with _complaining(ValueError, AlreadyLoadingError), _progress() as show:
        rules = read_mapping(mapping) if mapping else None
        opened = open_source(where, encoding=rules.encoding if rules else "utf-8")
        reports = load_tables(opened, RawStore(home), rules, options, show)
    _print_reports(reports, str(opened), home)
    if any(report.problem for report in reports):
        raise typer.Exit(1)
    if all(report.absent for report in reports):
        _fail(f"{opened} has none of the raw tables {', '.join(names)}. A mapping file can name yours: --mapping.")


def _print_reports(reports: list[TableReport], source: str, home: Path) -> None:
    shown = Table("table", "read", "loaded", "refused", "replaced", "days", title=f"Loaded from {escape(source)}")
    for column in shown.columns[1:]:
        column.justify = "right"
    for report in reports:
        figures = (report.read, report.loaded, report.quarantined, report.superseded, report.days_loaded)
        told = "[dim]absent[/dim]" if report.absent else "[red]stopped[/red]" if report.problem else ""
        shown.add_row(report.table, *([told] if told else (f"{figure:,}" for figure in figures)))
    console.print(shown)
    console.print(
        f"[dim]Loaded rows: {escape(str(home / 'raw'))}. Replaced: a later version came on the same day.[/dim]"
    )
    if any(report.reasons for report in reports):
        refused = Table("table", "refused because", "rows", title="Refused")
        refused.columns[2].justify = "right"
        for report in reports:
            for reason, rows in report.reasons.items():
                refused.add_row(report.table, escape(reason), f"{rows:,}")
        console.print(refused)
        console.print("[dim]A row may have several reasons. See the rows: tidemark quarantine TABLE[/dim]")
    for report in reports:
        _print_remarks(report)


def _print_remarks(report: TableReport) -> None:
    if report.days_unchanged:
        console.print(f"{report.table}: {report.days_unchanged:,} days had not changed and were left as they are.")
    if report.days_emptied:
        console.print(f"{report.table}: {report.days_emptied:,} days have no rows in the source any more: emptied.")
    if report.left_out:
        console.print(f"{report.table}: {report.left_out:,} rows were left out by the mapping's `where`.")
    if report.unused:
        console.print(f"{report.table}: columns not asked for: {escape(', '.join(report.unused))}.")
    if report.problem:
        complaints.print(f"[red]stopped[/red] {escape(report.problem)}", soft_wrap=True, highlight=False)


@app.command()
def quarantine(
    table: Annotated[str, typer.Argument(help="Which raw table.")],
    reason: Annotated[str, typer.Option(help="Only rows with this text in a reason.")] = "",
    limit: Annotated[int, typer.Option(min=1, help="How many rows to show.")] = 20,
    home: Home = HOME,
) -> None:
    """Show rows that were refused, with their reasons, as they came."""
    from pipelines.raw.contracts import TABLES
    from pipelines.raw.expressions import nearest
    from pipelines.raw.store import RawStore

    names = [raw.name for raw in TABLES]
    if table not in names:
        _fail(f"there is no raw table {table!r}; {nearest(table, names)}")
    rows = [row for row in RawStore(home).quarantine(table).to_pylist() if any(reason in one for one in row["reasons"])]
    console.print(f"{table}: {len(rows):,} refused rows" + (f", the first {limit}:" if len(rows) > limit else ""))
    for row in rows[:limit]:
        reasons, origin = escape("; ".join(row["reasons"])), escape(row["origin"] or "")
        console.print(f"[red]{reasons}[/red] [dim]known {row['known_on']}, {origin}[/dim]")
        console.print(f"  {row['row']}", markup=False, highlight=False)


@app.command()
def doctor(home: Home = HOME) -> None:
    """Tell what is installed, which parts are embedded, where state lives, what is wrong and how to mend it."""
    from pipelines.doctor import findings

    shown = Table("", "part", "found", "to mend it", title=f"Tidemark at {escape(str(home))}")
    marks = {"ok": "[green]ok[/green]", "note": "[yellow]note[/yellow]", "wrong": "[red]wrong[/red]"}
    found = findings(home, os.environ)
    for finding in found:
        shown.add_row(marks[finding.state], *map(escape, (finding.part, finding.found, finding.remedy)))
    console.print(shown)
    if any(finding.state == "wrong" for finding in found):
        raise typer.Exit(1)


@app.command()
def features(
    first: Annotated[datetime, typer.Option("--from", formats=["%Y-%m-%d"], help="First day.")],
    last: Annotated[datetime, typer.Option("--to", formats=["%Y-%m-%d"], help="Last day.")],
    view: Annotated[list[str] | None, typer.Option(help="Only this view; may be given again.")] = None,
    home: Home = HOME,
) -> None:
    """Load, compute, validate, publish and register features of some days: one run, as the UI would launch it."""
    from pipelines.raw.expressions import nearest

    if last < first:
        _fail(f"--to {last:%Y-%m-%d} is before --from {first:%Y-%m-%d}.")
    # Warnings of the libraries speak to us, not to whoever runs this.
    with warnings.catch_warnings():
        warnings.showwarning = lambda *_, **__: None  # filters would not do: Dagster sets its own
        # Whoever waits here wants to know at once, not after three times five minutes.
        os.environ.setdefault("TIDEMARK_RETRIES", "0")
        from pipelines.run import VIEWS, materialise

        for asked in view or []:
            if asked not in VIEWS:
                _fail(f"there is no view {asked!r} to compute; {nearest(asked, VIEWS)}")
        outcome = materialise(home, first.date(), last.date(), tuple(view or ()))
    shown = Table(
        "view", "snapshots", "days published", "days refused", "expectations", title=f"Features in {escape(str(home))}"
    )
    for row in outcome.rows:
        shown.add_row(*(escape(str(cell)) for cell in row))
    console.print(shown)
    for complaint in outcome.complaints:
        complaints.print(f"[red]refused[/red] {escape(complaint)}", soft_wrap=True, highlight=False)
    if not outcome.success:
        raise typer.Exit(1)


@app.command()
def dev(
    port: Annotated[int, typer.Option(help="Where the UI listens, on this machine only.")] = 3000,
    home: Home = HOME,
) -> None:
    """Open the Dagster UI on this home, until Ctrl-C."""
    from pipelines.instance import prepare
    from pipelines.user_interface import CHECKOUT, command, heed_interrupts

    prepare(home)
    os.chdir(CHECKOUT)
    heed_interrupts()
    start = command(port)
    os.execv(start[0], start)  # noqa: S606


@app.command()
def demo(
    customers: Annotated[int, typer.Option(min=1, help="How many customers.")] = 2000,
    days: Annotated[int, typer.Option(min=400, help="How many days.")] = 730,
    port: Annotated[int, typer.Option(help="Where the UI listens, on this machine only.")] = 3000,
    exit_: Annotated[bool, typer.Option("--exit", help="Stop once all is proven.")] = False,
    home: Home = HOME,
) -> None:
    """From nothing to a year of validated features, before the reader's eyes."""
    from pipelines.user_interface import UserInterfaceError, running

    began = time.monotonic()
    if not (home / "world" / "world.json").exists():
        world(customers=customers, days=days, home=home)
    load(source=str(home / "world"), home=home)
    end = datetime(2024, 1, 1) + timedelta(days=days)  # noqa: DTZ001  a day, not a moment
    features(first=end - timedelta(days=365), last=end - timedelta(days=1), home=home)
    with _complaining(UserInterfaceError), running(home, port) as address:
        console.print(
            f"[green]Done[/green] in {time.monotonic() - began:.0f} s. All of it lies in {escape(str(home))}."
        )
        console.print(f"The Dagster UI answers at [bold]{address}[/bold]" + ("." if exit_ else ", until Ctrl-C."))
        while not exit_:
            time.sleep(1)


@contextmanager
def _progress() -> Iterator[Callable[[str, int, int], None]]:
    bars = (TextColumn("{task.description:>16}"), BarColumn(), MofNCompleteColumn(), TimeRemainingColumn())
    with Progress(*bars, console=complaints, transient=True) as progress:
        tasks: dict[str, int] = {}

        def show(what: str, done: int, total: int) -> None:
            task = tasks.setdefault(what, -1)
            if task < 0:
                tasks[what] = task = progress.add_task(what)
            progress.update(task, completed=done, total=total)  # type: ignore[arg-type]

        yield show


@contextmanager
def _complaining(*expected: type[Exception]) -> Iterator[None]:
    """Errors that a user can mend end in one sentence; faults of our own keep their traceback."""
    try:
        yield
    except expected as problem:
        _fail(str(problem))


def _fail(message: str) -> None:
    complaints.print(f"[red]error[/red] {escape(message)}", soft_wrap=True, highlight=False)
    raise typer.Exit(2)


def main() -> None:
    """Run the command line."""
    app()
