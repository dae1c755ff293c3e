"""All of Dagster in one place; workspace.yaml names it."""

import dagster as dg

from pipelines.assets.feast import data_docs, feast_registry
from pipelines.assets.features import FEATURES, ON_DEMAND
from pipelines.assets.online import CHECKS, ONLINE
from pipelines.assets.raw import RAW, quarantine
from pipelines.assets.training import TRAINING
from pipelines.resources import Platform
from pipelines.schedules import daily, every_monday, every_night, weekly
from pipelines.sensors import failure_webhook

definitions = dg.Definitions(
    assets=[*RAW, quarantine, *FEATURES, ON_DEMAND, feast_registry, data_docs, *ONLINE, *TRAINING],
    asset_checks=CHECKS,
    jobs=[daily, weekly],
    schedules=[every_night, every_monday],
    sensors=[failure_webhook],
    resources={"platform": Platform()},
)
