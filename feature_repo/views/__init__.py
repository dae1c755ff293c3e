"""The views: each module declares one."""

from __future__ import annotations

from collections.abc import Sequence
from typing import overload

from feast import FeatureView, OnDemandFeatureView

from feature_repo.cadence import cadence_of
from feature_repo.catalogues import Catalogue
from feature_repo.entities import key_type_fault
from feature_repo.fields import contract_of, features_of
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


def _check(view: View) -> str:
    try:
        cadence_of(view)
        for field in features_of(view):
            contract_of(field)
    except ValueError as problem:
        return str(problem)
    return key_type_fault(view) if isinstance(view, FeatureView) else ""


VIEWS: Catalogue[View] = Catalogue(
    "VIEWS",
    (BEHAVIOURAL, TRANSACTIONAL, PROPERTY, LOCATION, MARKET, TEMPORAL),
    (FeatureView, OnDemandFeatureView),
    check=_check,
)


class _SnapshotViews(Sequence[FeatureView]):
    """The views whose snapshots are stored."""

    def __len__(self) -> int:
        return len(self._all())

    @overload
    def __getitem__(self, place: int) -> FeatureView: ...
    @overload
    def __getitem__(self, place: slice) -> tuple[FeatureView, ...]: ...
    def __getitem__(self, place: int | slice) -> FeatureView | tuple[FeatureView, ...]:
        return self._all()[place]

    def _all(self) -> tuple[FeatureView, ...]:
        return tuple(view for view in VIEWS if isinstance(view, FeatureView))


SNAPSHOT_VIEWS: Sequence[FeatureView] = _SnapshotViews()
