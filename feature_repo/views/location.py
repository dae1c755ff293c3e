"""Where a home stands: the key by which what holds for its region is found."""

from __future__ import annotations

from datetime import timedelta

from feast import FeatureView
from feast.types import Int64

from feature_repo.cadence import Cadence
from feature_repo.entities import PROPERTY, join_key
from feature_repo.fields import feature
from feature_repo.sources import snapshots_of

VIEW = FeatureView(
    name="location",
    entities=[PROPERTY],
    ttl=timedelta(days=32),
    source=snapshots_of("location"),
    description=(
        "The region of a home, for services that read a view of regions: one snapshot of every home at the end of the "
        "first of each month, and one of a home at the end of a day on which a row of properties about it became "
        "known. By the newest row (valid_from) that was known."
    ),
    owner="data-engineering",
    tags={**Cadence("monthly-and-on-change", lag_hours=3).tags, "domain": "homes", "group": "property"},
    schema=[
        join_key(PROPERTY),
        feature("region_id", Int64, "the region of the newest row; it leads to the view market", unit="key", ge=0),
    ],
)
