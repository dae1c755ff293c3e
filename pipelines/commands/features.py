"""`tidemark features`: the days of features that the Dagster UI would launch, and their withdrawal."""

from __future__ import annotations

from dataclasses import replace
from datetime import datetime
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer
from rich.markup import escape
from rich.table import Table

from feature_repo.console import HOME, Home, comma_separated, console, exit_on, fail, print_error, print_warning, quiet
from training.wording import counted

if TYPE_CHECKING:
    from pipelines.run import RunResult


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
        bool,
        typer.Option("--stale", help="The published days whose columns or raw rows are no longer those they have."),
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
        fail("--withdraw names its days itself: leave out --from, --to, --every, --on and --stale.")
    if withdraw:
        _withdraw(home, withdraw, view or [])
        return
    if stale and (first or last or every or on):
        fail("--stale finds the days itself: leave out --from, --to, --every and --on.")
    with exit_on(DaySelectionError):
        days = [] if stale else selected_days(
            [day.date() for day in on or []], first.date() if first else None, last.date() if last else None, every
        )  # fmt: skip
    from pipelines.known_names import UnknownNameError, require_known

    with quiet():
        from feature_repo.settings import PlatformSettings, SettingError
        from pipelines.partitions import OutsidePartitionsError, require_loaded
        from pipelines.run import materialise_days, materialise_stale, remaining_stale_days, view_names
        from pipelines.withdrawal import WithdrawalError

        with exit_on(UnknownNameError, SettingError, OutsidePartitionsError, WithdrawalError):
            require_known("view", view or [], view_names())
            require_known("raw table", comma_separated(allow_empty), (table.name for table in TABLES))
            settings = PlatformSettings.from_environment()
            # Whoever waits here wants to know at once, not after three times five minutes.
            settings = replace(
                settings, home=home, retries=settings.retries or 0, allow_empty=comma_separated(allow_empty)
            )
            chosen = tuple(view or ())
            if not beyond_data:
                require_loaded(home, days)
            outcome = materialise_stale(settings, chosen) if stale else materialise_days(settings, days, chosen)
    if outcome is None:
        console.print(
            "Every published day has the columns that its view declares, and was computed from the rows that are "
            "loaded: nothing to compute again."
        )
        return
    _print_outcome(outcome, home)
    for left in remaining_stale_days(home, chosen):
        print_warning(f"{left}. Compute them again: tidemark features --stale", "stale")
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
        print_warning(warning)
    for complaint in outcome.complaints:
        print_error(complaint, "refused")


def _withdraw(home: Path, days: str, views: list[str]) -> None:
    from feature_repo.stores.private_redis import PrivateRedisError
    from feature_repo.views import SNAPSHOT_VIEWS
    from pipelines.day_selection import DaySelectionError, day_range
    from pipelines.known_names import UnknownNameError, require_known

    known = [view.name for view in SNAPSHOT_VIEWS]
    with quiet(), exit_on(UnknownNameError, DaySelectionError):
        require_known("view", views, known)
        span = day_range(days)
        from pipelines.published import shown
        from pipelines.withdrawal import Withdrawal, WithdrawalError, withdraw

        with exit_on(WithdrawalError, PrivateRedisError):
            done = withdraw(home, Withdrawal(tuple(views or known), span))
    if not any(view.days or view.set_back or view.deleted for view in done):
        fail(f"no day from {span.first} to {span.last} is published or served. `tidemark doctor` lists what is.")
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
