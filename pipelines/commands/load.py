"""`tidemark load`: raw tables from a source, under their contract."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import datetime
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer
from rich.markup import escape
from rich.table import Table

from feature_repo.console import (
    HOME,
    Home,
    comma_separated,
    console,
    exit_on,
    fail,
    print_error,
    print_warning,
    progress,
)
from training.wording import counted, were

if TYPE_CHECKING:
    from pipelines.raw.load import LoadReport
    from pipelines.raw.store import RawStore

_FEWEST_REPLACED, _MOST_REPLACED = 20, 0.05
"""Rows of one key and day: of fewer nothing is said, nor of a smaller share."""


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
    again: Annotated[bool, typer.Option("--again", help="Load unchanged days as well.")] = False,
    memory: Annotated[
        str, typer.Option(envvar="TIDEMARK_MEMORY", help="Memory for the work; more spills to disk.")
    ] = "2GB",
    max_drop: Annotated[
        float,
        typer.Option(
            envvar="TIDEMARK_MAX_DROP",
            min=0.0,
            max=1.0,
            help="The largest share of the good rows already loaded that a load may take away; 1 allows any loss.",
        ),
    ] = 0.2,
    accept_change: Annotated[
        str,
        typer.Option(
            envvar="TIDEMARK_ACCEPT_CHANGE",
            help="Columns whose values may jump from those loaded before: deals.price,TABLE.COLUMN.",
        ),
    ] = "",
    home: Home = HOME,
) -> None:
    """Load raw tables under their contract: good rows to Parquet, bad ones to quarantine with their reasons."""
    from feature_repo.settings import PlatformSettings, SettingError
    from feature_repo.views import SNAPSHOT_VIEWS
    from pipelines.known_names import UnknownNameError, require_known
    from pipelines.raw.load import LoadOptions
    from pipelines.raw.load import load as load_tables
    from pipelines.raw.mapping import read_mapping
    from pipelines.raw.sources import open_source
    from pipelines.raw.store import AlreadyLoadingError, RawStore
    from pipelines.raw.tables import TABLES
    from pipelines.raw.value_guard import column_names
    from pipelines.world.building import MARK
    from training.snapshot_inputs import outdated_days

    names = [raw.name for raw in TABLES]
    with exit_on(UnknownNameError):
        require_known("raw table", table or [], names)
        require_known("column", comma_separated(accept_change), column_names(TABLES))
    with exit_on(SettingError):
        setting = PlatformSettings.from_environment().source
    named = [place for place in source or [setting or ""] if place]
    where = named or [str(home / "world")]
    if not named and not Path(where[0]).exists():
        fail(
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
        accepted=tuple(comma_separated(accept_change)),
    )
    with exit_on(ValueError, AlreadyLoadingError), progress() as show:
        rules = read_mapping(mapping) if mapping else None
        opened = open_source(where, encoding=rules.encoding if rules else "utf-8")
        reports = load_tables(opened, RawStore(home), rules, options, show)
    _print_reports(reports, str(opened), home)
    changed = any(report.days_loaded for report in reports)
    for outdated in outdated_days(home, [view.name for view in SNAPSHOT_VIEWS] if changed else ()):
        print_warning(f"{outdated}. Compute them again: tidemark features --stale", "stale")
    if not any((Path(place) / MARK).exists() for place in where):
        _print_first_look(RawStore(home), [report.table for report in reports if report.days_loaded])
    if any(report.problem for report in reports):
        raise typer.Exit(1)
    if all(report.absent for report in reports):
        fail(f"{opened} has none of the raw tables {', '.join(names)}. A mapping file can name yours: --mapping.")


def _print_reports(reports: list[LoadReport], source: str, home: Path) -> None:
    shown = Table("table", "read", "loaded", "refused", "replaced", "days", title=f"Loaded from {escape(source)}")
    for column in shown.columns[1:]:
        column.justify = "right"
    for report in reports:
        figures = (report.read, report.loaded, report.quarantined, report.superseded, report.days_loaded)
        stopped = report.problem and not report.read
        state = "[dim]absent[/dim]" if report.absent else "[red]stopped[/red]" if stopped else ""
        shown.add_row(report.table, *([state] if state else (f"{figure:,}" for figure in figures)))
    console.print(shown)
    replaced = " Replaced: of rows with one key that became known on one day only the last counts."
    shown_replaced = replaced if any(report.superseded for report in reports) else ""
    console.print(f"[dim]Loaded rows: {escape(str(home / 'raw'))}.{shown_replaced}[/dim]", soft_wrap=True)
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
        console.print(f"{report.table}: unused columns: {escape(', '.join(report.unused))}.")
    for warning in (*report.warnings, *_doubtful_key(report)):
        print_warning(warning)
    if report.problem:
        result = "refused" if report.read else "stopped"
        print_error(report.problem, result)


def _print_first_look(store: RawStore, tables: list[str]) -> None:
    """What only a person can tell to be right: of data that no world made."""
    from pipelines.raw.loaded_values import doubtful_ids, typical_amounts
    from pipelines.raw.tables import table

    for name in tables:
        if amounts := typical_amounts(store, table(name)):
            console.print(f"[dim]{name}: median (and eight in ten): {escape(amounts)}.[/dim]", soft_wrap=True)
        if warning := doubtful_ids(store, table(name)):
            print_warning(warning)


def _doubtful_key(report: LoadReport) -> Iterator[str]:
    """A warning where so many rows gave way to others of the same key that it may be no key."""
    from pipelines.raw.tables import table

    if report.superseded >= _FEWEST_REPLACED and report.superseded > _MOST_REPLACED * report.read:
        yield (
            f"{report.table}: {report.superseded:,} of {counted(report.read, 'row')} gave way to another row of the "
            f"same {', '.join(table(report.table).key)} that became known on the same day. That is right for what was "
            "delivered twice or corrected. If these rows are of different things, the key does not tell them apart: "
            "such as `key:` over columns of which one is empty."
        )
