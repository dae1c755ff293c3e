"""What the loaded raw tables give to the views: which of them are empty, and until when they reach.

A view of a table without rows can be computed, and says of every entity that nothing ever happened. That is right for
a platform that has no such data, and a mistake where the data were there and refused; nobody sees it in the values.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Iterator, Mapping
from dataclasses import dataclass
from datetime import date, timedelta
from pathlib import Path

from feature_repo.views import SNAPSHOT_VIEWS
from pipelines.raw.contracts import RawTable
from pipelines.raw.store import RawStore
from pipelines.raw.tables import TABLES
from pipelines.transforms import pipeline_of
from training.wording import counted

BEYOND_DATA = timedelta(days=62)
"""So long after the last loaded row a day may lie: monthly data comes late."""

ALLOW_EMPTY = "TIDEMARK_ALLOW_EMPTY"


class RefusedInputsError(ValueError):
    """A view reads a raw table of which every row was refused."""


@dataclass(frozen=True)
class EmptyInputs:
    """The raw tables of a view that have no row, each with how many rows of it were refused."""

    view: str
    tables: Mapping[str, int]

    @property
    def refused(self) -> tuple[str, ...]:
        """Those that would have rows if they had not been refused."""
        return tuple(table for table, rows in self.tables.items() if rows)

    def __str__(self) -> str:
        """Which tables, and why."""
        return f"{self.view}: {'; '.join(_described(table, rows) for table, rows in self.tables.items())}"


def _described(table: str, refused: int) -> str:
    if not refused:
        return f"{table}: no rows"
    return f"{table}: no rows, {counted(refused, 'row')} refused (`tidemark quarantine {table}` shows why)"


def empty_inputs(home: Path, views: Iterable[str]) -> Iterator[EmptyInputs]:
    """The views that read raw tables without rows."""
    store = RawStore(home)
    for view in views:
        empty = {
            table.name: store.refused_rows(table.name)
            for table in pipeline_of(view).reads
            if not store.has_rows(table.name)
        }
        if empty:
            yield EmptyInputs(view, empty)


def require_inputs(home: Path, view: str, allowed: Collection[str] = ()) -> str:
    """Raise if every row of a raw table of the view was refused; otherwise a warning of those that have none, or ""."""
    for inputs in empty_inputs(home, [view]):
        if stopped := [table for table in inputs.refused if table not in allowed]:
            tables = ",".join(stopped)
            raise RefusedInputsError(
                f"{inputs}. Rows came and none was good, so the features would say of every entity that nothing ever "
                "happened. Nothing of this view was computed. Mend the source or the mapping and load again, or "
                f"compute it all the same with --allow-empty {tables} ({ALLOW_EMPTY}={tables} for runs in the UI)."
            )
        return (
            f"{inputs}. The features say of every entity that nothing of it ever happened. If it did: `tidemark load`"
        )
    return ""


def entity_tables() -> list[RawTable]:
    """The raw tables that say something about an entity: those that have the key of one."""
    keys = {field.name for view in SNAPSHOT_VIEWS for field in view.entity_columns}
    return [table for table in TABLES if keys & {*table.schema.names}]


def last_loaded_day(home: Path) -> date | None:
    """The last day on which anything about an entity became known, as far as it was good; None if nothing is."""
    store = RawStore(home)
    days = (store.last_day_with_rows(table.name) for table in entity_tables())
    return max((day for day in days if day), default=None)
