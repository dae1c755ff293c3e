"""Write a world to a folder: the tables of one domain or several, all of it or nothing."""

from __future__ import annotations

import json
import os
import shutil
from collections.abc import Callable, Iterator, Mapping, Sequence
from concurrent.futures import ProcessPoolExecutor
from concurrent.futures.process import BrokenProcessPool
from dataclasses import asdict, dataclass
from datetime import date
from multiprocessing import get_context
from pathlib import Path
from typing import Any, TypeVar

import pyarrow.parquet as pq

from pipelines.raw.contracts import RawTable

MARK = "world.json"
"""The file by which a folder is known to hold a world."""

Progress = Callable[[str, int, int], None]
Defects = Mapping[str, Mapping[str, int]]
"""How many rows of each table have which defect."""
Item = TypeVar("Item")
Result = TypeVar("Result")


@dataclass(frozen=True)
class WorldSize:
    """What is asked of the worlds of all domains; each takes what concerns it."""

    customers: int
    households: int
    days: int
    seed: int
    start: date


@dataclass(frozen=True)
class DomainWorld:
    """The world of one domain: who is in it, its plan, its tables, and a function that writes them to a folder."""

    population: str
    plan: Mapping[str, Any]
    tables: Sequence[RawTable]
    write: Callable[[Path, Progress | None, int], Defects]


@dataclass(frozen=True)
class GeneratedTable:
    """What was written of one table."""

    rows: int
    bytes: int
    files: int
    data_defects: Mapping[str, int]


@dataclass(frozen=True)
class WorldReport:
    """What was written, table by table."""

    tables: Mapping[str, GeneratedTable]


def build(worlds: Sequence[DomainWorld], out: Path, progress: Progress | None = None, workers: int = 2) -> WorldReport:
    """Write the worlds to the folder `out`, which must be absent, empty, or a world made earlier.

    `progress` is called with (what, done, of) as blocks finish. The same plans give the same bytes, whatever `workers`.
    """
    if workers < 1:
        message = f"workers: expected 1 or more, found {workers}; use 1 to stay in this process"
        raise ValueError(message)
    out = Path(out).absolute()
    _refuse_foreign(out)
    building = out.with_name(f".{out.name}.building-{os.getpid()}")
    building.mkdir(parents=True)
    try:
        tables: dict[str, GeneratedTable] = {}
        plan: dict[str, Any] = {}
        for world in worlds:
            tables |= _report(building, world.tables, world.write(building, progress, workers))
            plan |= world.plan
        report = WorldReport(tables)
        mark = {"plan": plan, "report": asdict(report)}
        (building / MARK).write_text(json.dumps(mark, indent=2) + "\n", encoding="utf-8")
        _replace(out, building)
    finally:
        shutil.rmtree(building, ignore_errors=True)
    return report


def in_processes(make: Callable[[Item], Result], items: Sequence[Item], workers: int) -> Iterator[Result]:
    """What `make` makes of each item, in order, by so many processes."""
    if workers == 1:
        yield from map(make, items)
        return
    # Spawned, not forked: the caller may hold threads and locks that a fork would copy in mid-flight.
    with ProcessPoolExecutor(workers, mp_context=get_context("spawn")) as pool:
        try:
            yield from pool.map(make, items)
        except BrokenProcessPool as error:
            message = (
                "expected every worker to finish its blocks, found one gone: either memory ran out (use fewer workers) "
                "or generate() was called at the top of a script (put it under `if __name__ == '__main__':`)"
            )
            raise RuntimeError(message) from error


def _report(folder: Path, tables: Sequence[RawTable], defects: Defects) -> dict[str, GeneratedTable]:
    report = {}
    for raw in tables:
        files = sorted((folder / raw.name).rglob("*.parquet"))
        rows = sum(pq.read_metadata(file).num_rows for file in files)
        size = sum(file.stat().st_size for file in files)
        report[raw.name] = GeneratedTable(rows, size, len(files), dict(sorted(defects[raw.name].items())))
    return report


def _refuse_foreign(out: Path) -> None:
    if not out.exists() or (out / MARK).is_file():
        return
    if not out.is_dir() or any(out.iterdir()):
        message = (
            f"{out}: expected an absent or empty folder, or a world made earlier (one with {MARK}); "
            "found something else; choose another folder, or remove it yourself"
        )
        raise FileExistsError(message)


def _replace(out: Path, building: Path) -> None:
    """Put the finished folder in place; what stood there goes only once its successor is complete."""
    old = out.with_name(f"{building.name}.old")
    if out.exists():
        out.rename(old)
    building.rename(out)
    shutil.rmtree(old, ignore_errors=True)
