"""How many customers there are each day: all who have joined, and are known to have."""

from __future__ import annotations

from collections.abc import Mapping

import ibis

from pipelines.raw.tables.homes import CUSTOMERS
from pipelines.transforms.days import Days
from pipelines.transforms.raw_tables import RawTables
from pipelines.transforms.versions import daily, versions


def members_by_day(raw: RawTables, days: Days) -> Mapping[int, int]:
    """The number of customers by number of the day."""
    members = versions(raw[CUSTOMERS], CUSTOMERS, days)
    stays = members.select(
        since=ibis.greatest(members["shown_from"], days.start), until=ibis.least(members["shown_until"], days.stop)
    ).filter(lambda t: t["since"] < t["until"])
    counts = daily(stays, days).group_by("day").aggregate(members=lambda t: t.count()).to_pyarrow()
    return dict(zip(counts["day"].to_pylist(), counts["members"].to_pylist(), strict=True))
