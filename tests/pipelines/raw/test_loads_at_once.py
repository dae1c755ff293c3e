"""Several loads into one home: one of them loads, and the others say so before they have written anything."""

from __future__ import annotations

import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor

import pyarrow as pa
import pytest
from raw_desk import NOW, as_deals, at, deal

from pipelines.raw.load import LoadOptions, load
from pipelines.raw.sources import open_source
from pipelines.raw.store import AlreadyLoadingError
from pipelines.raw.tables import table

LOAD = (
    "import sys; from pathlib import Path; from pipelines.raw.load import load; from pipelines.raw.store import RawStore;"
    "from pipelines.raw.sources import open_source; print('ready', flush=True); sys.stdin.readline();"
    "load(open_source(sys.argv[1]), RawStore(Path(sys.argv[2])))"
)


def customers(region: int) -> pa.Table:
    row = {"customer_id": 1, "region_id": region, "joined_at": at("2024-03-01"), "ingested_at": at("2024-03-05")}
    return pa.Table.from_pylist([row], schema=table("customers").schema)


def test_a_load_of_all_tables_is_refused_whole_while_one_of_them_is_being_loaded(desk):
    desk.write("customers.parquet", customers(1))
    desk.write("deals.parquet", as_deals(deal(1)))
    with desk.store.loading("deals"), pytest.raises(AlreadyLoadingError, match=r"another load .*\(process \d+, since "):
        load(open_source(desk.source), desk.store, options=LoadOptions(now=NOW))
    assert not list(desk.store.home.rglob("*.parquet"))


def test_different_tables_are_loaded_at_once(desk):
    desk.write("deals.parquet", as_deals(deal(1)))
    with desk.store.loading("customers"):
        assert desk.load().loaded == 1


def test_whoever_was_refused_holds_nothing_afterwards(desk):
    with desk.store.loading("deals"), pytest.raises(AlreadyLoadingError), desk.store.loading("customers", "deals"):
        pass
    with desk.store.loading("customers", "deals"):
        pass


def test_of_three_loads_at_once_all_tables_come_from_the_same(desk, tmp_path):
    """Each source has its own price and region: whatever is loaded must be of one of them throughout."""
    for source in (1, 2, 3):
        folder = desk.source / str(source)
        deals = [deal(i, known=f"2024-{1 + i % 9:02d}-{1 + i % 28:02d} 10:00", price=float(source)) for i in range(500)]
        rows = as_deals(*(row | {"occurred_at": at("2023-12-31")} for row in deals))
        desk.write(f"{source}/deals.parquet", rows)
        desk.write(f"{source}/customers.parquet", customers(source))
        assert folder.is_dir()
    home = desk.store.home
    processes = [
        subprocess.Popen(
            [sys.executable, "-c", LOAD, str(desk.source / str(source)), str(home)],
            stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True,
        )
        for source in (1, 2, 3)
    ]  # fmt: skip
    for process in processes:
        assert process.stdout
        process.stdout.readline()
    with ThreadPoolExecutor(3) as waiting:
        told = [result[1] for result in waiting.map(lambda process: process.communicate("\n", timeout=60), processes)]
    codes = [process.returncode for process in processes]
    assert codes.count(0) >= 1
    for code, message in zip(codes, told, strict=True):
        assert code == 0 or "another load into" in message
    prices = desk.loaded("SELECT DISTINCT price FROM rows")
    regions = desk.loaded("SELECT DISTINCT region_id FROM rows", "customers")
    assert prices == [(float(region),) for (region,) in regions]
    assert len(prices) == 1
