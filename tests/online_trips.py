"""Drivers and their trips in a Redis that tests break: how they are laid there, and the two ways of asking for them."""

from __future__ import annotations

import asyncio
from pathlib import Path
from typing import Any

import pyarrow as pa
from feast import FeatureStore
from feast.types import Int64, String
from online_project import DRIVER, INSTANT, day, opened, view_of

from feature_repo.stores.wire.lookup import LookupPlan

FAST: dict[str, Any] = {
    "socket_timeout_seconds": 0.2,
    "connect_timeout_seconds": 0.2,
    "retries": 1,
    "breaker_seconds": 1,
}
DRIVERS = 50


def opened_at(folder: Path, address: str, **settings: Any) -> FeatureStore:
    view = view_of(folder, {"trips": Int64, "city": String})
    return opened(folder, address, [DRIVER, view], ours=True, **{**FAST, **settings})


def lay(store: FeatureStore) -> None:
    """Driver n has made n trips."""
    drivers = list(range(DRIVERS))
    table = pa.table(
        {
            "driver_id": drivers,
            "trips": drivers,
            "city": ["x" * 1000] * DRIVERS,
            "event": pa.array([day(1)] * DRIVERS, INSTANT),
            "created": pa.array([day(1)] * DRIVERS, INSTANT),
        }
    )
    store._get_provider().online_store.online_write_table(
        store.config, store.get_feature_view("stats"), table.to_batches()
    )


def read(plan: LookupPlan, driver: int) -> Any:
    return plan.read([{"driver_id": driver}]).column("trips")[0]


def read_async(plan: LookupPlan, driver: int) -> Any:
    async def one() -> Any:
        try:
            return (await plan.read_async([{"driver_id": driver}])).column("trips")[0]
        finally:
            await plan.close_async()

    return asyncio.run(one())
