"""What the registry says that a feature service consists of."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from feast import FeatureService, FeatureStore, FeatureView, OnDemandFeatureView
from feast.base_feature_view import BaseFeatureView
from feast.feature_view_projection import FeatureViewProjection
from feast.infra.online_stores.helpers import compute_versioned_name
from feast.utils import _parse_feature_ref
from feast.value_type import ValueType

Requested = FeatureService | str | Sequence[str]


@dataclass(frozen=True)
class StoredView:
    """A view in Redis: under which name, for which join keys, and the columns that requests bring for them."""

    name: str
    stored_name: str
    join_keys: tuple[tuple[str, ValueType], ...]
    asked_by: tuple[str, ...]
    ttl_micros: int


@dataclass(frozen=True)
class StoredFeature:
    """A feature in Redis, and the column that it becomes."""

    column: str
    view: StoredView
    feature: str
    kind: ValueType


@dataclass(frozen=True)
class OnDemand:
    """A view that is computed at the request: what it needs of it, and of the columns that were read."""

    name: str
    features: tuple[tuple[str, str], ...]
    request: tuple[str, ...]
    # the name that its function knows, and the column that was read
    reads: tuple[tuple[str, str], ...]
    source: str
    mode: str


@dataclass(frozen=True)
class Resolved:
    """All that a plan depends on; two that are equal need no new plan."""

    outputs: tuple[str, ...]
    stored: tuple[StoredFeature, ...]
    on_demand: tuple[OnDemand, ...]


def resolved(
    store: FeatureStore, requested: Requested, *, full_names: bool
) -> tuple[Resolved, dict[str, OnDemandFeatureView]]:
    """Look everything up in the registry itself, past Feast's cache; and the on-demand views, which hold functions."""
    versioned = store.config.registry.enable_online_feature_view_versioning
    outputs: list[str] = []
    stored: list[StoredFeature] = []
    computed: list[tuple[OnDemandFeatureView, tuple[tuple[str, str], ...]]] = []
    for projection, features in _projections(store, requested):
        view = _view(store, projection)
        columns = [f"{_used(projection)}__{feature}" if full_names else feature for feature in features]
        outputs += columns
        pairs = tuple(zip(features, columns, strict=True))
        if isinstance(view, OnDemandFeatureView):
            computed.append((view.with_projection(projection), pairs))
        else:
            stored += stored_features(view.with_projection(projection), pairs, versioned=versioned)
    if twice := [name for name, times in Counter(outputs).items() if times > 1]:
        raise ValueError(f"features of the same name in two views: {', '.join(twice)}; compile with full_names=True")
    on_demand = []
    for view, pairs in computed:
        reads = []
        for source in view.source_feature_view_projections.values():
            names = tuple((field.name, f"{_used(source)}__{field.name}") for field in source.features)
            read = stored_features(_view(store, source).with_projection(source), names, versioned=versioned)
            for name, needed in zip(names, read, strict=True):
                same = [
                    feature.column
                    for feature in stored
                    if (feature.view, feature.feature) == (needed.view, needed.feature)
                ]
                stored += [] if same else [needed]
                reads.append((name[0], same[0] if same else needed.column))
        request = tuple(field.name for source in view.source_request_sources.values() for field in source.schema)
        code: Any = view.feature_transformation
        mode = str(getattr(view.mode, "value", view.mode))
        on_demand.append(OnDemand(_used(view.projection), pairs, request, tuple(reads), code.udf_string, mode))
    return Resolved(tuple(outputs), tuple(stored), tuple(on_demand)), {_used(v.projection): v for v, _ in computed}


def _view(store: FeatureStore, projection: FeatureViewProjection) -> BaseFeatureView:
    if projection.version_tag is None:
        return store.registry.get_any_feature_view(projection.name, store.project)
    return store.registry.get_feature_view_by_version(projection.name, store.project, projection.version_tag)


def stored_features(view: BaseFeatureView, pairs: Sequence[tuple[str, str]], *, versioned: bool) -> list[StoredFeature]:
    """Some features of a view, by its projection, and the columns that they become."""
    if not isinstance(view, FeatureView):
        raise TypeError(f"view {view.name!r}: expected one that is stored, found a {type(view).__name__}")
    keys = tuple(
        sorted(((field.name, field.dtype.to_value_type()) for field in view.entity_columns), key=lambda key: key[0])
    )
    place = StoredView(
        name=_used(view.projection),
        stored_name=compute_versioned_name(view, versioned),
        join_keys=keys,
        asked_by=tuple(view.projection.join_key_map.get(name, name) for name, _ in keys),
        ttl_micros=int(view.ttl.total_seconds() * 1_000_000) if view.ttl else 0,
    )
    kinds = {field.name: field.dtype.to_value_type() for field in view.features}
    return [StoredFeature(column, place, feature, kinds[feature]) for feature, column in pairs]


def _used(projection: FeatureViewProjection) -> str:
    name: str = projection.name_to_use()  # type: ignore[no-untyped-call]
    return name


def _projections(store: FeatureStore, requested: Requested) -> list[tuple[FeatureViewProjection, list[str]]]:
    if isinstance(requested, (FeatureService, str)):
        name = requested if isinstance(requested, str) else requested.name
        service = store.registry.get_feature_service(name, store.project)
        return [
            (projection, [field.name for field in projection.features])
            for projection in service.feature_view_projections
        ]
    projections: dict[str, tuple[FeatureViewProjection, list[str]]] = {}
    for ref in requested:
        name, version, feature = _parse_feature_ref(ref)
        at = ref[: -len(feature) - 1]
        if at not in projections:
            view = store.registry.get_any_feature_view(name, store.project)
            projection = view.projection
            projection.version_tag = version
            projections[at] = (projection, [])
        projections[at][1].append(feature)
    for projection, features in projections.values():
        if unknown := set(features) - {field.name for field in projection.features}:
            raise ValueError(f"view {projection.name!r} has no feature {', '.join(sorted(unknown))}")
    return list(projections.values())
