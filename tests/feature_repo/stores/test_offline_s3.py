from __future__ import annotations

import socket
from collections.abc import Iterator
from datetime import timedelta

import pyarrow.fs as pafs
import pyarrow.parquet as pq
import pytest
from feast.infra.offline_stores.file_source import SavedDatasetFileStorage
from moto.server import ThreadedMotoServer
from offline_project import asking, balances, day, store_at, view_of

from feature_repo.stores.offline import AsofOfflineStore

BALANCE = ["account:balance"]


@pytest.fixture(scope="module")
def endpoint() -> Iterator[str]:
    """A server that speaks S3, on a port of its own."""
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    server = ThreadedMotoServer(ip_address="127.0.0.1", port=port, verbose=False)
    server.start()
    yield f"http://127.0.0.1:{port}"
    server.stop()


@pytest.fixture
def bucket(endpoint, monkeypatch, request):
    """An empty bucket, and credentials where Arrow looks for them."""
    for name, value in {
        "AWS_ACCESS_KEY_ID": "someone",
        "AWS_SECRET_ACCESS_KEY": "something",
        "AWS_DEFAULT_REGION": "us-east-1",
        "AWS_EC2_METADATA_DISABLED": "true",
    }.items():
        monkeypatch.setenv(name, value)
    filesystem = pafs.S3FileSystem(endpoint_override=endpoint, allow_bucket_creation=True)
    name = f"bucket-{abs(hash(request.node.name))}"
    filesystem.create_dir(name)
    return filesystem, name


def lay(bucket, path: str, rows) -> None:
    filesystem, name = bucket
    pq.write_table(balances(rows), f"{name}/{path}", filesystem=filesystem)


@pytest.mark.parametrize("path", ["history", "history/**/*.parquet", "history/day=2024-01-0?/part.parquet"])
def test_a_history_on_s3_is_read(tmp_path, endpoint, bucket, path):
    for number in (1, 2, 3):
        rows = [(1, day(number), day(number), number), (2, day(number), day(number), -number)]
        lay(bucket, f"history/day=2024-01-0{number}/part.parquet", rows)
    view = view_of(f"s3://{bucket[1]}/{path}", ttl=timedelta(days=1), s3_endpoint_override=endpoint)
    store = store_at(tmp_path, [view])
    answer = store.get_historical_features(asking((2, day(2)), (1, day(4)), (1, day(5))), BALANCE).to_arrow()
    assert answer["balance"].to_pylist() == [-2, 3, None]


def test_rows_are_added_on_s3(tmp_path, endpoint, bucket):
    lay(bucket, "one.parquet", [(1, day(1), day(1), 10)])
    lay(bucket, "several/day=2024-01-01/part.parquet", [(1, day(1), day(1), 10)])
    for name, extra in (("one.parquet", {}), ("several", {"day": ["2024-01-02"]})):
        (tmp_path / name).mkdir()
        view = view_of(f"s3://{bucket[1]}/{name}", s3_endpoint_override=endpoint)
        store = store_at(tmp_path / name, [view])
        added = balances([(1, day(2), day(2), 20)])
        for column, values in extra.items():
            added = added.append_column(column, [values])
        AsofOfflineStore.offline_write_batch(store.config, store.get_feature_view("account"), added, None)
        answer = store.get_historical_features(asking((1, day(1)), (1, day(2))), BALANCE).to_arrow()
        assert answer["balance"].to_pylist() == [10, 20]


@pytest.mark.filterwarnings("ignore:Saving dataset is an experimental feature")
@pytest.mark.parametrize("place", ["saved.parquet", "saved"])
def test_a_dataset_is_saved_on_s3(tmp_path, endpoint, bucket, place):
    lay(bucket, "history.parquet", [(1, day(1), day(1), 10)])
    view = view_of(f"s3://{bucket[1]}/history.parquet", s3_endpoint_override=endpoint)
    store = store_at(tmp_path, [view], block_rows=1)
    job = store.get_historical_features(asking((1, day(2)), (1, day(1))), BALANCE)
    storage = SavedDatasetFileStorage(path=f"s3://{bucket[1]}/{place}", s3_endpoint_override=endpoint)
    saved = store.create_saved_dataset(from_=job, name="training", storage=storage)
    assert saved.to_df()["balance"].tolist() == [10, 10]
    job.persist(storage, allow_overwrite=True)
    assert saved.to_df()["balance"].tolist() == [10, 10]
