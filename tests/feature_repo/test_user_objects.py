"""`feast apply` keeps what users applied themselves, and still removes what we no longer declare."""

from __future__ import annotations

import shutil
from collections.abc import Callable
from pathlib import Path

import pytest
from feast import Entity, FeatureService, FeatureStore, FeatureView, Field, FileSource, ValueType
from feast.types import Int64

from feature_repo.store import open_store
from feature_repo.stores.private_redis import running
from feature_repo.user_objects import OURS, TAG
from feature_repo.views import MARKET

SHOP = Entity(name="shop", join_keys=["shop_id"], value_type=ValueType.INT64)


def view_of_users(name: str, source: FileSource) -> FeatureView:
    schema = [Field(name="shop_id", dtype=Int64), Field(name=f"{name}_count", dtype=Int64)]
    return FeatureView(name=name, entities=[SHOP], source=source, schema=schema)


@pytest.fixture
def store(applied_home: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> FeatureStore:
    """A home of its own, with the declarations in its registry."""
    shutil.copytree(applied_home, tmp_path / "home")
    monkeypatch.setenv("TIDEMARK_HOME", str(tmp_path / "home"))
    return open_store()


@pytest.fixture
def apply(feast: Callable[..., str], store: FeatureStore, tmp_path: Path) -> Callable[[], FeatureStore]:
    def run() -> FeatureStore:
        feast("apply", home=tmp_path / "home")
        return open_store()

    return run


def test_services_views_and_sources_of_users_survive_unchanged(
    store: FeatureStore, apply: Callable[[], FeatureStore], tmp_path: Path
) -> None:
    rows = FileSource(name="rows", path=str(tmp_path / "rows"), timestamp_field="at")
    visits, sales = view_of_users("visits", rows), view_of_users("sales", rows)  # two views over one source
    ours = FeatureService(name="of_ours", features=[MARKET])
    both = FeatureService(name="of_theirs", features=[visits, sales], tags={"team": "pricing"})
    store.apply([SHOP, visits, sales, ours, both])
    before = {view.name: view for view in store.list_feature_views()}
    after = apply()
    assert {view.name: view for view in after.list_feature_views()} == before
    assert after.get_feature_service("of_theirs") == both
    assert [part.name for part in after.get_feature_service("of_ours").feature_view_projections] == ["market"]
    assert after.get_entity("shop") == SHOP
    assert after.get_data_source("rows") == rows


def test_a_view_of_a_user_over_our_snapshots_survives(store: FeatureStore, apply: Callable[[], FeatureStore]) -> None:
    prices = FeatureView(
        name="prices",
        entities=[store.get_entity("region")],
        source=store.get_data_source("market_snapshots"),
        schema=[Field(name="region_id", dtype=Int64), Field(name="median_sale_price", dtype=Int64)],
    )
    store.apply([prices])
    after = apply()
    assert after.get_feature_view("prices").batch_source == after.get_feature_view("market").batch_source


def test_what_bears_our_tag_and_is_not_declared_any_more_is_removed(
    store: FeatureStore, apply: Callable[[], FeatureStore], tmp_path: Path
) -> None:
    rows = FileSource(name="rows", path=str(tmp_path / "rows"), timestamp_field="at", tags={TAG: OURS})
    retired = view_of_users("retired", rows)
    retired.tags = {TAG: OURS}
    store.apply([SHOP, retired])
    with running(tmp_path / "home"):  # whence Feast removes what is served of it
        after = apply()
    assert "retired" not in [view.name for view in after.list_feature_views()]
    assert "rows" not in [source.name for source in after.list_data_sources()]
    assert after.get_entity("shop") == SHOP
    assert {view.tags[TAG] for view in after.list_feature_views()} == {OURS}
