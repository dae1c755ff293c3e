"""Make a whole world: blocks in parallel, one folder at the end, all of it or nothing."""

from __future__ import annotations

import json
import os
import shutil
from collections import Counter
from collections.abc import Callable, Iterator, Mapping
from concurrent.futures import ProcessPoolExecutor
from concurrent.futures.process import BrokenProcessPool
from contextlib import ExitStack
from dataclasses import asdict, dataclass
from functools import partial
from multiprocessing import get_context
from pathlib import Path

import pyarrow.parquet as pq

from pipelines.raw.tables import TABLES
from pipelines.raw.tables.homes import CUSTOMERS, DEALS, MACRO, PROPERTIES, REGION_MARKET
from pipelines.world.frames import arrow_of
from pipelines.world.homes.blocks import Made, make_block
from pipelines.world.homes.data_defects import BLANKED, blemish
from pipelines.world.homes.economy import economy_of, macro_frame
from pipelines.world.homes.files import TableFile
from pipelines.world.homes.markets import markets_of, region_frame
from pipelines.world.homes.plan import WorldPlan
from pipelines.world.seeds import generator

MARK = "world.json"
"""The file by which a folder is known to hold a world."""

Progress = Callable[[str, int, int], None]


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


def generate(plan: WorldPlan, out: Path, progress: Progress | None = None, workers: int = 2) -> WorldReport:
    """Write the world of `plan` to the folder `out`, which must be absent, empty, or a world made earlier.

    `progress` is called with (what, done, of) as blocks finish. The same plan gives the same bytes, whatever `workers`.
    """
    if workers < 1:
        message = f"workers: expected 1 or more, found {workers}; use 1 to stay in this process"
        raise ValueError(message)
    out = Path(out).absolute()
    _refuse_foreign(out)
    building = out.with_name(f".{out.name}.building-{os.getpid()}")
    building.mkdir(parents=True)
    try:
        counts = _write(plan, building, progress, workers)
        report = _report(building, counts)
        mark = {"plan": {**asdict(plan), "start": plan.start.isoformat()}, "report": asdict(report)}
        (building / MARK).write_text(json.dumps(mark, indent=2) + "\n", encoding="utf-8")
        _replace(out, building)
    finally:
        shutil.rmtree(building, ignore_errors=True)
    return report


def _write(plan: WorldPlan, folder: Path, progress: Progress | None, workers: int) -> Mapping[str, Mapping[str, int]]:
    """Write every table, and count the blemishes of each."""
    counts: dict[str, Counter[str]] = {raw.name: Counter() for raw in TABLES}
    blocks = plan.blocks
    with ExitStack() as stack:
        files = {
            raw.name: stack.enter_context(TableFile(raw, folder / raw.name / "part-00000.parquet"))
            for raw in (CUSTOMERS, PROPERTIES, DEALS, REGION_MARKET, MACRO)
        }
        economy = economy_of(plan)
        for raw, frame in (
            (REGION_MARKET, region_frame(plan, economy, markets_of(plan, economy))),
            (MACRO, macro_frame(plan, economy)),
        ):
            done = blemish(raw, frame, generator(plan.seed, f"blemishes of {raw.name}"), plan.end_us)
            files[raw.name].append(arrow_of(raw, done.all, BLANKED[raw.name]).sort_by(raw.known))
            counts[raw.name].update(done.counts)
        for number, made in enumerate(_made(plan, folder, min(workers, len(blocks))), start=1):
            for name, table in made.tables.items():
                files[name].append(table)
            for name, found in made.data_defects.items():
                counts[name].update(found)
            if progress:
                progress("blocks of customers", number, len(blocks))
    return counts


def _made(plan: WorldPlan, folder: Path, workers: int) -> Iterator[Made]:
    """The blocks, in order, made by so many processes."""
    make = partial(make_block, plan, folder=folder)
    if workers == 1:
        yield from map(make, plan.blocks)
        return
    # Spawned, not forked: the caller may hold threads and locks that a fork would copy in mid-flight.
    with ProcessPoolExecutor(workers, mp_context=get_context("spawn")) as pool:
        try:
            yield from pool.map(make, plan.blocks)
        except BrokenProcessPool as error:
            message = (
                "expected every worker to finish its blocks, found one gone: either memory ran out (use fewer workers) "
                "or generate() was called at the top of a script (put it under `if __name__ == '__main__':`)"
            )
            raise RuntimeError(message) from error


def _report(folder: Path, counts: Mapping[str, Mapping[str, int]]) -> WorldReport:
    tables = {}
    for raw in TABLES:
        files = sorted((folder / raw.name).rglob("*.parquet"))
        rows = sum(pq.read_metadata(file).num_rows for file in files)
        size = sum(file.stat().st_size for file in files)
        tables[raw.name] = GeneratedTable(rows, size, len(files), dict(sorted(counts[raw.name].items())))
    return WorldReport(tables)


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
