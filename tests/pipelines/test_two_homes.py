"""Two homes in one process: what is written in one is not seen in the other, whatever the environment says."""

from __future__ import annotations

from contextlib import ExitStack
from datetime import UTC, date, datetime, timedelta
from pathlib import Path

import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from feast.type_map import feast_value_type_to_pa

from feature_repo.definitions import objects_in
from feature_repo.store import open_store
from feature_repo.stores.private_redis import running
from feature_repo.views import BEHAVIOURAL
from pipelines.computation.days import Days
from pipelines.online import registered, window_of, write
from pipelines.snapshots import SnapshotStore
from training.deployed import registry_address

DAY = date(2024, 3, 4)
MIDNIGHT = datetime(2024, 3, 5, tzinfo=UTC)
FEATURE = "doc_access_count_7d"


@pytest.fixture
def homes(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> dict[Path, int]:
    """Two homes, with the feature's value of customer 1 in each; the environment names a third that cannot be."""
    monkeypatch.setenv("TIDEMARK_HOME", "/dev/null/home")
    monkeypatch.delenv("TIDEMARK_REDIS", raising=False)
    monkeypatch.delenv("TIDEMARK_MLFLOW", raising=False)
    return {tmp_path / "a home": 10, tmp_path / "another": 20}


def publish(home: Path, value: int) -> None:
    kinds = {field.name: feast_value_type_to_pa(field.dtype.to_value_type()) for field in BEHAVIOURAL.features}
    columns = {name: pa.nulls(1, kind) for name, kind in kinds.items()}
    columns |= {FEATURE: pa.array([value], kinds[FEATURE]), "customer_id": pa.array([1], pa.int64())}
    for name, moment in (("event_timestamp", MIDNIGHT), ("created_timestamp", MIDNIGHT + timedelta(hours=3))):
        columns[name] = pa.array([moment], pa.timestamp("us", "UTC"))
    file = SnapshotStore(home).published(BEHAVIOURAL.name, DAY)
    file.parent.mkdir(parents=True)
    pq.write_table(pa.table(columns), file)


# ibis 12 asks DuckDB 2 for Arrow tables by their old name
@pytest.mark.filterwarnings(r"ignore:fetch_arrow_table\(\) is deprecated:DeprecationWarning")
def test_features_are_written_and_read_in_two_homes_at_once(homes: dict[Path, int]) -> None:
    stores = {home: open_store(home) for home in homes}
    asked = pd.DataFrame({"customer_id": [1], "event_timestamp": [MIDNIGHT + timedelta(hours=4)]})
    reference = f"{BEHAVIOURAL.name}:{FEATURE}"
    with ExitStack() as servers:
        for home, value in homes.items():
            servers.enter_context(running(home))
            stores[home].apply(objects_in(home))
            publish(home, value)
            view = registered(stores[home], BEHAVIOURAL.name)
            window = window_of(SnapshotStore(home), view, Days(DAY, DAY))
            assert window is not None
            write(stores[home], view, window)
        offline = {
            home: store.get_historical_features(asked, [reference]).to_df()[FEATURE].tolist()
            for home, store in stores.items()
        }
        online = {
            home: store.get_online_features([reference], [{"customer_id": 1}]).to_dict()[FEATURE]
            for home, store in stores.items()
        }
    assert offline == online == {home: [value] for home, value in homes.items()}
    for home, store in stores.items():
        assert store.get_feature_view(BEHAVIOURAL.name).batch_source.path == str(home / "features" / BEHAVIOURAL.name)
        assert registry_address(home) == f"sqlite:///{home}/mlflow.db"
