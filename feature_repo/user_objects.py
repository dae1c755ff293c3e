"""What users have applied to the registry themselves, which `feast apply` of our declarations must not delete.

Feast deletes whatever is registered and not declared. Our own objects therefore bear a tag: what bears it and is no
longer declared may go, unless its domain is not active now. Everything else is the users', or of an extension that is
not loaded now, and is handed to Feast as if it were declared here.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

from feast import FeatureStore, FeatureView
from feast.data_source import DataSource

from feature_repo.catalogues import is_wanted

TAG = "declared_in"
OURS = "feature_repo"
_SOURCES = ("batch_source", "stream_source", "source")


def mark(declared: Iterable[Any]) -> None:
    """Tag our objects, and the sources of our views, as ours."""
    for item in declared:
        item.tags = {**(item.tags or {}), TAG: OURS}
        if isinstance(item, FeatureView) and item.batch_source is not None:
            mark([item.batch_source])


def user_objects(store: FeatureStore, declared: Iterable[Any]) -> Mapping[str, Any]:
    """The registered objects that are neither declared nor tagged as ours, by a name for each."""
    declared = list(declared)
    read = [item.batch_source for item in declared if isinstance(item, FeatureView)]
    sources = {source.name: source for source in read if source is not None}
    known = {(_kind(item), item.name) for item in [*declared, *sources.values()]}
    objects = {
        f"{_kind(item)}_{item.name}": item
        for item in _registered(store)
        if (_kind(item), item.name) not in known and not _is_gone(item)
    }
    # Feast takes two objects of one name for two sources, even if they are equal.
    sources |= {item.name: item for item in objects.values() if isinstance(item, DataSource)}
    for item in objects.values():
        for attribute in _SOURCES:
            source = getattr(item, attribute, None)
            if isinstance(source, DataSource) and not isinstance(item, DataSource):
                setattr(item, attribute, sources.setdefault(source.name, source))
    return objects


def _is_gone(item: Any) -> bool:
    """Whether it was ours and is declared no longer; what belongs to a domain that is not active waits for it."""
    return (item.tags or {}).get(TAG) == OURS and is_wanted(item)


def _registered(store: FeatureStore) -> Iterable[Any]:
    registry, project = store.registry, store.project
    for listed in (
        registry.list_data_sources,
        registry.list_entities,
        registry.list_feature_views,
        registry.list_stream_feature_views,
        registry.list_on_demand_feature_views,
        registry.list_label_views,
        registry.list_feature_services,
        registry.list_permissions,
    ):
        yield from listed(project)


def _kind(item: Any) -> str:
    return "source" if isinstance(item, DataSource) else type(item).__name__
