"""What is published of each view: its days, and which of them a declaration that has changed since left behind."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from datetime import date, timedelta
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq
from feast import FeatureView, Field
from feast.type_map import feast_value_type_to_pa

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
