"""A home that was moved or copied, with views in its registry."""

from __future__ import annotations

import shutil
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from feast import Entity, FeatureService, FeatureStore, FeatureView, Field, FileSource, ValueType
from feast.types import Int64

from feature_repo.services import CONTACT_TIMING_V1
from feature_repo.store import open_store

SHOP = Entity(name="shop", join_keys=["shop_id"], value_type=ValueType.INT64)


def view_over(name: str, path: Path) -> FeatureView:
    return FeatureView(
        name=name,
        entities=[SHOP],
        source=FileSource(name=f"{name}_rows", path=str(path), timestamp_field="at"),
        schema=[Field(name="shop_id", dtype=Int64), Field(name="visits", dtype=Int64)],
    )


@pytest.fixture
def copied(applied_home: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> FeatureStore:
    """The store of a copied home, in whose registry a user put two views: over files in the home, and elsewhere."""
    shutil.copytree(applied_home, tmp_path / "home")
    monkeypatch.setenv("TIDEMARK_HOME", str(tmp_path / "home"))
    for folder in (tmp_path / "home" / "mine", tmp_path / "lake"):
        folder.mkdir()
        pq.write_table(
            pa.table({"shop_id": [1], "visits": [2], "at": pa.array([0], pa.timestamp("us", "UTC"))}),
            folder / "a.parquet",
        )
    views = [view_over("inside", tmp_path / "home" / "mine"), view_over("outside", tmp_path / "lake")]
    open_store().apply([SHOP, *views, FeatureService(name="both", features=views)])
    shutil.copytree(tmp_path / "home", tmp_path / "copy")
    monkeypatch.setenv("TIDEMARK_HOME", str(tmp_path / "copy"))
    return open_store()


def paths(store: FeatureStore, service: str) -> dict[str, Path]:
    """Where each view of a service reads, by the service itself and by the view."""
    found = {}
    for projection in store.get_feature_service(service).feature_view_projections:
        if projection.batch_source is not None:
            found[projection.name] = Path(projection.batch_source.path)
            assert store.get_feature_view(projection.name).batch_source.path == projection.batch_source.path
    return found


def test_the_views_of_a_copied_home_read_its_own_snapshots(copied: FeatureStore, tmp_path: Path) -> None:
    assert paths(copied, CONTACT_TIMING_V1.name) == {"behavioural": tmp_path / "copy" / "features" / "behavioural"}
    assert str(tmp_path / "home").encode() not in (tmp_path / "copy" / "registry.db").read_bytes()


def test_a_users_view_follows_the_home_if_its_files_lie_there(copied: FeatureStore, tmp_path: Path) -> None:
    assert paths(copied, "both") == {"inside": tmp_path / "copy" / "mine", "outside": tmp_path / "lake"}


def test_the_registry_of_the_other_home_stays_as_it_is(
    copied: FeatureStore, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("TIDEMARK_HOME", str(tmp_path / "home"))
    assert paths(open_store(), "both")["inside"] == tmp_path / "home" / "mine"


def test_a_home_under_two_names_is_one_home(
    applied_home: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    shutil.copytree(applied_home, tmp_path / "home")
    monkeypatch.setenv("TIDEMARK_HOME", str(tmp_path / "home"))
    before = paths(open_store(), CONTACT_TIMING_V1.name)
    (tmp_path / "link").symlink_to(tmp_path / "home")
    monkeypatch.setenv("TIDEMARK_HOME", str(tmp_path / "link"))
    assert paths(open_store(), CONTACT_TIMING_V1.name) == before
