"""Where a home stands, as known then."""

from __future__ import annotations

import ibis

from feature_repo.views.location import VIEW
from pipelines.computation.days import Days
from pipelines.computation.declared import as_declared
from pipelines.computation.raw_tables import RawTables
from pipelines.computation.versions import attach, daily, newest, seen, states, turns, versions
from pipelines.raw.tables.homes import PROPERTIES
from pipelines.view_pipeline import ViewPipeline


def snapshots(raw: RawTables, days: Days) -> ibis.Table:
    """A row for each home on the first of a month and on each day when a fact about the home became known."""
    homes = versions(raw[PROPERTIES], PROPERTIES, days)
    shown = seen(states("property_id", days, homes), homes, "property_id")
    regions = newest(shown, ["property_id", "since"], ["valid_from"])
    regions = regions.select("property_id", "region_id", "since", "until")
    news = turns(homes, "property_id").select("property_id", day="turn", is_news=True)
    rows = attach(daily(regions, days), news, ["property_id", "day"]).filter(
        lambda t: t["day"].isin(days.firsts_of_months) | t["is_news"].notnull()
    )
    return as_declared(rows.select("property_id", "region_id", "day"), VIEW)


PIPELINE = ViewPipeline(VIEW, reads=(PROPERTIES,), transform=snapshots)
