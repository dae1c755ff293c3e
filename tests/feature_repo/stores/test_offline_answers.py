from __future__ import annotations

import pandas as pd
import polars as pl
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from feast import Field, RequestSource
from feast.errors import (
    RequestDataNotFoundInEntityDfException,
    SavedDatasetLocationAlreadyExists,
)
from feast.infra.offline_stores.file_source import SavedDatasetFileStorage
from feast.on_demand_feature_view import on_demand_feature_view
from feast.types import Float64, Int64
from offline_project import BALANCE, HISTORY, asking, balances, day, store_at, view_of, write

from feature_repo.stores.offline import AsofOfflineStore


@pytest.fixture
def history(tmp_path):
    return view_of(write(tmp_path / "account.parquet", HISTORY))


@pytest.fixture
def on_demand(history):
    def with_bonus(inputs: pd.DataFrame) -> pd.DataFrame:
        return pd.DataFrame({"total": (inputs["balance"] + inputs["bonus"]).astype("float64")})

    return on_demand_feature_view(
        name="adjusted",
        sources=[history, RequestSource(name="request", schema=[Field(name="bonus", dtype=Int64)])],
        schema=[Field(name="total", dtype=Float64)],
        mode="pandas",
    )(with_bonus)


@pytest.mark.parametrize("full_names", [False, True])
def test_on_demand_views_are_computed_for_parquet_too(tmp_path, history, on_demand, full_names):
    store = store_at(tmp_path, [history, on_demand], block_rows=1)
    entities = asking((1, day(6)), (3, day(6)), (2, day(3))).assign(bonus=[1, 2, 3])
    job = store.get_historical_features(entities, [*BALANCE, "adjusted:total"], full_feature_names=full_names)
    total = "adjusted__total" if full_names else "total"
    assert job.to_arrow()[total].to_pylist() == [21, None, 53]
    job.to_parquet(tmp_path / "answer.parquet")
    written = pq.read_table(tmp_path / "answer.parquet")
    assert written[total].to_pylist() == [21, None, 53]
    assert written[total].type == pa.float64()
    assert written.column_names == job.to_arrow().column_names


def test_the_times_of_what_answered_are_told_where_asked_for(tmp_path, history, on_demand):
    points = balances([(1, day(4), None, 7)]).rename_columns(["customer", "event", "created", "points"])
    pq.write_table(points, tmp_path / "other.parquet")
    other = view_of(tmp_path / "other.parquet", {"points": Int64}, name="other")
    store = store_at(tmp_path, [history, other, on_demand], block_rows=2)
    entities = asking((1, day(1)), (1, day(6)), (3, day(6))).assign(bonus=[1, 2, 3])
    job = store.get_historical_features(entities, [*BALANCE, "other:points", "adjusted:total"])
    told = job.to_arrow_with_times()
    assert told["balance"].to_pylist() == [11, 20, None]
    assert told["account__event_timestamp"].to_pylist() == [day(1), day(2), None]
    assert told["account__created_timestamp"].to_pylist() == [day(4), day(5), None]
    assert told["other__event_timestamp"].to_pylist() == [None, day(4), None]
    assert told["other__created_timestamp"].to_pylist() == [None, None, None]
    assert told["total"].to_pylist() == [12, 22, None]
    plain = job.to_arrow()
    assert told.select(plain.column_names).equals(plain)


def test_times_are_told_of_entity_rows_alone(tmp_path, history):
    store = store_at(tmp_path, [history])
    source = store.get_feature_view("account").batch_source
    job = AsofOfflineStore.pull_all_from_table_or_query(
        store.config, source, ["customer"], ["balance"], "event", "created"
    )
    with pytest.raises(TypeError, match="ask get_historical_features"):
        job.to_arrow_with_times()


def test_an_answer_comes_in_batches_too(tmp_path, history, on_demand):
    store = store_at(tmp_path, [history, on_demand], block_rows=3)
    entities = asking(*[(1 + number % 3, day(1 + number)) for number in range(8)]).assign(bonus=5)
    job = store.get_historical_features(entities, [*BALANCE, "adjusted:total"])
    batches = list(job.to_record_batches(2))
    assert [batch.num_rows for batch in batches] == [2, 1, 2, 1, 2]
    assert pa.Table.from_batches(batches)["total"].to_pylist() == job.to_arrow()["total"].to_pylist()


def test_request_data_that_is_missing_is_named(tmp_path, history, on_demand):
    store = store_at(tmp_path, [history, on_demand])
    with pytest.raises(RequestDataNotFoundInEntityDfException, match="bonus"):
        store.get_historical_features(pl.from_pandas(asking((1, day(6)))), ["adjusted:total"])


@pytest.mark.filterwarnings("ignore:Saving dataset is an experimental feature", "ignore:Retrieving datasets is")
@pytest.mark.parametrize("place", ["saved.parquet", "saved"])
def test_a_saved_dataset_comes_back(tmp_path, history, place):
    store = store_at(tmp_path, [history], block_rows=2)
    job = store.get_historical_features(asking((1, day(6)), (2, day(3)), (1, day(1))), BALANCE)
    storage = SavedDatasetFileStorage(path=place)
    saved = store.create_saved_dataset(from_=job, name="training", storage=storage)
    assert (tmp_path / place).exists()
    expected = {(1, 20), (2, 50), (1, 11)}
    assert set(saved.to_df()[["customer", "balance"]].itertuples(index=False, name=None)) == expected
    again = store.get_saved_dataset("training").to_df()
    assert set(again[["customer", "balance"]].itertuples(index=False, name=None)) == expected
    with pytest.raises(SavedDatasetLocationAlreadyExists):
        job.persist(storage)
    job.persist(storage, allow_overwrite=True)
    assert len(pq.read_table(tmp_path / place)) == 3


def test_a_write_that_fails_leaves_what_was_there(tmp_path, history):
    store = store_at(tmp_path, [history], block_rows=1)
    target = tmp_path / "answers" / "answer.parquet"
    job = store.get_historical_features(asking((1, day(6)), (2, day(3))), BALANCE)
    job.to_parquet(target)
    before = target.read_bytes()
    (tmp_path / "account.parquet").write_bytes(b"no Parquet")
    with pytest.raises(ValueError, match=r"account.parquet: expected a Parquet file"):
        job.to_parquet(target)
    assert target.read_bytes() == before
    assert list(target.parent.iterdir()) == [target]


def test_pandas_may_be_written_into(tmp_path, history):
    frame = store_at(tmp_path, [history]).get_historical_features(asking((1, day(6))), BALANCE).to_df()
    frame.loc[0, "balance"] = 0
    assert frame["balance"].tolist() == [0]


def test_the_same_question_has_the_same_bytes(tmp_path, history):
    store = store_at(tmp_path, [history], block_rows=2)
    job = store.get_historical_features(asking(*((1 + at % 3, day(9 - at % 7)) for at in range(20))), BALANCE)
    contents = set()
    for number in range(3):
        job.to_parquet(tmp_path / f"{number}.parquet")
        contents.add((tmp_path / f"{number}.parquet").read_bytes())
    assert len(contents) == 1


def test_a_file_may_have_any_name(tmp_path, history):
    job = store_at(tmp_path, [history]).get_historical_features(asking((1, day(6))), BALANCE)
    assert job.to_parquet(tmp_path / "answer") == 1
    assert pq.read_table(tmp_path / "answer")["balance"].to_pylist() == [20]
