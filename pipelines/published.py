"""What is published of each view: its days, and which of them a declaration that has changed since left behind."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import date, timedelta
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq
from feast import FeatureView, Field
from feast.type_map import feast_value_type_to_pa

from feature_repo.cadence import cadence_of
from feature_repo.views import SNAPSHOT_VIEWS
from pipelines.computation.days import Days
from training.wording import counted

_PREFIX = "snapshot_on="
_TIMES = ("event_timestamp", "created_timestamp")


@dataclass(frozen=True)
class StaleDays:
    """Published days of a view whose columns are not the declared ones, and how they differ."""

    view: str
    days: tuple[date, ...]
    difference: str

    def __str__(self) -> str:
        """As an operator reads it."""
        verb = "does" if len(self.days) == 1 else "do"
        return (
            f"{self.view}: {counted(len(self.days), 'published day')} {verb} not have the declared columns: "
            f"{self.difference} ({shown(self.days)})"
        )


def published_days(home: Path, view: str) -> dict[date, Path]:
    """The published days of a view in their order, each with its file."""
    files = {
        date.fromisoformat(file.parent.name.removeprefix(_PREFIX)): file
        for file in (home / "features" / view).glob(f"{_PREFIX}*/part.parquet")
    }
    return dict(sorted(files.items()))


def stale_days(home: Path, views: Iterable[FeatureView]) -> list[StaleDays]:
    """The published days that must be computed again, since features were added, removed or retyped."""
    return [stale for view in views for stale in _stale(view, published_days(home, view.name))]


def missing_firsts(
    home: Path, published: Mapping[str, Sequence[date]], first: date
) -> dict[tuple[date, ...], list[str]]:
    """The first days of the months of published days, with the views that have a snapshot of each entity only then.

    On other days these views have snapshots of those entities alone that changed: next to nothing.
    """
    missing: dict[tuple[date, ...], list[str]] = {}
    views = {view.name: view for view in SNAPSHOT_VIEWS}
    for view, days in published.items():
        if cadence_of(views[view]).every == "monthly-and-on-change":
            known = published_days(home, view)
            months = sorted({max(day.replace(day=1), first) for day in days})
            missing.setdefault(tuple(day for day in months if day not in known), []).append(view)
    return {days: views for days, views in missing.items() if days}


def spans(days: Iterable[date]) -> list[Days]:
    """Days as the fewest ranges without a gap."""
    found: list[Days] = []
    for day in sorted(days):
        if found and day == found[-1].last + timedelta(days=1):
            found[-1] = Days(found[-1].first, day)
        elif not found or day > found[-1].last:
            found.append(Days(day, day))
    return found


def shown(days: Iterable[date], most: int = 6) -> str:
    """Days as ranges, the first few of them."""
    ranges = spans(days)
    words = [str(part.first) if part.first == part.last else f"{part.first} to {part.last}" for part in ranges[:most]]
    return ", ".join(words) + (f" and {counted(len(ranges) - most, 'more range')}" if len(ranges) > most else "")


def _stale(view: FeatureView, files: Mapping[date, Path]) -> Iterator[StaleDays]:
    declared = {field.name: _arrow_type(field) for field in (*view.entity_columns, *view.features)}
    by_difference: dict[str, list[date]] = {}
    for day, file in files.items():
        schema = pq.read_schema(file)
        columns = {field.name: field.type for field in schema if field.name not in _TIMES}
        if columns != declared:
            by_difference.setdefault(_difference(columns, declared), []).append(day)
    for difference, days in by_difference.items():
        yield StaleDays(view.name, tuple(days), difference)


def _difference(columns: Mapping[str, pa.DataType], declared: Mapping[str, pa.DataType]) -> str:
    lacking = [name for name in declared if name not in columns]
    surplus = [name for name in columns if name not in declared]
    retyped = [
        f"{name} is {columns[name]}, declared {dtype}"
        for name, dtype in declared.items()
        if name in columns and columns[name] != dtype
    ]
    parts = [f"without {', '.join(lacking)}"] * bool(lacking) + [f"with {', '.join(surplus)}"] * bool(surplus)
    return "; ".join([*parts, *retyped])


def _arrow_type(field: Field) -> pa.DataType:
    return feast_value_type_to_pa(field.dtype.to_value_type())
