"""How the assets are run: by which days they are partitioned, how often they are tried, how long a run may take."""

from dataclasses import dataclass

import dagster as dg

from feature_repo.settings import PlatformSettings
from pipelines.partitions import first_day

RETRIES = 3
# Dagster's run monitoring ends a run that takes longer.
LIMITS = {"dagster/max_runtime": 2 * 60 * 60}


@dataclass(frozen=True)
class RunPolicy:
    """What the assets of one installation share."""

    partitions: dg.DailyPartitionsDefinition
    retries: dg.RetryPolicy

    @classmethod
    def of(cls, settings: PlatformSettings) -> "RunPolicy":
        """The policy that the settings, and the data loaded in their home, ask for.

        Dagster reads the partitions when it loads its code location: after older data were loaded it must reload.
        """
        return cls(
            dg.DailyPartitionsDefinition(start_date=str(first_day(settings.home, settings.first_day))),
            dg.RetryPolicy(
                max_retries=RETRIES if settings.retries is None else settings.retries,
                delay=60 * settings.retry_minutes,
            ),
        )
