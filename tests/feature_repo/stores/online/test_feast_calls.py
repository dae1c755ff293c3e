"""`get_online_features` by our store and by Feast's own, over one Redis: the same values, types, order and errors."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Mapping
from datetime import UTC, datetime, timedelta
from pathlib import Path
from types import SimpleNamespace
from typing import Any
from uuid import UUID

import numpy as np
import pandas as pd
import pytest
from feast import (
    Entity,
    FeatureService,
    FeatureStore,
    Field,
    OnDemandFeatureView,
    RequestSource,
    ValueType,
)
from feast.feature_server_utils import convert_response_to_dict
from feast.infra.online_stores.online_store import OnlineStore
from feast.protos.feast.serving.ServingService_pb2 import FieldStatus
from feast.protos.feast.types.Value_pb2 import Value
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
    UnixTimestamp,
    Uuid,
)  # fmt: skip
from feast.types import (
    Decimal as DecimalType,
)
from online_project import DRIVER, opened, view_of
from starlette.responses import JSONResponse

from feature_repo.stores.wire.columnar_response import ColumnarResponse

ZONE = Entity(name="zone", join_keys=["zone"], value_type=ValueType.STRING)
MOMENT = datetime(2024, 3, 1, 12, 30, 15, tzinfo=UTC)
Rows = list[dict[str, Any]] | Mapping[str, Any]

SUMMED = """
import pandas as pd

def summed(inputs):
    out = pd.DataFrame()
    out["sum"] = inputs["trips"].astype(float) + inputs["bonus"]
    out["label"] = inputs["city"].str.upper()
    return out
"""
COUNTED = """
def counted(inputs):
    # Feast's Redis store leaves its own field of the event time among them
    seen = " ".join(name for name in inputs if "_ts:" not in name)
    return {"seen": [seen] * len(inputs["bonus"]), "twice": [None if n is None else 2 * n for n in inputs["doors"]]}
"""


def function_of(source: str, name: str) -> Callable[[Any], Any]:
    names: dict[str, Any] = {}
    exec(source, names)  # noqa: S102
    function: Callable[[Any], Any] = names[name]
    return function


def objects_in(folder: Path) -> list[Any]:
    stats = view_of(folder, {"trips": Int64, "city": String, "rating": Float64}, ttl=timedelta(days=1))
    cars = view_of(folder, {"doors": Int32, "weight": Float32, "electric": Bool, "mileage": Int64}, name="cars")
    kinds = {
        "at": UnixTimestamp, "raw": Bytes, "marks": Array(Int64), "names": Array(String), "moments": Array(UnixTimestamp),
        "tags": Set(String), "pairs": Map, "document": Json, "token": Uuid, "price": DecimalType, "shares": Array(Float64),
    }  # fmt: skip
    rare = view_of(folder, kinds, name="rare")
    zones = view_of(folder, {"rain": Float64}, name="weather", keys={"zone": String}, entities=[ZONE])
    both = view_of(
        folder, {"visits": Int64}, name="both", keys={"driver_id": Int64, "zone": String}, entities=[DRIVER, ZONE]
    )
    world = view_of(folder, {"index": Float64}, name="world", keys={}, entities=[])
    asked = RequestSource(name="asked", schema=[Field(name="bonus", dtype=Float64)])
    summed = OnDemandFeatureView(
        name="summed", sources=[stats, asked], udf=function_of(SUMMED, "summed"), udf_string=SUMMED, mode="pandas",
        schema=[Field(name="sum", dtype=Float64), Field(name="label", dtype=String)],
    )  # fmt: skip
    counted = OnDemandFeatureView(
        name="counted", sources=[cars, asked], udf=function_of(COUNTED, "counted"), udf_string=COUNTED, mode="python",
        schema=[Field(name="seen", dtype=String), Field(name="twice", dtype=Int64)],
    )  # fmt: skip
    me = stats[["city"]].with_name("me")
    friend = view_of(folder, {"trips": Int64}).with_name("friend").with_join_key_map({"driver_id": "friend_id"})
    services = [
        FeatureService(name="ride", features=[zones, cars[["electric", "doors"]], stats, both]),
        FeatureService(name="computed", features=[summed, counted[["twice"]], stats[["rating"]], zones]),
        FeatureService(name="pair", features=[me, friend]),
    ]
    return [DRIVER, ZONE, stats, cars, rare, zones, both, world, asked, summed, counted, *services]


RARE: dict[str, list[Any]] = {
    "at": [MOMENT, None], "raw": [b"\x00\xff", None], "marks": [[1, 2], []], "names": [["a", ""], None],
    "moments": [[MOMENT], None], "tags": [{"x"}, None], "pairs": [{"a": "b"}, None], "document": ['{"a": [1]}', None],
    "token": [str(UUID(int=7)), None], "price": ["1.50", None], "shares": [[0.5], None],
}  # fmt: skip


def frame(columns: Mapping[str, list[Any]], moment: datetime = MOMENT) -> pd.DataFrame:
    rows = len(next(iter(columns.values())))
    return pd.DataFrame({**columns, "event": [moment] * rows, "created": [moment] * rows})


@pytest.fixture
def stores(address: str, tmp_path: Path) -> tuple[FeatureStore, FeatureStore]:
    """Ours and Feast's own, with what Feast's own has written."""
    stock = opened(tmp_path, address, objects_in(tmp_path), ours=False)
    rows = {
        "stats": {"driver_id": [1, 2, 3], "trips": [10, 2**62, -5], "city": ["Bern", "", None], "rating": [4.5, 0.0, None]},
        "cars": {
            "driver_id": [1, 2], "doors": [4, -2], "weight": [1.1, None], "electric": [True, False],
            "mileage": [-(2**63), 300],
        },
        "rare": {"driver_id": [1, 2], **RARE},
        "weather": {"zone": ["a", "b"], "rain": [0.25, None]},
        "both": {"driver_id": [1, 2], "zone": ["a", "a"], "visits": [3, 128]},
        "world": {"index": [1.5]},
    }  # fmt: skip
    for view, columns in rows.items():
        stock.write_to_online_store(view, df=frame(columns))
    return opened(tmp_path, address, objects_in(tmp_path), ours=True), stock


def exactly(value: Any) -> Any:
    """A value with the types of all its parts; NaN is equal to itself."""
    if isinstance(value, dict):
        return [(exactly(name), exactly(part)) for name, part in value.items()]
    if isinstance(value, list):
        return [exactly(part) for part in value]
    return type(value), repr(value)


def usual(store: FeatureStore, features: Any, rows: Rows, **more: Any) -> ColumnarResponse:
    """Our answer, by both ways, of which neither may have gone Feast's."""

    async def awaited() -> Any:
        try:
            return await store.get_online_features_async(features, rows, **more)
        finally:
            await store._get_provider().online_store.async_wire(store.config).close()

    response, other = store.get_online_features(features, rows, **more), asyncio.run(awaited())
    assert isinstance(response, ColumnarResponse)
    assert isinstance(other, ColumnarResponse)
    assert exactly(other.to_dict()) == exactly(response.to_dict())
    assert response.to_json() == JSONResponse(convert_response_to_dict(response.proto)).body
    return response


def assert_equal(stores: tuple[FeatureStore, FeatureStore], features: Any, rows: Rows, **more: Any) -> dict[str, Any]:
    """Equal in all forms but the statuses and the fractions of seconds, which Feast does not tell."""
    store, stock = stores
    ours, theirs = usual(store, features, rows, **more), stock.get_online_features(features, rows, **more)
    for times in (False, True):
        assert exactly(ours.to_dict(times)) == exactly(theirs.to_dict(times))
        assert ours.to_arrow(times).schema.equals(theirs.to_arrow(times).schema)
        assert exactly(ours.to_arrow(times).to_pydict()) == exactly(theirs.to_arrow(times).to_pydict())
        pd.testing.assert_frame_equal(ours.to_df(times), theirs.to_df(times), check_exact=True)
    assert ours.proto.metadata == theirs.proto.metadata
    assert [list(one.values) for one in ours.proto.results] == [list(one.values) for one in theirs.proto.results]
    assert OnlineStore.get_online_features is not type(store._get_provider().online_store).get_online_features
    return ours.to_dict()


def rows_of(count: int) -> list[dict[str, Any]]:
    return [{"driver_id": 1 + number % 4, "zone": "abc"[number % 3]} for number in range(count)]


ALL = [
    "stats:trips", "stats:city", "stats:rating", "cars:doors", "cars:weight", "cars:electric", "cars:mileage",
    *(f"rare:{name}" for name in RARE), "weather:rain", "both:visits", "world:index",
]  # fmt: skip


@pytest.mark.parametrize("full_names", [False, True])
@pytest.mark.parametrize("count", [1, 4, 100])
def test_every_type_of_every_view_is_as_feast_tells_it(stores: Any, count: int, full_names: bool) -> None:
    answer = assert_equal(stores, ALL, rows_of(count), full_feature_names=full_names)
    prefix = "stats__" if full_names else ""
    assert answer[f"{prefix}trips"][:4] == [10, 2**62, -5, None][:count]


@pytest.mark.parametrize("count", [1, 100])
def test_a_service_is_as_feast_tells_it(stores: Any, count: int) -> None:
    assert_equal(stores, stores[0].get_feature_service("ride"), rows_of(count))
    assert_equal(
        stores, stores[0].get_feature_service("ride"), rows_of(count), include_feature_view_version_metadata=True
    )


@pytest.mark.parametrize("full_names", [False, True])
@pytest.mark.parametrize("count", [1, 100])
def test_on_demand_views_are_as_feast_computes_them(stores: Any, count: int, full_names: bool) -> None:
    rows = [{**row, "bonus": 0.5 * number} for number, row in enumerate(rows_of(count))]
    service = stores[0].get_feature_service("computed")
    answer = assert_equal(stores, service, rows, full_feature_names=full_names)
    assert answer["summed__sum" if full_names else "sum"][0] == 10.0
    assert_equal(stores, ["counted:seen", "stats:city"], rows, full_feature_names=full_names)
    assert_equal(stores, ["summed:sum", "counted:seen", "counted:twice"], rows, full_feature_names=full_names)


def test_an_on_demand_view_of_the_request_alone_is_as_feast_computes_it(stores: Any) -> None:
    asked = RequestSource(name="alone", schema=[Field(name="word", dtype=String)])
    source = "def louder(inputs):\n    return {'loud': [word.upper() for word in inputs['word']]}\n"
    louder = OnDemandFeatureView(
        name="louder", sources=[asked], udf=function_of(source, "louder"), udf_string=source, mode="python",
        schema=[Field(name="loud", dtype=String)],
    )  # fmt: skip
    for store in stores:
        store.apply([asked, louder])
    assert assert_equal(stores, ["louder:loud"], [{"word": "a"}, {"word": "b"}]) == {"loud": ["A", "B"]}


@pytest.mark.parametrize("order", [("driver_id", "friend_id"), ("friend_id", "driver_id")])
def test_a_view_under_another_name_is_as_feast_tells_it(stores: Any, order: tuple[str, ...]) -> None:
    rows = [{"driver_id": 1, "friend_id": 2}, {"driver_id": 2, "friend_id": 9}]
    service = stores[0].get_feature_service("pair")
    asked = [{name: row[name] for name in order} for row in rows]
    ours, theirs = (outcome(store, service, asked, full_feature_names=True) for store in stores)
    assert ours == theirs
    assert ours[0] is dict


@pytest.mark.parametrize(
    "rows",
    [
        {"driver_id": [1, 2, 1]},
        {"driver_id": (3,)},
        {"driver_id": [1, 2], "zone": ["a", "b"]},
        {"driver_id": [1, 2], "colour": ["red", None]},
        [{"zone": "a", "driver_id": 1}],
    ],
)
def test_any_form_of_rows_is_answered_as_feast_does(stores: Any, rows: Rows) -> None:
    assert_equal(stores, ["stats:city", "cars:mileage"], rows)


@pytest.mark.parametrize(
    "rows",
    [
        {"driver_id": [np.int64(1), 2]},
        {"driver_id": [1.0]},
        {"driver_id": ["2"]},
        {"driver_id": [True]},
        {"driver_id": [2**63]},
        {"driver_id": [None, 1]},
        {"driver_id": [None]},
        {"driver_id": ["x"]},
        {"driver_id": []},
        {"driver": [1]},
        {"driver_id": [1], "zone": ["a", "b"]},
        {"zone": ["a"]},
        {"zone": [7], "driver_id": [1]},
        {"driver_id": np.array([1])},
        {"driver_id": [Value(int64_val=1)]},
        {"driver_id": [1], "colour": [{"not": object}]},
        {},
        [],
        [{}],
        [{"driver_id": 1}, {"zone": "a"}],
        [{"driver_id": 1}, {}],
        [{"driver_id": 1}, {"driver_id": 2, "zone": "a"}],
    ],
)
def test_unusual_rows_are_answered_or_refused_as_by_feast(stores: Any, rows: Rows) -> None:
    for features in (["stats:city"], ["both:visits", "stats:trips"], ["world:index"]):
        assert outcome(stores[0], features, rows) == outcome(stores[1], features, rows)


@pytest.mark.parametrize(
    ("features", "more"),
    [
        ([], {}),
        (["nothing:here"], {}),
        (["stats:altitude"], {}),
        (["stats"], {}),
        (["stats:trips", "stats:trips"], {}),
        (["stats:trips", "stats:trips"], {"full_feature_names": True}),
        (["summed:sum"], {}),
        (["stats@v7:trips"], {}),
        (FeatureService(name="never applied", features=[]), {}),
        ("ride", {}),
        (("stats:trips",), {}),
    ],
)
def test_bad_references_are_refused_in_feasts_words(stores: Any, features: Any, more: dict[str, Any]) -> None:
    ours, theirs = (outcome(store, features, [{"driver_id": 1}], **more) for store in stores)
    assert ours == theirs
    assert issubclass(ours[0], Exception)


def outcome(store: FeatureStore, features: Any, rows: Rows, **more: Any) -> Any:
    try:
        return dict, exactly(store.get_online_features(features, rows, **more).to_dict())
    except Exception as fault:
        return type(fault), str(fault)


def test_the_protobuf_is_what_feasts_way_makes_over_our_store(stores: Any) -> None:
    store = stores[0]
    stores[1].write_to_online_store(
        "stats", df=frame({"driver_id": [1], "trips": [1], "city": ["Bern"], "rating": [None]}, datetime.now(UTC))
    )
    for features in (ALL, stores[0].get_feature_service("ride")):
        for count in (1, 40):
            rows = rows_of(count)
            online = store._get_provider().online_store
            slow = OnlineStore.get_online_features(
                online,
                store.config,
                features,
                rows,
                store.registry,
                store.project,
                include_feature_view_version_metadata=True,
            )
            fast = usual(store, features, rows, include_feature_view_version_metadata=True)
            assert fast.proto == slow.proto
            statuses = dict(zip(fast.proto.metadata.feature_names.val, fast.proto.results, strict=True))
            assert list(statuses["rating"].statuses)[:4] == [
                FieldStatus.NULL_VALUE, FieldStatus.OUTSIDE_MAX_AGE, FieldStatus.OUTSIDE_MAX_AGE, FieldStatus.NOT_FOUND,
            ][:count]  # fmt: skip


def test_an_answer_that_its_reader_changes_is_told_anew(stores: Any) -> None:
    response = usual(stores[0], ["stats:city"], [{"driver_id": 1}])
    response.to_dict()["city"].append("changed")
    assert response.to_dict()["city"] == ["Bern"]


def test_tensors_are_feasts(stores: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    torch = SimpleNamespace(
        tensor=lambda values, device: (values, device), cuda=SimpleNamespace(is_available=lambda: False)
    )
    monkeypatch.setattr("feast.online_response.get_torch", lambda: torch)
    ours, theirs = (store.get_online_features(ALL, rows_of(3)).to_tensor() for store in stores)
    assert {name: exactly(part) for name, part in ours.items()} == {
        name: exactly(part) for name, part in theirs.items()
    }


def test_a_value_of_another_type_than_declared_is_told_for_what_it_is(address: str, tmp_path: Path) -> None:
    stats = view_of(tmp_path, {"trips": Int64, "city": String, "rating": Float64, "doors": Int32})
    opened(tmp_path, address, [DRIVER, stats], ours=False).write_to_online_store(
        "stats", df=frame({"driver_id": [1], "trips": [10], "city": ["seven77"], "rating": [4.5], "doors": [300]})
    )
    changed = view_of(tmp_path, {"trips": Float64, "city": Float64, "rating": Int64, "doors": Bool})
    stores = tuple(opened(tmp_path, address, [DRIVER, changed], ours=ours) for ours in (True, False))
    for count in (1, 50):
        rows = [{"driver_id": 1 + number} for number in range(count)]
        answer = assert_equal(stores, [f"stats:{name}" for name in ("trips", "city", "rating", "doors")], rows)
        assert [answer[name][0] for name in ("trips", "city", "rating", "doors")] == [10, "seven77", 4.5, 300]


def test_a_fraction_that_is_no_number_is_told_as_such(stores: Any) -> None:
    from feast.protos.feast.types.EntityKey_pb2 import EntityKey

    stock = stores[1]
    key = EntityKey(join_keys=["driver_id"], entity_values=[Value(int64_val=8)])
    values = {"trips": Value(int64_val=1), "city": Value(), "rating": Value(double_val=float("nan"))}
    stock._get_provider().online_store.online_write_batch(
        stock.config, stock.get_feature_view("stats"), [(key, values, MOMENT, None)], None
    )
    for count in (1, 50):
        answer = assert_equal(stores, ["stats:rating", "stats:trips"], {"driver_id": [8] + [9] * (count - 1)})
        assert answer["rating"][0] != answer["rating"][0]


def test_a_change_of_the_registry_is_noticed(stores: Any) -> None:
    store = stores[0]
    rows = [{"driver_id": 1, "zone": "a"}]
    assert set(usual(store, store.get_feature_service("ride"), rows).to_dict()) > {"rain", "visits"}
    store.apply([FeatureService(name="ride", features=[store.get_feature_view("stats")[["city"]]])])
    changed = store.get_feature_service("ride")
    assert usual(store, changed, rows).to_dict() == {"driver_id": [1], "zone": ["a"], "city": ["Bern"]}


def test_an_entity_asked_many_times_is_read_once(stores: Any) -> None:
    plans = stores[0]._get_provider().online_store._plans
    request = plans.prepared(
        stores[0].config, ["stats:city", "weather:rain"], [{"driver_id": 1, "zone": "a"}] * 90, stores[0].registry,
        stores[0].project, full_names=False, with_versions=False,
    )  # fmt: skip
    assert len(request.keys.batch.commands) == 2
    assert_equal(stores, ["stats:city", "weather:rain"], [{"driver_id": 1, "zone": "a"}] * 90)
