from __future__ import annotations

from datetime import timedelta

import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from feast import FeatureService, FeatureView, Field, FileSource, PushSource
from feast.data_format import DeltaFormat, ParquetFormat
from feast.data_source import PushMode
from feast.errors import FeastJoinKeysDuringMaterialization
from feast.feature_logging import LoggingConfig
from feast.infra.offline_stores.file_source import FileLoggingDestination
from feast.types import Float64, Int64
from offline_project import CUSTOMER, asking, balances, day, store_at, view_of, write

from feature_repo.stores.asof import pulls
from feature_repo.stores.offline import AsofOfflineStore

BALANCE = ["account:balance"]
COLUMNS = ["customer", "event", "created", "balance"]


def balance_of(store, *asked) -> list:
    return store.get_historical_features(asking(*asked), BALANCE).to_arrow()["balance"].to_pylist()


def rows_of(table: pa.Table) -> list[tuple]:
    return [tuple(row.values()) for row in table.select(COLUMNS).to_pylist()]


def test_rows_written_to_a_file_come_last(tmp_path):
    first = [(1, day(1), day(1), 10), (2, day(1), day(1), 20)]
    path = write(tmp_path / "account.parquet", first, row_group_size=1)
    store = store_at(tmp_path, [view_of(path)])
    later = [(1, day(1), day(1), 11), (3, day(2), None, 30)]
    store.write_to_offline_store("account", balances(later).to_pandas()[[*reversed(COLUMNS)]])
    assert rows_of(pq.read_table(path)) == [*first, *later]
    assert pq.read_schema(path).equals(balances(first).schema)
    assert balance_of(store, (1, day(2)), (2, day(2)), (3, day(2))) == [11, 20, 30]
    assert {file.name for file in tmp_path.iterdir()} == {"account.parquet", "registry.db", "online.db"}


def test_rows_written_to_a_folder_are_a_further_file(tmp_path):
    write(tmp_path / "account" / "part.parquet", [(1, day(1), day(1), 10)])
    store = store_at(tmp_path, [view_of(tmp_path / "account")])
    for balance in (11, 12):
        store.write_to_offline_store("account", balances([(1, day(1), day(1), balance)]).to_pandas())
        assert balance_of(store, (1, day(2))) == [balance]
    assert len(list((tmp_path / "account").iterdir())) == 3


def test_rows_written_to_partitions_go_where_they_belong(tmp_path):
    for number in (1, 2):
        folder = tmp_path / "account" / f"region={number}" / f"on={day(number).date()}"
        write(folder / "part.parquet", [(number, day(number), day(number), number)])
    store = store_at(tmp_path, [view_of(tmp_path / "account")])
    table = balances([(2, day(2), day(2), 20), (3, day(3), day(3), 30)])
    table = table.append_column("region", pa.array([2, 3])).append_column("on", pa.array(["2024-01-02", "2024-01-03"]))
    store.write_to_offline_store("account", table.to_pandas())
    assert balance_of(store, (1, day(9)), (2, day(9)), (3, day(9))) == [1, 20, 30]
    folders = {str(file.parent.relative_to(tmp_path / "account")) for file in tmp_path.rglob("*.parquet")}
    assert folders == {"region=1/on=2024-01-01", "region=2/on=2024-01-02", "region=3/on=2024-01-03"}
    assert "region" not in pq.ParquetFile(next((tmp_path / "account" / "region=3").rglob("*.parquet"))).schema.names


@pytest.mark.parametrize("place", ["new.parquet", "new"])
def test_the_first_rows_make_the_file(tmp_path, place):
    store = store_at(tmp_path, [view_of(tmp_path / place)])
    AsofOfflineStore.offline_write_batch(
        store.config, store.get_feature_view("account"), balances([(1, day(1), day(1), 10)]), None
    )
    assert balance_of(store, (1, day(2))) == [10]


def test_rows_of_other_columns_are_refused(tmp_path):
    path = write(tmp_path / "account.parquet", [(1, day(1), day(1), 10)])
    store = store_at(tmp_path, [view_of(path)])
    with pytest.raises(ValueError, match="expected the columns customer, event, created, balance, found customer"):
        AsofOfflineStore.offline_write_batch(
            store.config, store.get_feature_view("account"), balances([]).select(["customer"]), None
        )


def test_a_pattern_is_no_place_to_write_to(tmp_path):
    write(tmp_path / "account" / "part.parquet", [(1, day(1), day(1), 10)])
    store = store_at(tmp_path, [view_of(tmp_path / "account" / "*.parquet")])
    with pytest.raises(ValueError, match="found a pattern"):
        AsofOfflineStore.offline_write_batch(store.config, store.get_feature_view("account"), balances([]), None)


def test_what_is_pushed_is_in_the_history(tmp_path):
    path = write(tmp_path / "account.parquet", [(1, day(1), day(1), 10)])
    view = view_of(path)
    source = PushSource(name="pushed", batch_source=view.batch_source)
    pushed = FeatureView(
        name="account", entities=[CUSTOMER], ttl=None, schema=[Field(name="balance", dtype=Int64)], source=source
    )
    store = store_at(tmp_path, [pushed])
    store.push("pushed", balances([(1, day(2), day(2), 20)]).to_pandas(), to=PushMode.OFFLINE)
    assert balance_of(store, (1, day(1)), (1, day(2))) == [10, 20]


def test_materializing_takes_the_latest_of_each_key(tmp_path):
    rows = [
        (1, day(1), day(1), 10),
        (1, day(3), day(3), 30),
        (1, day(3), day(4), 31),
        (1, day(3), None, 32),
        (1, day(9), day(9), 90),
        (2, day(2), day(2), 20),
        (3, None, day(2), 60),
    ]
    path = write(tmp_path / "account.parquet", rows, row_group_size=2)
    store = store_at(tmp_path, [view_of(path)])
    source = store.get_feature_view("account").batch_source
    latest = AsofOfflineStore.pull_latest_from_table_or_query(
        store.config, source, ["customer"], ["balance"], "event", "created", day(1), day(3)
    )
    assert rows_of(latest.to_arrow()) == [(1, day(3), day(4), 31), (2, day(2), day(2), 20)]
    store.materialize(day(1), day(3))
    online = store.get_online_features(BALANCE, [{"customer": 1}, {"customer": 2}, {"customer": 3}]).to_dict()
    assert online["balance"] == [31, 20, None]


def test_the_latest_of_many_keys_come_some_at_a_time(tmp_path, monkeypatch):
    monkeypatch.setattr(pulls, "_KEYS_AT_A_TIME", 4)
    rows = [(number % 10, day(1 + number // 10), day(1), number) for number in range(25)]
    store = store_at(tmp_path, [view_of(write(tmp_path / "account.parquet", rows, row_group_size=3))])
    source = store.get_feature_view("account").batch_source
    latest = AsofOfflineStore.pull_latest_from_table_or_query(
        store.config, source, ["customer"], ["balance"], "event", "created", day(1), day(9)
    )
    assert [batch.num_rows for batch in latest.to_record_batches(3)] == [3, 1, 3, 1, 2]
    assert sorted(latest.to_arrow()["balance"].to_pylist()) == list(range(15, 25))


def test_a_row_without_a_key_is_the_latest_of_nothing(tmp_path):
    path = write(tmp_path / "account.parquet", [(None, day(2), day(2), 50), (1, day(1), day(1), 10)])
    store = store_at(tmp_path, [view_of(path)])
    source = store.get_feature_view("account").batch_source
    latest = AsofOfflineStore.pull_latest_from_table_or_query(
        store.config, source, ["customer"], ["balance"], "event", "created", day(1), day(3)
    )
    assert rows_of(latest.to_arrow()) == [(1, day(1), day(1), 10)]


def test_a_view_without_entities_is_materialized(tmp_path):
    table = pa.table({"event": pa.array([day(1), day(2)], pa.timestamp("us", "UTC")), "rate": [6.5, 6.9]})
    pq.write_table(table, tmp_path / "market.parquet")
    source = FileSource(path=str(tmp_path / "market.parquet"), timestamp_field="event", file_format=ParquetFormat())
    store = store_at(tmp_path, [FeatureView(name="market", schema=[Field(name="rate", dtype=Float64)], source=source)])
    store.materialize(day(1), day(3))
    assert store.get_online_features(["market:rate"], {"__dummy_id": [""]}).to_dict()["rate"] == [6.9]


def test_a_pull_takes_all_rows_of_a_span_with_both_ends(tmp_path):
    rows = [(number % 3, day(number), day(number), number) for number in range(1, 10)]
    path = write(tmp_path / "account.parquet", rows, row_group_size=2)
    store = store_at(tmp_path, [view_of(path)])
    source = store.get_feature_view("account").batch_source

    def pulled(*span) -> list:
        job = AsofOfflineStore.pull_all_from_table_or_query(
            store.config, source, ["customer"], ["balance"], "event", "created", *span
        )
        return job.to_arrow()["balance"].to_pylist()

    assert pulled(day(3), day(5)) == [3, 4, 5]
    assert pulled(None, day(2).replace(tzinfo=None)) == [1, 2]
    assert pulled(day(8), None) == [8, 9]
    assert pulled() == list(range(1, 10))
    assert pulled(day(3, hours=1), day(3, hours=2)) == []
    everything = AsofOfflineStore.pull_all_from_table_or_query(store.config, source, ["customer"], [], "event")
    assert sorted(everything.to_arrow().column_names) == sorted(COLUMNS)
    with pytest.raises(FeastJoinKeysDuringMaterialization, match="person"):
        AsofOfflineStore.pull_all_from_table_or_query(store.config, source, ["person"], [], "event").to_arrow()


@pytest.mark.parametrize("partition_by", [None, ["__log_date"]])
def test_logged_features_are_read_back(tmp_path, partition_by):
    view = view_of(write(tmp_path / "account.parquet", [(1, day(1), day(1), 10)]), ttl=timedelta(days=1))
    destination = FileLoggingDestination(path="logs", partition_by=partition_by)
    service = FeatureService(name="service", features=[view], logging_config=LoggingConfig(destination=destination))
    store = store_at(tmp_path, [view, service])

    def logged(number: int) -> pa.Table:
        return pa.table(
            {
                "customer": [number],
                "account__balance": [10 * number],
                "account__balance__timestamp": pa.array([day(1)], pa.timestamp("us", "UTC")),
                "account__balance__status": pa.array([2], pa.int32()),
                "__log_timestamp": pa.array([day(number)], pa.timestamp("us", "UTC")),
                "__log_date": pa.array([day(number).date()], pa.date32()),
                "__request_id": [str(number)],
            }
        )

    store.write_logged_features(logged(1), service)
    folder = tmp_path / "kept"
    folder.mkdir()
    pq.write_table(logged(2), folder / "0.parquet")
    store.write_logged_features(folder, service)
    job = store._get_provider().retrieve_feature_service_logs(service, day(1), day(5), store.config, store.registry)
    frame = job.to_df().sort_values("customer")
    assert frame["account__balance"].tolist() == [10, 20]
    assert pd.to_datetime(frame["__log_date"]).dt.day.tolist() == [1, 2]


def test_only_parquet_is_read(tmp_path):
    view = view_of(tmp_path / "account")
    view.batch_source.file_options.file_format = DeltaFormat()
    store = store_at(tmp_path, [view])
    with pytest.raises(TypeError, match="expected Parquet, found DeltaFormat"):
        balance_of(store, (1, day(1)))
