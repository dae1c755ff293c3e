"""All of Dagster in one place, built for one installation; workspace.yaml names `code_location`."""

import warnings

import dagster as dg

from feature_repo.settings import PlatformSettings
from pipelines.assets.feast import data_docs_asset, feast_registry
from pipelines.assets.features import ON_DEMAND, feature_assets
from pipelines.assets.online import online_assets, online_checks
from pipelines.assets.raw import raw_assets
from pipelines.assets.training import training_assets
from pipelines.chosen_days import JOB, ChosenDays, chosen_days_job
from pipelines.resources import Installation
from pipelines.run_policy import RunPolicy
from pipelines.schedules import daily, every_monday, every_night, weekly
from pipelines.sensors import failure_webhook


def build_definitions(settings: PlatformSettings) -> dg.Definitions:
    """Assets, checks, jobs, schedules and sensors of the installation that the settings describe."""
    policy = RunPolicy.of(settings)
    with warnings.catch_warnings():
        # Of backfill and freshness policies, which Dagster may still change.
        warnings.simplefilter("ignore", dg.BetaWarning)
        online = online_assets(policy)
        assets = [*raw_assets(policy), *feature_assets(policy), *online, *training_assets(policy)]
    return dg.Definitions(
        assets=[*assets, ON_DEMAND, feast_registry, data_docs_asset()],
        asset_checks=online_checks(online),
        jobs=[daily, chosen_days_job(policy), weekly],
        schedules=[every_night, every_monday],
        sensors=[failure_webhook],
        resources={"platform": Installation(settings), JOB: ChosenDays.configure_at_launch()},
    )


def code_location() -> dg.Definitions:
    """What Dagster loads: the one edge at which it meets the environment."""
    # Dagster reads a property that it has deprecated itself; Feast's filters go before those of the environment.
    warnings.filterwarnings("ignore", "Property `ScheduleDefinition.environment_vars` is deprecated")
    return build_definitions(PlatformSettings.from_environment())
