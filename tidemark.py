"""The command line: a roof over the rooms. Heavy imports wait until a command needs them."""

from __future__ import annotations

import json
import os
import signal
import sys
import time
import warnings
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from ipaddress import ip_address
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, TextIO

import typer
from rich.console import Console
from rich.markup import escape
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn
from rich.table import Table

from feature_repo.home import CopiedEnvironmentError
from feature_repo.home import home as home_folder
from training.wording import counted, were

if TYPE_CHECKING:
    from pipelines.raw.load import LoadReport
    from pipelines.run import RunResult

WIDTH = 160


def _width(stream: TextIO) -> int | None:
    """A pipe or a log has no width: there tables get what they need, unless COLUMNS says otherwise."""
    return None if stream.isatty() or os.environ.get("COLUMNS") else WIDTH


app = typer.Typer(
    help="Tidemark: what was known about a customer, a home or a market at a given moment.",
    no_args_is_help=True,
    pretty_exceptions_show_locals=False,
)
console = Console(width=_width(sys.stdout))
complaints = Console(stderr=True, width=_width(sys.stderr))


HOME = Path(".tidemark")


def _chosen_home(context: typer.Context, given: Path) -> Path:
    """The home, which whatever runs below finds in the environment, and nobody else may look into."""
    with _complaining(CopiedEnvironmentError):
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
        list[str] | None,
        typer.Argument(
            help="Folders of Parquet or CSV whose files make the tables together, or postgresql://user@host/database; "
            "else TIDEMARK_SOURCE, where a colon stands between folders.",
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
    max_drop: Annotated[
        float,
        typer.Option(
            envvar="TIDEMARK_MAX_DROP",
            min=0.0,
            max=1.0,
            help="The share of good rows loaded before that a load may take away; 1 to allow any loss.",
        ),
    ] = 0.2,
    home: Home = HOME,
) -> None:
    """Load raw tables under their contract: good rows to Parquet, bad ones to quarantine with their reasons."""
    from pipelines.raw.expressions import nearest
    from pipelines.raw.load import LoadOptions
    from pipelines.raw.load import load as load_tables
    from pipelines.raw.mapping import read_mapping
    from pipelines.raw.sources import open_source
    from pipelines.raw.store import AlreadyLoadingError, RawStore
    from pipelines.raw.tables import TABLES

    names = [raw.name for raw in TABLES]
    for asked in table or []:
        if asked not in names:
            _fail(f"there is no raw table {asked!r}; {nearest(asked, names)}")
    named = source or [os.environ.get("TIDEMARK_SOURCE") or ""]
    where = [place for place in named if place] or [str(home / "world")]
    if not any(named) and not Path(where[0]).exists():
        _fail(
            f"nothing to load: no SOURCE given, and no world in {where[0]}. "
            "Run `tidemark world` first, or name a source."
        )
    options = LoadOptions(
        tables=tuple(table or ()),
        first=first.date() if first else None,
        last=last.date() if last else None,
        again=again,
        memory=memory,
        max_drop=max_drop,
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


def _print_reports(reports: list[LoadReport], source: str, home: Path) -> None:
    shown = Table("table", "read", "loaded", "refused", "replaced", "days", title=f"Loaded from {escape(source)}")
    for column in shown.columns[1:]:
        column.justify = "right"
    for report in reports:
        figures = (report.read, report.loaded, report.quarantined, report.superseded, report.days_loaded)
        stopped = report.problem and not report.read
        told = "[dim]absent[/dim]" if report.absent else "[red]stopped[/red]" if stopped else ""
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


def _print_remarks(report: LoadReport) -> None:
    unchanged, emptied, left_out = report.days_unchanged, report.days_emptied, report.left_out
    if unchanged:
        console.print(
            f"{report.table}: {counted(unchanged, 'day')} had not changed and {were(unchanged)} left as before."
        )
    if emptied:
        console.print(
            f"{report.table}: {counted(emptied, 'day')} {'has' if emptied == 1 else 'have'} no rows in the source any "
            "more: emptied."
        )
    if report.summed_up or report.source_refused:
        refused = report.source_refused
        console.print(
            f"{report.table}: {counted(report.loaded, 'row')} {were(report.loaded)} summed up from "
            f"{counted(report.summed_up, 'source row')}; {counted(refused, 'source row')} {were(refused)} refused."
        )
    if left_out:
        console.print(f"{report.table}: {counted(left_out, 'row')} {were(left_out)} left out by the mapping's `where`.")
    if report.unused:
        console.print(f"{report.table}: columns not asked for: {escape(', '.join(report.unused))}.")
    for warning in report.warnings:
        complaints.print(f"[yellow]warning[/yellow] {escape(warning)}", soft_wrap=True, highlight=False)
    if report.problem:
        result = "refused" if report.read else "stopped"
        complaints.print(f"[red]{result}[/red] {escape(report.problem)}", soft_wrap=True, highlight=False)


@app.command()
def quarantine(
    table: Annotated[str, typer.Argument(help="Which raw table.")],
    reason: Annotated[str, typer.Option(help="Only rows with this text in a reason.")] = "",
    limit: Annotated[int, typer.Option(min=1, help="How many rows to show.")] = 20,
    home: Home = HOME,
) -> None:
    """Show rows that were refused, with their reasons, as they came."""
    from pipelines.raw.expressions import nearest
    from pipelines.raw.store import RawStore
    from pipelines.raw.tables import TABLES

    names = [raw.name for raw in TABLES]
    if table not in names:
        _fail(f"there is no raw table {table!r}; {nearest(table, names)}")
    rows = [row for row in RawStore(home).quarantine(table).to_pylist() if any(reason in one for one in row["reasons"])]
    console.print(
        f"{table}: {counted(len(rows), 'refused row')}" + (f", the first {limit}:" if len(rows) > limit else "")
    )
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
    first: Annotated[datetime | None, typer.Option("--from", formats=["%Y-%m-%d"], help="First day.")] = None,
    last: Annotated[datetime | None, typer.Option("--to", formats=["%Y-%m-%d"], help="Last day.")] = None,
    every: Annotated[
        str | None,
        typer.Option(help="Of that range only the first day of each week, month, quarter or year, or every 7d."),
    ] = None,
    on: Annotated[
        list[datetime] | None, typer.Option(formats=["%Y-%m-%d"], help="This day; may be given again.")
    ] = None,
    stale: Annotated[
        bool, typer.Option("--stale", help="The published days whose columns are no longer the declared ones.")
    ] = False,
    beyond_data: Annotated[
        bool, typer.Option("--beyond-data", help="Also days long after the last loaded row.")
    ] = False,
    withdraw: Annotated[
        str | None,
        typer.Option(metavar="FIRST:LAST", help="Take published days back, from disk and from what is served."),
    ] = None,
    allow_empty: Annotated[
        str, typer.Option(envvar="TIDEMARK_ALLOW_EMPTY", help="Raw tables that may have refused rows alone: NAME,NAME.")
    ] = "",
    view: Annotated[list[str] | None, typer.Option(help="Only this view; may be given again.")] = None,
    home: Home = HOME,
) -> None:
    """Load, compute, validate, publish and register features of some days: the runs that the UI would launch."""
    from pipelines.day_selection import DaySelectionError, selected_days
    from pipelines.raw.tables import TABLES

    if withdraw and (stale or first or last or every or on):
        _fail("--withdraw names its days itself: leave out --from, --to, --every, --on and --stale.")
    if withdraw:
        _withdraw(home, withdraw, view or [])
        return
    if stale and (first or last or every or on):
        _fail("--stale finds the days itself: leave out --from, --to, --every and --on.")
    with _complaining(DaySelectionError):
        days = [] if stale else selected_days(
            [day.date() for day in on or []], first.date() if first else None, last.date() if last else None, every
        )  # fmt: skip
    with _quiet():
        # Whoever waits here wants to know at once, not after three times five minutes.
        os.environ.setdefault("TIDEMARK_RETRIES", "0")
        os.environ["TIDEMARK_ALLOW_EMPTY"] = allow_empty
        from pipelines.partitions import OutsidePartitionsError, require_loaded
        from pipelines.run import VIEWS, materialise_days, materialise_stale, remaining_stale_days
        from pipelines.withdrawal import WithdrawalError

        _require_names("view", view or [], VIEWS)
        _require_names("raw table", filter(None, allow_empty.split(",")), (table.name for table in TABLES))
        with _complaining(OutsidePartitionsError, WithdrawalError):
            chosen = tuple(view or ())
            if not beyond_data:
                require_loaded(home, days)
            outcome = materialise_stale(home, chosen) if stale else materialise_days(home, days, chosen)
    if outcome is None:
        console.print("Every published day has the columns that its view declares: nothing to compute again.")
        return
    _print_outcome(outcome, home)
    for left in remaining_stale_days(home, chosen):
        complaints.print(
            f"[yellow]stale[/yellow] {escape(str(left))}. Compute them again: tidemark features --stale",
            soft_wrap=True,
            highlight=False,
        )
    if not outcome.success:
        raise typer.Exit(1)


def _print_outcome(outcome: RunResult, home: Path) -> None:
    shown = Table(
        "view",
        "snapshots",
        "days published",
        "days refused",
        "expectations",
        "online",
        title=f"Features in {escape(str(home))}",
    )
    for row in outcome.rows:
        shown.add_row(
            row.view,
            f"{row.snapshots:,}" if row.finished else "failed",
            f"{row.published:,}",
            f"{row.refused:,}",
            "not run" if row.expectations is None else f"{row.expectations:,}",
            "not written" if row.online is None else f"{row.online:,}",
        )
    console.print(shown)
    for warning in outcome.warnings:
        complaints.print(f"[yellow]warning[/yellow] {escape(warning)}", soft_wrap=True, highlight=False)
    for complaint in outcome.complaints:
        complaints.print(f"[red]refused[/red] {escape(complaint)}", soft_wrap=True, highlight=False)


def _require_names(kind: str, names: Iterable[str], valid: Iterable[str]) -> None:
    from pipelines.raw.expressions import nearest

    known = list(valid)
    for name in names:
        if name not in known:
            _fail(f"there is no {kind} {name!r}; {nearest(name, known)}")


def _withdraw(home: Path, days: str, views: list[str]) -> None:
    from feature_repo.stores.redis_server import PrivateRedisError
    from feature_repo.views import SNAPSHOT_VIEWS
    from pipelines.day_selection import DaySelectionError, day_range

    known = [view.name for view in SNAPSHOT_VIEWS]
    _require_names("view", views, known)
    with _quiet(), _complaining(DaySelectionError):
        span = day_range(days)
        from pipelines.published import shown
        from pipelines.withdrawal import Withdrawal, WithdrawalError, withdraw

        with _complaining(WithdrawalError, PrivateRedisError):
            done = withdraw(home, Withdrawal(tuple(views or known), span))
    if not any(view.days or view.set_back or view.deleted for view in done):
        _fail(f"no day from {span.first} to {span.last} is published or served. `tidemark doctor` lists what is.")
    table = Table("view", "withdrawn", "remaining", "newest", "set back online", "deleted online", title="Withdrawn")
    for view in done:
        withdrawn = f"{counted(len(view.days), 'day')}: {shown(view.days)}" if view.days else "none"
        table.add_row(
            view.view, withdrawn, counted(view.remaining, "day"), str(view.newest or ""), f"{view.set_back:,}",
            f"{view.deleted:,}",
        )  # fmt: skip
    console.print(table)
    console.print(
        "Set back: served again from the newest day that remains. Dagster's UI goes on showing withdrawn days as "
        "materialised; `tidemark features` computes them again.",
        soft_wrap=True,
    )


@app.command("training-set")
def training_set_command(
    model: Annotated[str | None, typer.Argument(help="Which model's; not needed with --from.")] = None,
    out: Annotated[Path | None, typer.Option(help="The Parquet file to write; its manifest comes beside it.")] = None,
    start: Annotated[str | None, typer.Option(help="First moment asked about; else the first snapshot.")] = None,
    end: Annotated[str | None, typer.Option(help="The moment before which the last is asked; else the end.")] = None,
    every: Annotated[str | None, typer.Option(help="How often, as in 7d or 12h; else as the model says.")] = None,
    known_at: Annotated[str | None, typer.Option(help="Make it as it could have been made then.")] = None,
    entities: Annotated[
        Path | None, typer.Option(help="Rows of your own (Parquet or CSV): the join key and event_timestamp.")
    ] = None,
    at_most: Annotated[int | None, typer.Option(min=1, help="Keep so many rows, spread evenly.")] = None,
    manifest: Annotated[Path | None, typer.Option("--from", help="Make the set of this manifest again.")] = None,
    home: Home = HOME,
) -> None:
    """Write what was known of each entity at each moment, and what came of it: rows to learn from."""
    from training import column_report
    from training.dataset import ChangedError, rebuilt, training_set
    from training.facts import NoFactsError
    from training.leakage import LeakageError
    from training.row_selection import TrainingSetError
    from training.table_files import read_table

    if (model is None) == (manifest is None):
        _fail("name a MODEL, or a manifest with --from.")
    if manifest is None and out is None:
        _fail("say where to write: --out FILE.parquet.")
    with _complaining(TrainingSetError, ChangedError, NoFactsError, LeakageError, ValueError), _progress() as show:
        given = read_table(entities) if entities else None
        made = (
            rebuilt(manifest, entities=given, home=home, show=show)
            if manifest
            else training_set(
                str(model), start=start, end=end, every=every, known_at=known_at,
                entities=given, at_most=at_most, home=home, show=show,
            )
        )  # fmt: skip
        beside = made.write(out) if out else None
        columns = column_report.write(made, out.with_suffix(".columns.html")) if out else None
    console.print(f"{counted(made.manifest.rows, 'row')}, {counted(len(made.table.column_names), 'column')}.")
    if made.manifest.filled_in:
        console.print(f"Filled in, as the rows bring labels of their own: {made.manifest.filled_in}.")
    for reason, rows in made.manifest.left_out.items():
        if rows:
            console.print(f"{counted(rows, 'row')} left out: {reason}.")
    if manifest:
        console.print(f"The same, byte for byte, as {escape(str(manifest))} tells.")
    if beside:
        console.print(f"Written: {escape(str(out))}, {escape(str(beside))}, {escape(str(columns))}", soft_wrap=True)


@app.command()
def describe(
    file: Annotated[Path, typer.Argument(help="A training set in Parquet, with its manifest beside it.")],
    out: Annotated[Path | None, typer.Option(help="The page to write; beside the file if not said.")] = None,
    test_from: Annotated[str | None, typer.Option(help="From when on rows test; else as a training run would.")] = None,
) -> None:
    """Write a page on a training set's columns: what is missing, ranges, drift between training and test rows."""
    from training import column_report
    from training.dataset import read
    from training.row_selection import as_moment

    with _complaining(ValueError, OSError):
        rows = read(file)
        cut = as_moment(test_from, "test_from")
        written = column_report.write(rows, out or file.with_suffix(".columns.html"), cut)
        remarks = [(column.name, column.remark) for column in column_report.describe(rows, cut) if column.remark]
    for name, remark in remarks:
        console.print(f"{name}: {remark}")
    console.print(
        f"{len(remarks)} of {len(rows.inputs) + 1} columns stand out. Written: {escape(str(written))}", soft_wrap=True
    )


@app.command("feature-set")
def feature_set_command(
    model: Annotated[str, typer.Argument(help="Whose features.")],
    out: Annotated[Path, typer.Option(help="The file to write, .parquet or .csv.")],
    at: Annotated[
        str | None, typer.Option(help="The moment: of everybody who has features then, or of ENTITIES.")
    ] = None,
    entities: Annotated[
        Path | None, typer.Option(help="Rows (Parquet or CSV): the join key, and event_timestamp unless --at says it.")
    ] = None,
    request: Annotated[
        list[str] | None, typer.Option(help="What a request gives, for all rows, as in months_ahead=12.")
    ] = None,
    score: Annotated[bool, typer.Option("--score", help="Add the champion's predictions.")] = False,
    home: Home = HOME,
) -> None:
    """Write the features of a portfolio at a moment, without labels; with --score, what the champion says of them."""
    with _quiet():
        from training.deployed import NotDeployedError
        from training.facts import NoFactsError
        from training.feature_set import feature_set
        from training.offline_scores import portfolio_model
        from training.table_files import read_table, require_writable, write_left_out, write_table

        with _complaining(NoFactsError, NotDeployedError, ValueError), _progress() as show:
            require_writable(out)
            champion = portfolio_model(model, home=home) if score else None
            features = feature_set(
                model, at=at, entities=read_table(entities) if entities else None, request=_numbers(request or []),
                check=champion.require_answerable if champion else lambda _: None,
                needed_views=champion.views if champion else None, home=home, show=show,
            )  # fmt: skip
            if not len(features.table):
                raise ValueError(
                    f"none of {counted(len(features.left_out), 'row')} has features by then that are young enough, so "
                    f"nothing was written: {features.left_out_summary}. `tidemark doctor` lists the published days."
                )
            table = champion.scored(features) if champion else features.table
            write_table(table, out)
            left_out = write_left_out(features.left_out, out)
    console.print(
        f"{counted(len(table), 'row')}, {counted(len(table.column_names), 'column')}. Written: {escape(str(out))}",
        soft_wrap=True,
    )
    if left_out:
        console.print(
            f"{counted(len(features.left_out), 'row')} left out, as the scorer would not answer: "
            f"{escape(features.left_out_summary)}. All of them: {escape(str(left_out))}",
            soft_wrap=True,
        )
    if champion:
        for caveat in champion.artifact.card.caveats:
            console.print(f"[dim]caveat of version {champion.version}: {escape(caveat)}[/dim]", soft_wrap=True)


def _numbers(given: list[str]) -> dict[str, float]:
    numbers = {}
    for text in given:
        name, _, value = text.partition("=")
        try:
            numbers[name.strip()] = float(value)
        except ValueError:
            _fail(f"--request: expected NAME=NUMBER such as months_ahead=12, found {text!r}")
    return numbers


@app.command()
def train(
    model: Annotated[list[str] | None, typer.Argument(help="Which models; all if none is named.")] = None,
    start: Annotated[str | None, typer.Option(help="First moment that rows are asked at.")] = None,
    end: Annotated[str | None, typer.Option(help="The moment before which the last row is asked.")] = None,
    test_from: Annotated[
        str | None, typer.Option(help="The moment from which on rows test; else the last quarter.")
    ] = None,
    tune: Annotated[int, typer.Option(min=0, help="Try so many sets of parameters an estimator.")] = 0,
    without: Annotated[str | None, typer.Option(help="Inputs to leave out: NAME,NAME.")] = None,
    note: Annotated[str, typer.Option(help="A note that is kept with the version.")] = "",
    promote: Annotated[bool, typer.Option(help="Let a model that passes every gate serve.")] = True,
    home: Home = HOME,
) -> None:
    """Train models, test them on later time, and let those serve that pass every gate."""
    with _quiet():
        from training.facts import NoFactsError
        from training.headlines import summary
        from training.leakage import LeakageError
        from training.models import MODELS, spec_of
        from training.preflight import require_trainable
        from training.row_selection import TrainingSetError
        from training.split import SplitError
        from training.train import train as train_one

        failed, left_out, found_caveats = False, list[str](), list[str]()
        shown = Table(
            "model", "estimator", "training rows", "test rows", "loss", "baseline", "on the test rows", "version", "",
            title="Models",
        )  # fmt: skip
        with _complaining(TrainingSetError, NoFactsError, LeakageError, SplitError, ValueError), _progress() as show:
            specs = [spec_of(name) for name in model] if model else MODELS
            for spec in specs:  # a fault in the arguments for the last is no reason to train the first
                require_trainable(spec, home, start=start, end=end, test_from=test_from, without=_names(without))
            for spec in specs:
                made = train_one(
                    spec, start=start, end=end, test_from=test_from, tune=tune, without=_names(without), note=note,
                    promote=promote, home=home, show=show,
                )  # fmt: skip
                fitted = made.fitted
                losses = (f"{each.figures['loss']:.4f}" for each in (fitted.best, fitted.baseline))
                rows = (f"{part.sum():,}" for part in (fitted.split.train, fitted.test))
                state = "stopped" if made.failures else "serves" if promote else "passed, not promoted"
                shown.add_row(
                    spec.name, fitted.estimator, *rows, *losses, summary(spec.task, made.headlines), made.version, state
                )
                for reason, count in fitted.training_set.manifest.left_out.items():
                    if count:
                        left_out.append(f"{spec.name}: {counted(count, 'row')} left out: {reason}")
                found_caveats += [f"{spec.name}: caveat: {caveat}" for caveat in made.caveats]
                for verdict in made.failures:
                    failed = True
                    complaints.print(
                        f"[red]stopped[/red] {spec.name}: {verdict.gate}: {escape(verdict.reason)}", soft_wrap=True
                    )
    console.print(shown)
    for line in (*left_out, *found_caveats):
        console.print(f"[dim]{escape(line)}[/dim]", soft_wrap=True)
    console.print(
        f"[dim]Reports: {escape(str(home / 'models' / 'latest'))}/MODEL/report.html. Runs: tidemark models --ui[/dim]"
    )
    if failed:
        raise typer.Exit(1)


@app.command()
def evaluate(
    model: Annotated[str, typer.Argument(help="Which model.")],
    every: Annotated[str, typer.Option(help="How long a span is, and how often to retrain: 3M, 1y, 6w, 90d.")] = "3M",
    window: Annotated[
        str, typer.Option(help="Train on so much time before each span, as in 24M; or on `all` of it.")
    ] = "all",
    first: Annotated[
        str | None, typer.Option("--from", help="Where the first span begins; else once half of the rows are settled.")
    ] = None,
    last: Annotated[str | None, typer.Option("--to", help="Where the last span ends; else with the rows.")] = None,
    without: Annotated[str | None, typer.Option(help="Inputs to leave out: NAME,NAME.")] = None,
    as_json: Annotated[bool, typer.Option("--json", help="Print the evaluation as JSON, and nothing else.")] = False,
    home: Home = HOME,
) -> None:
    """Evaluate a model walking forward: train, wait out the label's horizon, test on the next span, move on."""
    with _quiet():
        from training import evaluation_page, evaluations
        from training.facts import NoFactsError
        from training.leakage import LeakageError
        from training.walk_forward import walk_forward

        with _complaining(NoFactsError, LeakageError, ValueError), _progress() as show:
            evaluation = walk_forward(
                model, every=every, window=window, start=first, end=last, without=_names(without), home=home, show=show
            )
        file = evaluations.keep(evaluation, home)
        report = evaluation_page.show_on_page(evaluation, home)
    if as_json:
        typer.echo(evaluation.to_json(), nl=False)
        return
    shown = Table(title=f"{model}, walking forward")
    for place, title in enumerate(evaluation_page.head_of(evaluation)):
        shown.add_column(title, justify="left" if place < 2 else "right", no_wrap=place < 2)
    lines, each = evaluation_page.lines_of(evaluation), len(evaluation_page.CONTENDERS)
    for place, line in enumerate(lines, 1):
        shown.add_row(*line, end_section=place % each == 0)
    console.print(shown)
    console.print(evaluation.verdict, highlight=False)
    console.print(f"[dim]Page: {escape(str(report))}. JSON: {escape(str(file))}[/dim]", soft_wrap=True)


def _names(listed: str | None) -> tuple[str, ...]:
    return tuple(name.strip() for name in (listed or "").split(",") if name.strip())


@app.command()
def models(
    promote: Annotated[str | None, typer.Option(help="Let MODEL:VERSION serve, whatever its gates said.")] = None,
    roll_back: Annotated[
        str | None, typer.Option(help="Let the champion before the present one of MODEL serve.")
    ] = None,
    ui: Annotated[bool, typer.Option("--ui", help="Open MLflow's pages on 127.0.0.1, until Ctrl-C.")] = False,
    port: Annotated[int, typer.Option(help="Where MLflow's pages listen.")] = 5000,
    home: Home = HOME,
) -> None:
    """Show which versions there are and which serves; move the champion by hand."""
    with _quiet():
        from training.deployed import registry_address
        from training.headlines import summary
        from training.models import MODELS, spec_of
        from training.registry import Registry, RegistryError

        if ui:
            address = registry_address(home)
            if not address.startswith("sqlite:"):
                console.print(f"The registry is a server with pages of its own: {escape(address)}")
                return
            command = [sys.executable, "-m", "mlflow", "server", "--backend-store-uri", address]
            os.execv(sys.executable, [*command, "--host", "127.0.0.1", "--port", str(port)])  # noqa: S606
        registry = Registry(home)
        with _complaining(RegistryError, ValueError):
            if promote:
                name, _, version = promote.partition(":")
                registry.promote(spec_of(name).name, version)
            if roll_back:
                registry.roll_back(spec_of(roll_back).name)
            shown = Table(
                "model", "version", "serves", "made", "on its test rows", "trained without", "note",
                title=f"Models in {escape(str(registry_address(home)))}",
            )  # fmt: skip
            for spec in MODELS:
                registry.show_status(spec.name)  # which MLflow's own pages may have changed
                champion = registry.champion(spec.name)
                for made in registry.versions(spec.name):
                    day = datetime.fromtimestamp(made.creation_timestamp / 1000, UTC)
                    mark = "champion" if str(made.version) == champion else ""
                    figures, params = registry.run_of(made)
                    shown.add_row(
                        spec.name, str(made.version), mark, f"{day:%Y-%m-%d %H:%M}", summary(spec.task, figures),
                        escape(params.get("left_out", "")), escape(made.description or ""),
                    )  # fmt: skip
    console.print(shown)


@app.command()
def dev(
    port: Annotated[int, typer.Option(help="Where the UI listens, on this machine only.")] = 3000,
    home: Home = HOME,
) -> None:
    """Open the Dagster UI on this home, until Ctrl-C."""
    from pipelines.user_interface import foreground

    raise typer.Exit(foreground(home, port))


@app.command()
def serve(
    port: Annotated[int, typer.Option(help="Where the scorer listens.")] = 8000,
    host: Annotated[str, typer.Option(help="On which address; the default is this machine only.")] = "127.0.0.1",
    without_access_control: Annotated[
        bool, typer.Option("--without-access-control", help="Let everybody ask who can reach HOST.")
    ] = False,
    home: Home = HOME,
) -> None:
    """Answer predictions over HTTP, from the models that serve and the online store, until Ctrl-C."""
    if not (without_access_control or _is_loopback(host)):
        _fail(
            f"--host {host} can be reached from other machines, and the scorer does not ask who calls: anybody there "
            "could read every customer's features and predictions. Listen on 127.0.0.1 behind a proxy that checks, or "
            "say --without-access-control if the network itself keeps strangers out."
        )
    from feature_repo.stores.private_redis import running
    from feature_repo.stores.redis_server import PrivateRedisError

    with _complaining(PrivateRedisError), running(home):
        import uvicorn

        from serving.app import create_app
        from serving.protocol import LimitedHttpProtocol

        # uvicorn ends by the signal that stopped it: without this, SIGTERM would leave the private Redis behind.
        signal.signal(signal.SIGTERM, lambda *_: sys.exit(0))
        uvicorn.run(
            create_app(), host=host, port=port, http=LimitedHttpProtocol, ws="none", log_level="warning",
            access_log=False, proxy_headers=False,
        )  # fmt: skip


def _is_loopback(host: str) -> bool:
    try:
        return ip_address(host).is_loopback
    except ValueError:
        return host == "localhost"


@app.command()
def demo(
    customers: Annotated[int, typer.Option(min=1, help="How many customers.")] = 2000,
    days: Annotated[int, typer.Option(min=900, help="How many days: a model of a year ahead needs three.")] = 1035,
    port: Annotated[int, typer.Option(help="Where the UI listens, on this machine only.")] = 3000,
    scorer_port: Annotated[int, typer.Option(help="Where the scorer listens, on this machine only.")] = 8000,
    exit_: Annotated[bool, typer.Option("--exit", help="Stop once all is proven.")] = False,
    home: Home = HOME,
) -> None:
    """From nothing to validated features and four models that serve, before the reader's eyes."""
    from pipelines.user_interface import UserInterfaceError, running
    from serving.child import ScorerError, answering

    began = time.monotonic()
    told = home / "world" / "world.json"
    if not told.exists():
        world(customers=customers, days=days, home=home)
    days = json.loads(told.read_text(encoding="utf-8"))["plan"]["days"]  # those of the world that is there
    load(source=[str(home / "world")], home=home)
    end = datetime(2024, 1, 1) + timedelta(days=days)  # noqa: DTZ001  a day, not a moment
    with _complaining(UserInterfaceError, ScorerError), running(home, port) as address:
        console.print(f"The Dagster UI answers at [bold]{address}[/bold]: the runs that follow can be watched there.")
        features(first=datetime(2024, 1, 1), last=end - timedelta(days=1), home=home)  # noqa: DTZ001
        _train_in_dagster(home)
        # The world ended before today; the scorer's clock stands at the first morning after it.
        os.environ["TIDEMARK_NOW"] = (end + timedelta(hours=9)).isoformat()
        with answering(home, scorer_port) as scorer:
            _show_a_prediction(scorer)
            console.print(
                f"[green]Done[/green] in {time.monotonic() - began:.0f} s. All of it lies in {escape(str(home))}."
            )
            if not exit_:
                console.print(f"The Dagster UI, at [bold]{address}[/bold], and the scorer stay up until Ctrl-C.")
            while not exit_:
                time.sleep(1)


def _show_a_prediction(scorer: str) -> None:
    """One question and its answer, as anybody would ask it."""
    from urllib.request import Request, urlopen

    asked = '{"entity_id": "1", "explain": 3}'
    url = f"{scorer}/v1/predict/move-probability"
    question = Request(url, asked.encode(), {"Content-Type": "application/json"})  # noqa: S310  our own scorer
    with urlopen(question) as answer:  # noqa: S310
        told = json.load(answer)
    console.print(f"The scorer answers at [bold]{scorer}[/bold], with its documentation at {scorer}/docs:")
    line = f"  curl -s {url} -H 'Content-Type: application/json' -d '{asked}'"
    console.print(line, markup=False, highlight=False, soft_wrap=True)
    console.print_json(data=told)


def _train_in_dagster(home: Path) -> None:
    """The weekly run, so that the UI has it."""
    with _quiet():
        from pipelines.run import train as weekly

        outcome = weekly(home)
    shown = Table("model", "estimator", "training rows", "on the test rows", "version", "", title="Models")
    for row in outcome.rows:
        shown.add_row(*map(escape, row))
    console.print(shown)
    for complaint in outcome.complaints:
        complaints.print(f"[red]stopped[/red] {escape(complaint)}", soft_wrap=True, highlight=False)
    if not outcome.success:
        raise typer.Exit(1)


@contextmanager
def _quiet() -> Iterator[None]:
    """Warnings of the libraries speak to us, not to whoever runs this."""
    with warnings.catch_warnings():
        warnings.showwarning = lambda *_, **__: None  # filters would not do: Dagster sets its own
        os.environ.setdefault("MLFLOW_LOGGING_LEVEL", "WARNING")
        yield


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
    """Run the command line. What it writes, and what it starts, is for its owner's eyes alone."""
    os.umask(0o077)
    app()
