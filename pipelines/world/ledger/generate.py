"""Make the world of the ledger: households in blocks, each table sorted by when its rows became known."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping
from dataclasses import asdict
from functools import partial
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq

from pipelines.raw.contracts import RawTable
from pipelines.raw.tables.ledger import ACCOUNTS, TRANSACTION_LABELS, TRANSACTIONS
from pipelines.world.building import DomainWorld, Progress, WorldSize, in_processes
from pipelines.world.ledger.blocks import ledger_block
from pipelines.world.ledger.plan import HOUSEHOLDS_PER_BLOCK, LedgerPlan

TABLES = (ACCOUNTS, TRANSACTIONS, TRANSACTION_LABELS)
ROW_GROUP = 32_768
FEW_BLOCKS = 8
"""So many are made sooner here than by other processes, which have to start."""


def world_of(size: WorldSize) -> DomainWorld:
    """The ledger's world, of that size."""
    return ledger_of(LedgerPlan(size.households, size.days, size.seed, size.start))


def ledger_of(plan: LedgerPlan, per_block: int = HOUSEHOLDS_PER_BLOCK) -> DomainWorld:
    """The ledger's world that is planned; how many households a block has changes nothing in it."""
    described = {**asdict(plan), "start": plan.start.isoformat()}
    return DomainWorld(f"{plan.households:,} households", described, TABLES, partial(_write, plan, per_block))


def _write(
    plan: LedgerPlan, per_block: int, folder: Path, progress: Progress | None, workers: int
) -> Mapping[str, Mapping[str, int]]:
    defects: dict[str, Counter[str]] = {raw.name: Counter() for raw in TABLES}
    done = 0
    for number, households in enumerate(plan.files):
        blocks = [households[first : first + per_block] for first in range(0, len(households), per_block)]
        made = in_processes(partial(ledger_block, plan), blocks, workers if len(blocks) > FEW_BLOCKS else 1)
        parts: dict[str, list[pa.Table]] = {raw.name: [] for raw in TABLES}
        for block, of_block in zip(made, blocks, strict=True):
            for raw in TABLES:
                parts[raw.name].append(block.tables[raw.name])
                defects[raw.name].update(block.defects[raw.name])
            done += len(of_block)
            if progress:
                progress("households", done, plan.households)
        for raw in TABLES:
            _write_sorted(raw, pa.concat_tables(parts[raw.name]), folder / raw.name / f"part-{number:05}.parquet")
    return defects


def _write_sorted(raw: RawTable, table: pa.Table, file: Path) -> None:
    """In the order in which the rows became known; those of one moment as households come."""
    file.parent.mkdir(parents=True, exist_ok=True)
    order = [(raw.known, "ascending"), (raw.key[0], "ascending")]
    ids = [column.name for column in raw.columns if column.type in {"int64", "timestamp"}]
    pq.write_table(
        table.sort_by(order), file, row_group_size=ROW_GROUP, compression="lz4",
        use_dictionary=[column.name for column in raw.columns if column.type == "string"],
        column_encoding=dict.fromkeys(ids, "DELTA_BINARY_PACKED"),
    )  # fmt: skip
