"""The declarations through the real Feast: its command, its registry, its retrieval."""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from feast import FeatureStore, FeatureView
from feast.repo_operations import get_repo_files
from feast.type_map import feast_value_type_to_pa

from feature_repo.cadence import cadence_of
from feature_repo.fields import features_of
from feature_repo.home import home
from feature_repo.services import MOVE_PROBABILITY_V1
from feature_repo.store import open_store
from feature_repo.stores.online import redis_address
from feature_repo.views import BEHAVIOURAL, SNAPSHOT_VIEWS, TEMPORAL, TRANSACTIONAL, VIEWS

REPO = Path(__file__).parents[2] / "feature_repo"


@pytest.fixture
def store(applied_home: Path, monkeypatch: pytest.MonkeyPatch) -> FeatureStore:
    monkeypatch.setenv("TIDEMARK_HOME", str(applied_home))
    monkeypatch.chdir(applied_home.parent)
    return open_store()


def write_snapshot(home: Path, view: FeatureView, day: str, **values: object) -> None:
    """One row: the values given, null in all other features."""
    stands_at = datetime.fromisoformat(day).replace(tzinfo=UTC) + timedelta(days=1)
    row = {**values, "event_timestamp": stands_at, "created_timestamp": stands_at + cadence_of(view).lag}
    instant = pa.timestamp("us", "UTC")
    schema = pa.schema(
        [
            *((field.name, feast_value_type_to_pa(field.dtype.to_value_type())) for field in view.entity_columns),
            *((field.name, feast_value_type_to_pa(field.dtype.to_value_type())) for field in view.features),
            ("event_timestamp", instant),
            ("created_timestamp", instant),
        ]
    )
    folder = home / "features" / view.name / f"snapshot_on={day}"
    folder.mkdir(parents=True, exist_ok=True)
    pq.write_table(pa.Table.from_pylist([row], schema), folder / "part.parquet")


def test_feast_looks_into_definitions_alone() -> None:
    assert get_repo_files(REPO) == [REPO / "definitions.py"]


def test_the_home_does_not_depend_on_the_working_directory(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.delenv("TIDEMARK_HOME", raising=False)
    assert home() == REPO.parent / ".tidemark"
    monkeypatch.setenv("TIDEMARK_HOME", "other")
    assert home() == REPO.parent / "other"
    monkeypatch.setenv("TIDEMARK_HOME", str(tmp_path))
    assert home() == tmp_path


def test_redis_is_where_the_environment_says(store: FeatureStore, monkeypatch: pytest.MonkeyPatch) -> None:
    assert store.config.online_store.connection_string == redis_address()
    monkeypatch.setenv("TIDEMARK_REDIS", "elsewhere:6379,db=1")
    assert open_store().config.online_store.connection_string == "elsewhere:6379,db=1"


def test_the_command_and_python_see_the_same_store(
    feast: Callable[[str], str], applied_home: Path, store: FeatureStore
) -> None:
    assert [file.name for file in applied_home.glob("*.db")] == ["registry.db"]
    listed = feast("feature-views list")
    for view in VIEWS:
        assert view.name in listed
    for view in SNAPSHOT_VIEWS:
        stored = store.get_feature_view(view.name)
        assert stored.features == view.features
        assert stored.batch_source.path == str(applied_home / "features" / view.name)
    assert features_of(store.get_on_demand_feature_view("temporal")) == features_of(TEMPORAL)
    assert "No changes to registry" in feast("plan")


# ibis 12 asks DuckDB 2 for Arrow tables by their old name
@pytest.mark.filterwarnings(r"ignore:fetch_arrow_table\(\) is deprecated:DeprecationWarning")
def test_a_training_set_takes_the_newest_snapshot_known_and_the_moment_of_each_row(
    applied_home: Path, store: FeatureStore
) -> None:
    for day, opens in (("2024-01-05", 5), ("2024-01-06", 6)):
        write_snapshot(applied_home, BEHAVIOURAL, day, customer_id=1, doc_access_count_7d=opens)
    write_snapshot(applied_home, TRANSACTIONAL, "2024-01-06", customer_id=1, deal_count_total=2)

    moments = [
        datetime(2024, 1, 7, 1, tzinfo=UTC),  # the snapshot of the 6th stands, but is not yet promised
        datetime(2024, 1, 7, 3, tzinfo=UTC),
        datetime(2024, 1, 13, 23, tzinfo=UTC),
        datetime(2024, 2, 7, 1, tzinfo=UTC),  # older than the views' life
    ]
    rows = pd.DataFrame({"customer_id": 1, "event_timestamp": moments, "request_timestamp": moments})
    found = store.get_historical_features(
        rows, features=store.get_feature_service("move_probability_v1"), filter_by_created_timestamp=True
    ).to_df()

    inputs = [field.name for view in MOVE_PROBABILITY_V1.feature_view_projections for field in view.features]
    assert [name for name in found.columns if name not in rows.columns] == inputs
    found = found.sort_values("event_timestamp")
    expected = {
        "doc_access_count_7d": [5, 6, 6, None],
        "deal_count_total": [None, 2, 2, None],
        "month_of_year": [1, 1, 1, 2],
    }
    for name, values in expected.items():
        assert [None if pd.isna(value) else value for value in found[name]] == values


def test_the_temporal_view_answers_online_from_the_request_alone(store: FeatureStore) -> None:
    moment = datetime(2024, 3, 2, 18, 30, 59, 999_999, tzinfo=UTC)
    found = store.get_online_features(
        features=["temporal:hour_of_day", "temporal:is_weekend", "temporal:hour_sin"],
        entity_rows=[{"request_timestamp": moment}],
    ).to_dict()
    assert found == {"hour_of_day": [18], "is_weekend": [True], "hour_sin": [-1.0]}
