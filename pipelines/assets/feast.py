"""What Feast and readers get: the registry, and pages on the results of validations."""

from collections.abc import Mapping
from pathlib import Path

import dagster as dg

from expectations.docs import build
from feature_repo.definitions import objects_in
from feature_repo.store import open_store
from pipelines.assets.features import feature_keys
from pipelines.resources import Platform


@dg.asset(
    group_name="feast",
    description="Feast's registry: entities, views and services as the code declares them. The same as `feast apply`.",
    owners=["team:data-engineering"],
    kinds={"feast", "sqlite"},
)
def feast_registry(platform: Platform) -> dg.MaterializeResult:
    """Apply the declarations."""
    return dg.MaterializeResult(metadata=register(platform.home))


def register(home: Path) -> Mapping[str, list[str] | int]:
    """Apply the declarations to the registry of a home; gives what it holds then."""
    store = open_store(home)
    store.apply(objects_in(home))
    views = [*store.list_feature_views(), *store.list_on_demand_feature_views()]
    return {
        "views": [view.name for view in views],
        "features": sum(len(view.features) for view in views),
        "services": [service.name for service in store.list_feature_services()],
    }


def data_docs_asset() -> dg.AssetsDefinition:
    """The pages, after all views."""

    @dg.asset(
        deps=feature_keys(),
        group_name="feast",
        description="Great Expectations' pages: the latest validations of each view, and the latest that failed.",
        owners=["team:data-engineering"],
        kinds={"greatexpectations", "html"},
    )
    def data_docs(platform: Platform) -> dg.MaterializeResult:
        """Render what was kept of the validations."""
        index = build(platform.home)
        return dg.MaterializeResult(metadata={"pages": dg.MetadataValue.url(index.as_uri())})

    return data_docs
