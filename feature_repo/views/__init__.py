"""The views: each module declares one."""

from __future__ import annotations

from feast import FeatureView, OnDemandFeatureView

from feature_repo.views.behavioural import VIEW as BEHAVIOURAL
from feature_repo.views.location import VIEW as LOCATION
from feature_repo.views.market import VIEW as MARKET
from feature_repo.views.property import VIEW as PROPERTY
from feature_repo.views.temporal import VIEW as TEMPORAL
from feature_repo.views.transactional import VIEW as TRANSACTIONAL

__all__ = [
    "BEHAVIOURAL",
    "LOCATION",
    "MARKET",
    "PROPERTY",
    "SNAPSHOT_VIEWS",
    "TEMPORAL",
    "TRANSACTIONAL",
    "VIEWS",
    "View",
]

View = FeatureView | OnDemandFeatureView

SNAPSHOT_VIEWS: tuple[FeatureView, ...] = (BEHAVIOURAL, TRANSACTIONAL, PROPERTY, LOCATION, MARKET)
VIEWS: tuple[View, ...] = (*SNAPSHOT_VIEWS, TEMPORAL)
