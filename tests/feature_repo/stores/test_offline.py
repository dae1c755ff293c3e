from __future__ import annotations

from datetime import datetime, timedelta

import numpy as np
import pandas as pd
import polars as pl
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from feast.errors import (
    EntityTimestampInferenceException,
    FeastEntityDFMissingColumnsError,
)
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from offline_project import BALANCE, HISTORY, asking, balance_of, day, store_at, view_of, write

from feature_repo.stores.asof.parquet_source import ParquetSource


@pytest.fixture
def history(tmp_path):
    return view_of(write(tmp_path / "account.parquet", HISTORY))


def test_by_default_a_version_counts_from_its_event_on(tmp_path, history):
    store = store_at(tmp_path, [history])
    assert balance_of(store, asking((1, day(1)), (1, day(2)), (1, day(6)), (2, day(6)), (3, day(6)))) == [
        11, 20, 20, 50, None,
    ]  # fmt: skip


@pytest.mark.parametrize(
    ("setting", "argument"), [({"known_by_created_timestamp": True}, {}), ({}, {"filter_by_created_timestamp": True})]
)
def test_where_knowledge_counts_the_newest_known_version_answers(tmp_path, history, setting, argument):
    store = store_at(tmp_path, [history], **setting)
    asked = asking((1, day(1)), (1, day(3)), (1, day(4)), (1, day(5)), (1, day(6)))
    assert balance_of(store, asked, **argument) == [10, 10, 11, 20, 20]


def test_a_version_that_does_not_say_when_it_was_known_was_never_known(tmp_path):
    rows = [(1, day(1), day(1), 10), (1, day(2), None, 20)]
    store = store_at(tmp_path, [view_of(write(tmp_path / "account.parquet", rows))])
    assert balance_of(store, asking((1, day(3)))) == [20]
    assert balance_of(store, asking((1, day(3))), filter_by_created_timestamp=True) == [10]


def test_of_equal_versions_the_last_in_the_order_of_the_files_counts(tmp_path):
    for name, value in (("b", 2), ("a", 1), ("c", 3)):
        write(tmp_path / "account" / f"{name}.parquet", [(1, day(1), day(1), 10 * value), (1, day(1), day(1), value)])
    store = store_at(tmp_path, [view_of(tmp_path / "account")])
    assert balance_of(store, asking((1, day(2)))) == [3]


def expected_of(versions, entities, ttl: timedelta | None, by_creation: bool) -> list:
    answers = []
    for customer, moment in entities:
        best = None
        for key, event, created, balance in versions:
            late = by_creation and (created is None or created > moment)
            old = ttl is not None and event is not None and event < moment - ttl
            if key is None or key != customer or event is None or event > moment or late or old:
                continue
            rank = (event, created is not None, created or event)
            if best is None or rank >= best[0]:
                best = (rank, balance)
        answers.append(best and best[1])
    return answers


moments = st.integers(0, 12).map(lambda hours: day(1, hours=hours))
versions = st.lists(
    st.tuples(
        st.sampled_from([1, 2, 3, None]),
        st.one_of(moments, st.none()),
        st.one_of(moments, st.none()),
        st.integers(0, 99),
    ),
    min_size=1,
    max_size=25,
)


@settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(
    versions=versions,
    entities=st.lists(st.tuples(st.sampled_from([1, 2, 3, 4]), moments), min_size=1, max_size=15),
    ttl=st.sampled_from([None, timedelta(hours=3)]),
    by_creation=st.booleans(),
    block_rows=st.integers(1, 20),
    files=st.integers(1, 4),
)
def test_blocks_of_any_size_over_files_of_any_number_answer_as_one(
    tmp_path_factory, versions, entities, ttl, by_creation, block_rows, files
):
    folder = tmp_path_factory.mktemp("project")
    size = -(-len(versions) // files)
    for number in range(files):
        part = versions[number * size : (number + 1) * size]
        write(folder / "account" / f"{number}.parquet", part, row_group_size=3)
    store = store_at(
        folder,
        [view_of(folder / "account", ttl=ttl)],
        known_by_created_timestamp=by_creation,
        block_rows=block_rows,
    )
    job = store.get_historical_features(asking(*entities), BALANCE)
    answer = job.to_arrow()
    assert answer["balance"].to_pylist() == expected_of(versions, entities, ttl, by_creation)
    assert answer["customer"].to_pylist() == [customer for customer, _ in entities]
    assert answer["event_timestamp"].to_pylist() == [moment for _, moment in entities]
    assert job.to_parquet(folder / "answer.parquet") == len(entities)
    assert pq.read_table(folder / "answer.parquet").equals(answer)
    assert sorted(path.name for path in folder.iterdir()) == ["account", "answer.parquet", "online.db", "registry.db"]


def test_many_versions_are_condensed_to_those_that_may_answer(tmp_path, monkeypatch):
    monkeypatch.setattr("feature_repo.stores.asof.view_join._VERSIONS_AT_A_TIME", 2)
    rows = [(1, day(1 + number), day(1 + (number * 7) % 11), number) for number in range(9)]
    asked = [(1, day(1 + at)) for at in range(12)]
    view = view_of(write(tmp_path / "account.parquet", rows, row_group_size=1))
    store = store_at(tmp_path, [view], known_by_created_timestamp=True, block_rows=5)
    assert balance_of(store, asking(*asked)) == expected_of(rows, asked, None, by_creation=True)


def test_few_rows_hold_few_versions_of_other_keys_at_a_time(tmp_path, monkeypatch):
    monkeypatch.setattr("feature_repo.stores.asof.view_join._FEWEST_VERSIONS_AT_A_TIME", 10)
    monkeypatch.setattr("feature_repo.stores.asof.view_join._VERSIONS_A_ROW", 1)
    rows = [(customer, day(1 + at), day(1 + at), 10 * customer + at) for at in range(12) for customer in range(8)]
    view = view_of(write(tmp_path / "account.parquet", rows, row_group_size=4))
    store = store_at(tmp_path, [view], known_by_created_timestamp=True)
    read, held = ParquetSource.read, []

    def watched(source, groups, columns):
        table = read(source, groups, columns)
        if "customer" in columns:  # the columns that versions are made of
            held.append(table.num_rows)
        return table

    monkeypatch.setattr(ParquetSource, "read", watched)
    asked = [(3, day(12)), (5, day(2))]
    assert balance_of(store, asking(*asked)) == expected_of(rows, asked, None, by_creation=True)
    assert len(held) > 1
    assert max(held) <= 10


def test_entity_columns_come_back_as_they_were(tmp_path, history):
    store = store_at(tmp_path, [history])
    entities = pd.DataFrame(
        {
            "label": pd.Categorical(["b", "a", None]),
            "customer": np.array([2, 1, 2], dtype="int32"),
            "event_timestamp": pd.to_datetime([day(6), day(3), day(6)]),
            "weight": pd.array([1, None, 3], dtype="Int64"),
        },
        index=[7, 7, 3],
    )
    answer = store.get_historical_features(entities, BALANCE).to_arrow()
    assert answer.drop_columns("balance").equals(pa.Table.from_pandas(entities, preserve_index=False))
    assert answer["balance"].to_pylist() == [50, 20, 50]


def test_entities_may_be_polars_arrow_or_a_query(tmp_path, history):
    store = store_at(tmp_path, [history])
    asked = asking((1, day(3)), (2, day(3)))
    asked.to_parquet(tmp_path / "asked.parquet")
    for entities in (
        asked,
        pa.Table.from_pandas(asked),
        pl.from_pandas(asked),
        "SELECT * FROM 'asked.parquet' ORDER BY customer",
        "SELECT unnest([1, 2]) AS customer, TIMESTAMPTZ '2024-01-03 00:00:00+00' AS event_timestamp",
    ):
        assert balance_of(store, entities) == [20, 50]


@pytest.mark.parametrize(
    "written",
    [
        ["2024-01-03T00:00:00Z", "2024-01-03 02:00:00+02:00"],
        ["2024-01-03", "2024-01-03"],
        [datetime(2024, 1, 3), datetime(2024, 1, 3)],  # noqa: DTZ001
        [day(3).date(), day(3).date()],
    ],
)
def test_a_time_may_be_text_a_date_or_without_a_zone(tmp_path, history, written):
    store = store_at(tmp_path, [history])
    entities = pd.DataFrame({"customer": [1, 2], "event_timestamp": written})
    assert balance_of(store, entities) == [20, 50]
    job = store.get_historical_features(entities, BALANCE)
    assert job.metadata
    assert (job.metadata.min_event_timestamp, job.metadata.max_event_timestamp) == (day(3), day(3))


def test_rows_without_a_time_or_a_key_come_back_without_a_match(tmp_path, history):
    store = store_at(tmp_path, [history])
    entities = pd.DataFrame({"customer": [None, 1.0, 2.0], "event_timestamp": pd.to_datetime([day(3), None, day(3)])})
    assert balance_of(store, entities) == [None, None, 50]
    assert balance_of(store, entities.iloc[:1]) == [None]
    assert balance_of(store, entities.iloc[:0]) == []


def test_without_entities_each_key_of_the_span_is_asked_about_at_its_end(tmp_path):
    rows = [(2, day(2), day(2), 20), (1, day(3), day(3), 30), (3, day(9), day(9), 90), (4, day(1), day(1), 40)]
    store = store_at(tmp_path, [view_of(write(tmp_path / "account.parquet", rows))])
    answer = store.get_historical_features(features=BALANCE, start_date=day(2), end_date=day(5)).to_arrow()
    assert answer.to_pylist() == [
        {"customer": 1, "event_timestamp": day(5), "balance": 30},
        {"customer": 2, "event_timestamp": day(5), "balance": 20},
    ]


def test_there_is_no_sql(tmp_path, history):
    job = store_at(tmp_path, [history]).get_historical_features(asking((1, day(6))), BALANCE)
    with pytest.raises(NotImplementedError, match=r"to_arrow\(\)"):
        job.to_sql()


@pytest.mark.parametrize(
    ("entities", "error", "message"),
    [
        ({"event_timestamp": [day(2)]}, FeastEntityDFMissingColumnsError, "customer"),
        ({"customer": [1], "a": [day(2)], "b": [day(2)]}, EntityTimestampInferenceException, "event_timestamp"),
        ({"customer": [1], "event_timestamp": [day(2)], "balance": [1]}, ValueError, "full_feature_names=True"),
        ({"customer": [1], "event_timestamp": [20240102]}, TypeError, "'event_timestamp': expected timestamps"),
        ({"customer": [1], "event_timestamp": ["soon"]}, ValueError, "'event_timestamp': expected times in ISO 8601"),
        ({"customer": ["1"], "event_timestamp": [day(2)]}, TypeError, "join key 'customer': .* bring them to one type"),
    ],
)
def test_what_cannot_be_joined_is_refused(tmp_path, history, entities, error, message):
    store = store_at(tmp_path, [history])
    with pytest.raises(error, match=message):
        balance_of(store, pd.DataFrame(entities))


def test_entities_of_an_unknown_kind_are_refused(tmp_path, history):
    with pytest.raises(TypeError, match=r"expected entity rows as a pandas DataFrame, .* found dict"):
        balance_of(store_at(tmp_path, [history]), {"customer": [1]})
