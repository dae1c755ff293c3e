"""The days that assets are partitioned by."""

from collections.abc import Sequence
from datetime import UTC, date, datetime, timedelta
from pathlib import Path
from typing import cast

import dagster as dg

from pipelines.computation.days import Days
from pipelines.inputs import BEYOND_DATA, entity_tables, last_loaded_day

# Where the synthetic world begins, and the partitions of a home with nothing older in it.
_LATEST_FIRST_DAY = date(2024, 1, 1)


class OutsidePartitionsError(ValueError):
    """Days were requested that are no partitions of the assets."""


def first_day(home: Path, chosen: date | None = None) -> date:
    """The chosen day, else 1 January of the year in which the loaded data begin, 2024 at the latest.

    A table without the key of an entity describes nobody: no feature begins with it, however old it is.
    """
    return chosen or min([_LATEST_FIRST_DAY, *_loaded_days(home)]).replace(month=1, day=1)


def require_loaded(home: Path, days: Sequence[date]) -> None:
    """Raise if days lie long after the last one on which anything about an entity became known.

    Their snapshots would know nothing new, and once online would keep those of the data's own days out.
    """
    last = last_loaded_day(home)
    if last and days and max(days) > last + BEYOND_DATA:
        msg = (
            f"expected days up to {BEYOND_DATA.days} days after {last}, the last on which anything about an entity "
            f"became known, found {max(days)}. Load later data first (`tidemark load`), or compute these days all the "
            "same with --beyond-data."
        )
        raise OutsidePartitionsError(msg)


def _loaded_days(home: Path) -> list[date]:
    """The days on which rows about entities became known."""
    return [
        date.fromisoformat(file.parent.name.removeprefix("known_on="))
        for table in entity_tables()
        for file in (home / "raw" / table.name).glob("known_on=[0-9]*/part.parquet")
    ]


def require_partitions(days: Days, first: date) -> None:
    """Raise unless each of the days is a partition: it has ended, and the first partition is not after it."""
    yesterday = datetime.now(UTC).date() - timedelta(days=1)
    if days.first < first:
        msg = (
            f"expected days from {first} on, where the partitions of the assets begin, found {days.first}. They "
            f"follow the loaded data: run `tidemark load` first, or set TIDEMARK_FIRST_DAY={days.first}. A Dagster UI "
            "that runs already must reload its definitions afterwards."
        )
        raise OutsidePartitionsError(msg)
    if days.last > yesterday:
        msg = f"expected days up to {yesterday}, the last that has ended (UTC), found {days.last}."
        raise OutsidePartitionsError(msg)


def first_partition(context: dg.AssetExecutionContext) -> date:
    """The day with which the partitions of the running asset begin."""
    return cast(dg.DailyPartitionsDefinition, context.assets_def.partitions_def).start.date()


def days_of(context: dg.AssetExecutionContext) -> Days:
    """The days that a run is asked for: one, or a range in a single run."""
    keys = context.partition_key_range
    days = Days(date.fromisoformat(keys.start), date.fromisoformat(keys.end))
    try:
        # Dagster compares them with the partitions only after the asset has done its work.
        require_partitions(days, first_partition(context))
    except OutsidePartitionsError as problem:
        raise dg.Failure(str(problem), allow_retries=False) from None
    return days
