"""What runs by the clock."""

import dagster as dg

from pipelines.retries import LIMITS

daily = dg.define_asset_job(
    "daily",
    selection=dg.AssetSelection.all(),
    description="Load, compute, validate and register one day, or in a single run any range of days.",
    tags=LIMITS,
)

every_night = dg.build_schedule_from_partitioned_job(
    daily, name="every_night", hour_of_day=2, minute_of_hour=0, description="At 02:00 UTC, the day that has ended."
)
