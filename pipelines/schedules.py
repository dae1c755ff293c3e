"""What runs by the clock."""

import dagster as dg

from pipelines.run_policy import LIMITS

daily = dg.define_asset_job(
    "daily",
    selection=dg.AssetSelection.all() - dg.AssetSelection.groups("training"),
    description="Load, compute, validate and register one day, or in a single run any range of days.",
    tags=LIMITS,
)

weekly = dg.define_asset_job(
    "weekly",
    selection=dg.AssetSelection.groups("training"),
    description="Train and evaluate every model, and let it serve if no gate stops it.",
    tags=LIMITS,
)

every_night = dg.build_schedule_from_partitioned_job(
    daily, name="every_night", hour_of_day=2, minute_of_hour=0, description="At 02:00 UTC, the day that has ended."
)

every_monday = dg.ScheduleDefinition(
    name="every_monday",
    job=weekly,
    cron_schedule="0 5 * * 1",
    execution_timezone="UTC",
    description="At 05:00 UTC on Mondays, after the night's features.",
)
