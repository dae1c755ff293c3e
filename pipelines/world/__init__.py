"""The synthetic worlds, one folder a domain: the embedded default data source."""

from __future__ import annotations

from collections.abc import Mapping

WORLDS: Mapping[str, str] = {
    "homes": "pipelines.world.homes.generate",
    "ledger": "pipelines.world.ledger.generate",
}
"""The domains that have one, and the module whose `world_of` gives it."""
