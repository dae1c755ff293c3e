"""The days that assets are partitioned by."""

import os
from datetime import date

import dagster as dg

from pipelines.transforms.days import Days

# The synthetic world begins here. People with older data say so in TIDEMARK_FIRST_DAY.
FIRST_DAY = os.environ.get("TIDEMARK_FIRST_DAY") or "2024-01-01"

DAILY = dg.DailyPartitionsDefinition(start_date=FIRST_DAY)


def days_of(context: dg.AssetExecutionContext) -> Days:
    """The days that a run is asked for: one, or a range in a single run."""
    asked = context.partition_key_range
    return Days(date.fromisoformat(asked.start), date.fromisoformat(asked.end))
