"""One block of customers, from birth to Parquet: what a worker process makes, knowing nothing of other blocks."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pyarrow as pa

from pipelines.raw.contracts import RawTable
from pipelines.raw.tables.homes import CUSTOMERS, DEALS, ENGAGEMENT, PROPERTIES
from pipelines.world.blemishes import BLANKED, SHARES, Blemished, blemish, delays
from pipelines.world.deals import deal_frame, deals_of, tenures_of
from pipelines.world.engagement import acts_of, days_of
from pipelines.world.files import write_engagement
from pipelines.world.frames import Frame, arrow_of, rows_of, stack, take
from pipelines.world.lives import Lives, lives_of
from pipelines.world.messages import messages_of
from pipelines.world.plan import CustomerBlock, WorldPlan
from pipelines.world.records import customer_frame, property_frame
from pipelines.world.town import Town, town_of


@dataclass(frozen=True)
class Made:
    """What a block hands back: its small tables, and the blemishes of each of its tables."""

    tables: Mapping[str, pa.Table]
    blemishes: Mapping[str, Mapping[str, int]]


def make_block(plan: WorldPlan, block: CustomerBlock, folder: Path) -> Made:
    """Make the block. Its engagement goes to files under `folder`; the rest is small and is handed back."""
    town = town_of(plan, block)
    lives = lives_of(town)
    tenures = tenures_of(lives)
    deals = deals_of(town, lives, tenures)
    frames: list[tuple[RawTable, Frame]] = [
        (CUSTOMERS, customer_frame(town, lives)),
        (PROPERTIES, property_frame(town, deals, tenures)),
        (DEALS, deal_frame(town, deals)),
    ]
    tables, counts = {}, {}
    for raw, frame in frames:
        done = blemish(raw, frame, town.rng(f"blemishes of {raw.name}"), plan.end_us)
        rows = done.all
        order = np.lexsort((rows[raw.key[0]], rows[raw.known]))
        tables[raw.name] = arrow_of(raw, take(rows, order), BLANKED[raw.name])
        counts[raw.name] = done.counts
    events = _engagement(town, lives)
    counts[ENGAGEMENT.name] = events.counts
    write_engagement(plan, block, events, folder)
    return Made(tables, counts)


def _engagement(town: Town, lives: Lives) -> Blemished:
    """All events of the block, in the order in which they became known, which also numbers them."""
    days = days_of(town, lives)
    events = stack([acts_of(town, lives, days), messages_of(town, days)])
    del days
    rng = town.rng("arrival")
    known = events["occurred_at"] + delays(rng, rows_of(events), SHARES[ENGAGEMENT.name].late)
    order = np.argsort(known, kind="stable")
    order = order[: np.searchsorted(known[order], town.plan.end_us)]
    events = take(events, order)
    rows: Frame = {
        "event_id": (town.block.number << 32) + 1 + np.arange(len(order)),
        "customer_id": town.people.ids[events["person"]],
        **{name: values for name, values in events.items() if name != "person"},
        "ingested_at": known[order],
    }
    return blemish(ENGAGEMENT, rows, town.rng("blemishes of engagement"), town.plan.end_us)
