"""How fast the world is made, and whether its memory grows with the number of customers."""

from __future__ import annotations

import json
import shutil
from pathlib import Path

from watch import TIDEMARK, run

SIZES = ((10_000, 730, "under 120 s, 4 GB"), (100_000, 180, "memory as above"))


def measure(folder: Path) -> list[dict[str, str]]:
    """Make the world at each size."""
    rows = []
    for customers, days, goal in SIZES:
        out = folder / f"world-{customers}-{days}"
        shutil.rmtree(out, ignore_errors=True)
        took = run(TIDEMARK, "world", "--customers", str(customers), "--days", str(days), "--out", str(out))
        tables = json.loads((out / "world.json").read_text())["report"]["tables"]
        made = sum(table["rows"] for table in tables.values())
        seconds, gigabytes = took.seconds, took.peak_bytes / 1e9
        rows.append(
            {
                "what": f"world of {customers:,} customers x {days} days: {made / 1e6:.1f} M rows",
                "figure": f"{seconds:.0f} s, {made / seconds / 1e3:,.0f} k rows/s, {gigabytes:.2f} GB",
                "goal": goal,
            }
        )
        if customers != SIZES[0][0]:
            shutil.rmtree(out)
    return rows
