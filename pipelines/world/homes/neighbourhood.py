"""A town: one block's customers and homes, within the economy and the regions that all blocks share."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from pipelines.world.homes.economy import Economy, economy_of
from pipelines.world.homes.houses import Homes, homes_of
from pipelines.world.homes.markets import Markets, markets_of
from pipelines.world.homes.people import People, people_of
from pipelines.world.homes.plan import CustomerBlock, WorldPlan
from pipelines.world.seeds import generator


@dataclass(frozen=True)
class Neighbourhood:
    """Everything that is so before anybody acts."""

    plan: WorldPlan
    block: CustomerBlock
    economy: Economy
    markets: Markets
    homes: Homes
    people: People

    def rng(self, purpose: str) -> np.random.Generator:
        """The generator for one purpose in this town."""
        return generator(self.plan.seed, purpose, self.block.number)


def town_of(plan: WorldPlan, block: CustomerBlock) -> Neighbourhood:
    """The town of that block."""
    economy = economy_of(plan)
    markets = markets_of(plan, economy)
    return Neighbourhood(plan, block, economy, markets, homes_of(plan, block, markets), people_of(plan, block, markets))
