"""One block of customers, from birth to Parquet: what a worker process makes, knowing nothing of other blocks."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pyarrow as pa

from pipelines.raw.contracts import RawTable
from pipelines.raw.tables.homes import CUSTOMERS, DEALS, ENGAGEMENT, PROPERTIES
from pipelines.world.frames import Frame, arrow_of, rows_of, stack, take
from pipelines.world.homes.data_defects import BLANKED, SHARES, DefectiveRows, blemish, delays
from pipelines.world.homes.deals import deal_frame, deals_of, tenures_of
from pipelines.world.homes.engagement import acts_of, days_of
from pipelines.world.homes.files import write_engagement
from pipelines.world.homes.messages import messages_of
from pipelines.world.homes.neighbourhood import Neighbourhood, town_of
from pipelines.world.homes.plan import CustomerBlock, WorldPlan
from pipelines.world.homes.records import customer_frame, property_frame
from pipelines.world.homes.simulation import Simulation, lives_of


@dataclass(frozen=True)
class Made:
    """What a block hands back: its small tables, and the blemishes of each of its tables."""

    tables: Mapping[str, pa.Table]
    data_defects: Mapping[str, Mapping[str, int]]


def make_block(plan: WorldPlan, block: CustomerBlock, folder: Path) -> Made:
    """Make the block. Its engagement goes to files under `folder`; the rest is small and is handed back."""
    neighbourhood = town_of(plan, block)
    simulation = lives_of(neighbourhood)
    tenures = tenures_of(simulation)
    deals = deals_of(neighbourhood, simulation, tenures)
    frames: list[tuple[RawTable, Frame]] = [
        (CUSTOMERS, customer_frame(neighbourhood, simulation)),
        (PROPERTIES, property_frame(neighbourhood, deals, tenures)),
        (DEALS, deal_frame(neighbourhood, deals)),
    ]
    tables, counts = {}, {}
    for raw, frame in frames:
        done = blemish(raw, frame, neighbourhood.rng(f"blemishes of {raw.name}"), plan.end_us)
        rows = done.all
        order = np.lexsort((rows[raw.key[0]], rows[raw.known]))
        tables[raw.name] = arrow_of(raw, take(rows, order), BLANKED[raw.name])
        counts[raw.name] = done.counts
    events = _engagement(neighbourhood, simulation)
    counts[ENGAGEMENT.name] = events.counts
    write_engagement(plan, block, events, folder)
    return Made(tables, counts)


def _engagement(neighbourhood: Neighbourhood, simulation: Simulation) -> DefectiveRows:
    """All events of the block, in the order in which they became known, which also numbers them."""
    days = days_of(neighbourhood, simulation)
    events = stack([acts_of(neighbourhood, simulation, days), messages_of(neighbourhood, days)])
    del days
    rng = neighbourhood.rng("arrival")
    known = events["occurred_at"] + delays(rng, rows_of(events), SHARES[ENGAGEMENT.name].late)
    order = np.argsort(known, kind="stable")
    order = order[: np.searchsorted(known[order], neighbourhood.plan.end_us)]
    events = take(events, order)
    rows: Frame = {
        "event_id": (neighbourhood.block.number << 32) + 1 + np.arange(len(order)),
        "customer_id": neighbourhood.people.ids[events["person"]],
        **{name: values for name, values in events.items() if name != "person"},
        "ingested_at": known[order],
    }
    return blemish(ENGAGEMENT, rows, neighbourhood.rng("blemishes of engagement"), neighbourhood.plan.end_us)
