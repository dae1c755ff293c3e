"""What each published day of features was computed from, and which of its raw rows were replaced since.

The snapshots of a day are a pure function of the raw rows that had become known by its end. So beside each published
day lies a digest of each raw table up to that day; the same digest of what is loaded now tells whether the day would
still come out the same. Rows that became known later are no part of it: they never change an older day.
"""

from __future__ import annotations

import hashlib
import json
from bisect import bisect_right
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from datetime import date
from functools import lru_cache
from pathlib import Path

import pyarrow.parquet as pq

from training.wording import counted, were

RECORD = ".inputs.json"
"""Beside the file of a published day; hidden from whoever reads a folder of Parquet files."""

_RAW_METADATA = b"tidemark"


@dataclass(frozen=True)
class RawHistory:
    """The days on which rows of a raw table became known, each with a digest of all rows known by its end."""

    days: tuple[date, ...]
    digests: tuple[str, ...]

    def until(self, day: date) -> str:
        """The digest of what was known by the end of a day; empty if nothing was."""
        place = bisect_right(self.days, day)
        return self.digests[place - 1] if place else ""


@dataclass(frozen=True)
class OutdatedDays:
    """Published days of a view that read raw rows which are others now, and of which tables."""

    view: str
    days: tuple[date, ...]
    tables: tuple[str, ...]

    def __str__(self) -> str:
        """How an operator reads it."""
        first, last = self.days[0], self.days[-1]
        span = f"of {first}" if first == last else f"from {first} to {last}"
        return (
            f"{self.view}: {counted(len(self.days), 'published day')} {span} {were(len(self.days))} computed from rows "
            f"of {', '.join(self.tables)} that were replaced since"
        )


def raw_history(home: Path, table: str) -> RawHistory:
    """The history of a raw table as it is loaded now."""
    days, digests, digest = [], [], ""
    for file in sorted((home / "raw" / table).glob("known_on=[0-9]*/part.parquet")):
        state = file.stat()
        # A day that was emptied is as good as one that never was.
        if content := _content(file, state.st_ino, state.st_mtime_ns, state.st_size):
            day = file.parent.name.removeprefix("known_on=")
            digest = hashlib.sha256(f"{digest} {day} {content}".encode()).hexdigest()[:24]
            days.append(date.fromisoformat(day))
            digests.append(digest)
    return RawHistory(tuple(days), tuple(digests))


def record(published: Path, inputs: Mapping[str, str]) -> None:
    """Keep what a published day was computed from. Whoever is killed before this leaves a day that seems outdated."""
    writing = published.with_name(f"{RECORD}.writing")
    writing.write_text(json.dumps(dict(sorted(inputs.items()))), encoding="utf-8")
    writing.replace(published.with_name(RECORD))


def forget(published: Path) -> None:
    """Remove what was kept of a day that is not published any more."""
    published.with_name(RECORD).unlink(missing_ok=True)


def outdated_days(home: Path, views: Iterable[str]) -> list[OutdatedDays]:
    """The published days that would come out otherwise if they were computed from what is loaded now."""
    histories: dict[str, RawHistory] = {}
    return [outdated for view in views for outdated in _outdated(home, view, histories)]


def unrecorded_days(home: Path, view: str) -> int:
    """How many published days were computed by a release that did not keep what from."""
    files = (home / "features" / view).glob("snapshot_on=*/part.parquet")
    return sum(1 for file in files if not file.with_name(RECORD).exists())


def _outdated(home: Path, view: str, histories: dict[str, RawHistory]) -> Iterator[OutdatedDays]:
    days, tables = [], set()
    for file in sorted((home / "features" / view).glob("snapshot_on=*/part.parquet")):
        if not (kept := file.with_name(RECORD)).exists():
            continue
        day = date.fromisoformat(file.parent.name.removeprefix("snapshot_on="))
        inputs: dict[str, str] = json.loads(kept.read_text(encoding="utf-8"))
        for table in inputs.keys() - histories.keys():
            histories[table] = raw_history(home, table)
        if changed := [table for table, digest in inputs.items() if histories[table].until(day) != digest]:
            days.append(day)
            tables.update(changed)
    if days:
        yield OutdatedDays(view, tuple(days), tuple(sorted(tables)))


@lru_cache(maxsize=200_000)
def _content(file: Path, *_state: int) -> str:
    """The digest of a day's good rows, empty if there are none; of earlier releases' loads, what they were made of.

    Remembered for as long as the file is the same: a run of many days reads the same footers for each of them.
    """
    metadata = pq.read_metadata(file)
    if not metadata.num_rows:
        return ""
    counts = json.loads((metadata.metadata or {}).get(_RAW_METADATA, b"{}"))
    return str(counts.get("good_rows") or f"{counts.get('content')} {counts.get('declaration')} {metadata.num_rows}")
