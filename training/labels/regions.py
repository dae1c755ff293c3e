"""The region of a row's entity, as known at the row's moment: baselines and reports tell regions apart."""

from __future__ import annotations

from collections.abc import Callable

import pyarrow as pa

from training.facts import Facts


def region_of(table: str, key: str) -> Callable[[Facts, pa.Table], pa.Table]:
    """Adds `region_id` from the versions of a raw table, by the newest one that was known at each row's moment."""

    def with_region(facts: Facts, rows: pa.Table) -> pa.Table:
        numbered = rows.select([key, "event_timestamp"]).append_column("place", pa.array(range(len(rows)), pa.int64()))
        regions = facts.select(
            f"""
            SELECT versions.region_id
            FROM numbered ASOF LEFT JOIN ({facts.versions(table)}) AS versions
                ON numbered.{key} = versions.{key} AND numbered.event_timestamp >= versions.ingested_at
            ORDER BY place
            """,
            numbered=numbered,
        )
        return rows if "region_id" in rows.column_names else rows.append_column("region_id", regions["region_id"])

    return with_region
