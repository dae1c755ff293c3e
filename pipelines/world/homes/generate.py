"""Make the world of homes: blocks of customers in parallel, each table in its folder."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping
from contextlib import ExitStack
from dataclasses import asdict
from functools import partial
from pathlib import Path

from pipelines.raw.tables.homes import CUSTOMERS, DEALS, ENGAGEMENT, MACRO, PROPERTIES, REGION_MARKET
from pipelines.world.building import DomainWorld, Progress, WorldReport, WorldSize, build, in_processes
from pipelines.world.frames import arrow_of
from pipelines.world.homes.blocks import make_block
from pipelines.world.homes.data_defects import BLANKED, blemish
from pipelines.world.homes.economy import economy_of, macro_frame
from pipelines.world.homes.files import TableFile
from pipelines.world.homes.markets import markets_of, region_frame
from pipelines.world.homes.plan import WorldPlan
from pipelines.world.seeds import generator

TABLES = (CUSTOMERS, PROPERTIES, DEALS, ENGAGEMENT, REGION_MARKET, MACRO)


def generate(plan: WorldPlan, out: Path, progress: Progress | None = None, workers: int = 2) -> WorldReport:
    """Write the world of `plan` alone to the folder `out`; see `build`."""
    return build([homes_of(plan)], out, progress, workers)


def world_of(size: WorldSize) -> DomainWorld:
    """The world of homes, of that size."""
    return homes_of(WorldPlan(customers=size.customers, days=size.days, seed=size.seed, start=size.start))


def homes_of(plan: WorldPlan) -> DomainWorld:
    """The world of homes that is planned."""
    described = {**asdict(plan), "start": plan.start.isoformat()}
    return DomainWorld(f"{plan.customers:,} customers", described, TABLES, partial(_write, plan))


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
        make = partial(make_block, plan, folder=folder)
        for number, made in enumerate(in_processes(make, blocks, min(workers, len(blocks))), start=1):
            for name, table in made.tables.items():
                files[name].append(table)
            for name, found in made.data_defects.items():
                counts[name].update(found)
            if progress:
                progress("blocks of customers", number, len(blocks))
    return counts
