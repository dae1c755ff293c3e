from __future__ import annotations

from datetime import date, datetime, timedelta, timezone
from decimal import Decimal

import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from feast import Entity, FeatureView, Field, FileSource
from feast.data_format import ParquetFormat
from feast.types import (
    Array,
    Bool,
    Bytes,
    Float32,
    Float64,
    Int32,
    Int64,
    Json,
    Map,
    Set,
    String,
    Struct,
    UnixTimestamp,
    Uuid,
    ZonedTimestamp,
)
from feast.types import Decimal as FeastDecimal
from feast.value_type import ValueType
from offline_project import asking, day, store_at, view_of, write

from feature_repo.stores.asof.instants import instants, unit_of
from feature_repo.stores.asof.join_keys import JoinKeys

MOMENT = pa.timestamp("us", "UTC")

KINDS = {
    "bool": (Bool, pa.bool_(), [True, False]),
    "int32": (Int32, pa.int32(), [1, -2]),
    "int64": (Int64, pa.int64(), [2**62, -1]),
    "float32": (Float32, pa.float32(), [0.5, -1.5]),
    "float64": (Float64, pa.float64(), [0.1, float("inf")]),
    "string": (String, pa.string(), ["é", ""]),
    "large string": (String, pa.large_string(), ["a", "b"]),
    "bytes": (Bytes, pa.binary(), [b"\x00\xff", b""]),
    "json": (Json, pa.string(), ['{"a": 1}', "[]"]),
    "uuid": (Uuid, pa.string(), ["6b2e6f1c-0000-4000-8000-000000000000", None]),
    "decimal": (FeastDecimal, pa.decimal128(20, 4), [Decimal("1.2345"), Decimal("-99999.0001")]),
    "time": (UnixTimestamp, pa.timestamp("us", "UTC"), [day(1), day(2)]),
    "naive time of nanoseconds": (UnixTimestamp, pa.timestamp("ns"), [pd.Timestamp(1), pd.Timestamp(2)]),
    "zoned time": (ZonedTimestamp, pa.timestamp("us", "UTC"), [day(1), day(2)]),
    "date": (UnixTimestamp, pa.date32(), [date(2024, 1, 1), date(1900, 1, 1)]),
    "array of floats": (Array(Float32), pa.list_(pa.float32()), [[0.5, None], []]),
    "array of strings": (Array(String), pa.list_(pa.string()), [["a", "b"], [None]]),
    "array of bytes": (Array(Bytes), pa.list_(pa.binary()), [[b"a"], []]),
    "array of times": (Array(UnixTimestamp), pa.list_(pa.timestamp("us", "UTC")), [[day(1)], []]),
    "array of bools": (Array(Bool), pa.list_(pa.bool_()), [[True], [False, None]]),
    "set": (Set(Int64), pa.list_(pa.int64()), [[1, 2], []]),
    "map": (Map, pa.map_(pa.string(), pa.string()), [[("a", "b")], []]),
    "struct": (Struct({"x": Int64}), pa.struct([("x", pa.int64())]), [{"x": 1}, {"x": None}]),
    "array of arrays": (Array(Array(Int64)), pa.list_(pa.list_(pa.int64())), [[[1], []], [[2, 3]]]),
}


@pytest.mark.parametrize("kind", KINDS)
def test_a_feature_of_any_type_comes_back_as_the_file_holds_it(tmp_path, kind):
    feast_type, arrow_type, values = KINDS[kind]
    table = pa.table(
        {
            "customer": pa.array([1, 2, 3], pa.int64()),
            "event": pa.array([day(1)] * 3, MOMENT),
            "created": pa.array([day(1)] * 3, MOMENT),
            "feature": pa.array([*values, None], arrow_type),
        }
    )
    pq.write_table(table, tmp_path / "account.parquet", row_group_size=2)
    view = view_of(tmp_path / "account.parquet", {"feature": feast_type})
    store = store_at(tmp_path, [view], block_rows=3)
    job = store.get_historical_features(
        asking((2, day(3)), (9, day(2)), (3, day(1)), (1, day(2)), (2, day(1))), ["account:feature"]
    )
    expected = pa.chunked_array([pa.array([values[1], None, None, values[0], values[1]], arrow_type)])
    # The type as Parquet gives it back, which for a struct or a list may name its items otherwise.
    expected = expected.cast(pq.read_schema(tmp_path / "account.parquet").field("feature").type)
    assert job.to_arrow()["feature"].equals(expected)
    job.to_parquet(tmp_path / "answer.parquet")
    assert pq.read_table(tmp_path / "answer.parquet")["feature"].equals(expected)


def test_a_vector_of_fixed_length_comes_back(tmp_path):
    # Arrow cannot read nulls among such vectors from Parquet, so there is none in the file.
    vectors = pa.array([[0.5, 1.0], [2.0, 3.0]], pa.list_(pa.float32(), 2))
    table = pa.table({"customer": [1, 2], "event": pa.array([day(1)] * 2, MOMENT), "feature": vectors})
    pq.write_table(table, tmp_path / "account.parquet")
    store = store_at(tmp_path, [view_of(tmp_path / "account.parquet", {"feature": Array(Float32)}, created="")])
    answer = store.get_historical_features(asking((2, day(1)), (9, day(1)), (1, day(1))), ["account:feature"])
    assert answer.to_arrow()["feature"].to_pylist() == [[2.0, 3.0], None, [0.5, 1.0]]


@pytest.mark.parametrize("unit", ["s", "ms", "us", "ns"])
@pytest.mark.parametrize("zone", [None, "UTC", "America/New_York"])
@pytest.mark.parametrize(
    "asked", ["datetime64[s]", "datetime64[ns]", "datetime64[us, UTC]", "datetime64[ns, Asia/Tokyo]"]
)
def test_times_of_all_units_and_zones_meet(tmp_path, unit, zone, asked):
    moments = pa.array([day(1), day(2), day(3)], MOMENT)
    kind = pa.timestamp(unit, zone)
    stored = moments.cast(pa.int64()).cast(MOMENT).cast(pa.timestamp(unit, "UTC")).cast(kind)
    table = pa.table({"customer": [1, 1, 1], "event": stored, "created": stored, "balance": [1, 2, 3]})
    pq.write_table(table, tmp_path / "account.parquet", row_group_size=1)
    ttl = timedelta(hours=6)
    store = store_at(tmp_path, [view_of(tmp_path / "account.parquet", ttl=ttl)], known_by_created_timestamp=True)
    times = pd.DatetimeIndex([day(1), day(2) - timedelta(seconds=1), day(2), day(2) + ttl, day(3) + 2 * ttl])
    unit_asked, _, zone_asked = asked.removeprefix("datetime64[").removesuffix("]").partition(", ")
    entities = pd.DataFrame(
        {"customer": 1, "event_timestamp": times.as_unit(unit_asked).tz_convert(zone_asked or None)}
    )
    answer = store.get_historical_features(entities, ["account:balance"]).to_arrow()
    assert answer["balance"].to_pylist() == [1, None, 2, 2, None]


def test_a_nanosecond_decides(tmp_path):
    stored = pa.array([1_000, 2_001], pa.int64()).cast(pa.timestamp("ns", "UTC"))
    table = pa.table({"customer": [1, 1], "event": stored, "created": stored, "balance": [1, 2]})
    pq.write_table(table, tmp_path / "account.parquet")
    store = store_at(tmp_path, [view_of(tmp_path / "account.parquet", ttl=timedelta(microseconds=1))])
    times = pd.DatetimeIndex(pd.to_datetime([999, 1_000, 2_000, 2_001, 3_001, 3_002], unit="ns", utc=True))
    answer = store.get_historical_features(pd.DataFrame({"customer": 1, "event_timestamp": times}), ["account:balance"])
    assert answer.to_arrow()["balance"].to_pylist() == [None, 1, 1, 2, 2, None]


def test_a_time_beyond_the_reach_of_nanoseconds_is_after_all_others(tmp_path):
    far = datetime(9999, 12, 31, tzinfo=timezone.utc)  # noqa: UP017
    rows = [(1, day(1), day(1), 1), (1, far, far, 2)]
    store = store_at(tmp_path, [view_of(write(tmp_path / "account.parquet", rows))])
    entities = pd.DataFrame({"customer": 1, "event_timestamp": pd.DatetimeIndex([day(2)]).as_unit("ns")})
    answer = store.get_historical_features(entities, ["account:balance"]).to_arrow()
    assert answer["balance"].to_pylist() == [1]
    assert unit_of(pa.timestamp("us"), pa.timestamp("ns")) == "ns"
    assert instants(pa.chunked_array([pa.array([far], MOMENT)]), "far", "ns")[0] > pd.Timestamp("2262-01-01").value


def test_event_times_may_be_dates_or_text(tmp_path):
    for name, events in {
        "dates": pa.array([date(2024, 1, 1), date(2024, 1, 3)]),
        "text": pa.array(["2024-01-01", "2024-01-03"]),
    }.items():
        table = pa.table({"customer": [1, 1], "event": events, "balance": [1, 3]})
        pq.write_table(table, tmp_path / name)
        (tmp_path / f"project-{name}").mkdir()
        store = store_at(tmp_path / f"project-{name}", [view_of(tmp_path / name, created="")])
        answer = store.get_historical_features(asking((1, day(2)), (1, day(3))), ["account:balance"]).to_arrow()
        assert answer["balance"].to_pylist() == [1, 3]


def test_folders_may_name_features_and_times(tmp_path):
    for number, (moment, segment) in enumerate([("2024-01-01", "a b"), ("2024-01-03", "__HIVE_DEFAULT_PARTITION__")]):
        folder = tmp_path / "account" / f"event={moment}" / f"segment={segment.replace(' ', '%20')}" / f"tier={number}"
        folder.mkdir(parents=True)
        pq.write_table(pa.table({"customer": [1, 2], "balance": [number, 10 + number]}), folder / "part.parquet")
    features = {"balance": Int64, "segment": String, "tier": Int32}
    store = store_at(tmp_path, [view_of(tmp_path / "account", features, created="", ttl=timedelta(days=1))])
    answer = store.get_historical_features(
        asking((2, day(1)), (1, day(3, hours=5)), (1, day(8))), [f"account:{name}" for name in features]
    ).to_arrow()
    assert answer.drop_columns(["customer", "event_timestamp"]).to_pylist() == [
        {"balance": 10, "segment": "a b", "tier": 0},
        {"balance": 1, "segment": None, "tier": 1},
        {"balance": None, "segment": None, "tier": None},
    ]
    assert answer["tier"].type == pa.int32()


def test_files_whose_types_have_grown_are_read_as_one(tmp_path):
    folder = tmp_path / "account"
    folder.mkdir()
    for name, kind, customer, number in (("a", pa.int32(), pa.int64(), 1), ("b", pa.int64(), pa.int32(), 2)):
        table = pa.table(
            {
                "event": pa.array([day(number)], pa.timestamp("ns" if name == "a" else "ms", "UTC")),
                "created": pa.array([day(number)], MOMENT),
                "customer": pa.array([1], customer),
                "balance": pa.array([number], kind),
            }
        )
        pq.write_table(table, folder / f"{name}.parquet")
    store = store_at(tmp_path, [view_of(folder)])
    answer = store.get_historical_features(asking((1, day(1)), (1, day(2))), ["account:balance"]).to_arrow()
    assert answer["balance"].to_pylist() == [1, 2]
    assert answer["balance"].type == pa.int64()
    pq.write_table(
        pa.table({"event": ["x"], "created": ["x"], "customer": [1], "balance": [{"a": 1}]}), folder / "c.parquet"
    )
    with pytest.raises(TypeError, match=r"column '\w+' is of .* one type must hold all"):
        store.get_historical_features(asking((1, day(2))), ["account:balance"]).to_arrow()


KEYS = {
    "text and category": (pd.Categorical(["a", "b", None]), pa.array(["b", "a", "c"])),
    "text of two widths": (["a", "b", None], pa.array(["b", "a", "c"], pa.large_string())),
    "integers of two widths": ([1, 2, 7], pa.array([2, 1, 3], pa.int16())),
    "floats that are whole": ([1.0, 2.0, None], pa.array([2, 1, 3], pa.int64())),
    "floats in the files": ([1, 2, 7], pa.array([2.0, 1.0, 1.5])),
    "fractions": ([0.5, 1.5, float("nan")], pa.array([1.5, 0.5, float("nan")])),
    "large unsigned": (np.array([2**63 + 1, 2, 7], "uint64"), pa.array([2, 2**63 + 1, 3], pa.uint64())),
    "bytes": ([b"a", b"b", None], pa.array([b"b", b"a", b"c"])),
    "bools": ([True, False, None], pa.array([False, True, None])),
    "dates": ([date(2024, 1, 1), date(2024, 1, 2), None], pa.array([date(2024, 1, 2), date(2024, 1, 1), None])),
    "times": ([day(1), day(2), None], pa.array([day(2), day(1), None], pa.timestamp("ms", "UTC"))),
    "decimals": ([Decimal("1.5"), Decimal(2), None], pa.array([Decimal("2.00"), Decimal("1.50"), None])),
    "nothing but nulls": ([None, None, None], pa.array([2, 1, 3])),
}


@pytest.mark.parametrize("kind", KEYS)
def test_keys_are_equal_if_their_values_are(kind):
    asked, stored = KEYS[kind]
    column = pa.chunked_array([pa.Array.from_pandas(asked)])
    keys = JoinKeys.of([column], ["key"], 3)
    codes = keys.codes_of([pa.chunked_array([stored])], 3, "the file")
    met = [[code for code in codes if code >= 0].count(one) for one in keys.codes if one >= 0]
    if kind == "nothing but nulls":
        assert met == []
    else:
        assert (codes[1], codes[0], codes[2]) == (keys.codes[0], keys.codes[1], -1)


def test_composite_keys_do_not_run_together():
    left, right = [pa.chunked_array([pa.array(values)]) for values in ([1, 12, None, 1], ["23", "3", "x", None])]
    keys = JoinKeys.of([left, right], ["left", "right"], 4)
    stored = [pa.chunked_array([pa.array(values)]) for values in ([12, 1, 1, 12], ["3", "23", "3", "23"])]
    codes = keys.codes_of(stored, 4, "the file")
    assert list(keys.codes[2:]) == [-1, -1]
    assert list(codes) == [keys.codes[1], keys.codes[0], -1, -1]


def test_a_view_without_entities_is_one_history_for_all(tmp_path):
    table = pa.table({"event": pa.array([day(1), day(3)], MOMENT), "rate": [6.5, 6.9]})
    pq.write_table(table, tmp_path / "market.parquet")
    source = FileSource(path=str(tmp_path / "market.parquet"), timestamp_field="event", file_format=ParquetFormat())
    view = FeatureView(name="market", schema=[Field(name="rate", dtype=Float64)], source=source, ttl=timedelta(days=2))
    store = store_at(tmp_path, [view])
    entities = pd.DataFrame({"event_timestamp": [day(1), day(4), day(9)]})
    assert store.get_historical_features(entities, ["market:rate"]).to_df()["rate"].tolist()[:2] == [6.5, 6.9]
    alone = store.get_historical_features(features=["market:rate"], start_date=day(1), end_date=day(2)).to_arrow()
    assert alone.to_pylist() == [{"event_timestamp": day(2), "rate": 6.5}]


def test_one_entity_may_be_asked_for_twice_under_two_names(tmp_path):
    person = Entity(name="person", join_keys=["person"], value_type=ValueType.STRING)
    table = pa.table({"ID": ["a", "b"], "at": pa.array([day(1), day(2)], MOMENT), "AGE": [30, 40]})
    pq.write_table(table, tmp_path / "people.parquet")
    source = FileSource(
        path=str(tmp_path / "people.parquet"),
        timestamp_field="when",
        field_mapping={"ID": "person", "at": "when", "AGE": "age"},
    )
    view = FeatureView(
        name="people",
        entities=[person],
        schema=[Field(name="person", dtype=String), Field(name="age", dtype=Int64)],
        source=source,
    )
    store = store_at(tmp_path, [person, view])
    from feast import FeatureService

    both = FeatureService(
        name="both",
        features=[
            view.with_name("buyer").with_join_key_map({"person": "buyer_id"}),
            view.with_name("seller").with_join_key_map({"person": "seller_id"}),
        ],
    )
    store.apply([both])
    entities = pd.DataFrame({"buyer_id": ["a", "b"], "seller_id": ["b", None], "event_timestamp": [day(3), day(1)]})
    answer = store.get_historical_features(entities, store.get_feature_service("both"), full_feature_names=True)
    assert answer.to_arrow().select(["buyer__age", "seller__age"]).to_pylist() == [
        {"buyer__age": 30, "seller__age": 40},
        {"buyer__age": None, "seller__age": None},
    ]
