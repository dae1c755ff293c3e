"""The compiled lookup: the values of `get_online_features`, in the service's order, and how fresh they are."""

from __future__ import annotations

import asyncio
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pytest
from feast import Entity, FeatureService, FeatureStore, ValueType
from feast.protos.feast.serving.ServingService_pb2 import FieldStatus
from feast.types import Bool, Float32, Float64, Int32, Int64, String
from hypothesis import given
from hypothesis import strategies as st
from online_project import DRIVER, day, lay, opened, view_of

from feature_repo.stores.wire.decode import Buffer, NumberColumns, rank
from feature_repo.stores.wire.encode import encoded
from feature_repo.stores.wire.lookup import CHUNK_ROWS, LookupPlan
from feature_repo.stores.wire.lookup_result import Status
from feature_repo.stores.wire.times import ABSENT

ZONE = Entity(name="zone", join_keys=["zone"], value_type=ValueType.STRING)
PRESENT, NULL, STALE, NOT_FOUND, CORRUPT = Status


@pytest.fixture
def store(address: str, tmp_path: Path) -> FeatureStore:
    """Drivers with two views and zones with one, and a service over all three, in an order of its own."""
    stats = view_of(tmp_path, {"trips": Int64, "city": String, "rating": Float64}, ttl=timedelta(days=1))
    cars = view_of(tmp_path, {"doors": Int32, "weight": Float32, "electric": Bool}, name="cars")
    zones = view_of(
        tmp_path, {"rain": Float64}, name="weather", keys={"zone": String}, entities=[ZONE], ttl=timedelta(days=3)
    )
    service = FeatureService(name="ride", features=[zones, cars[["electric", "doors"]], stats])
    numbers = FeatureService(name="numbers", features=[stats[["rating", "trips"]], cars])
    store = opened(tmp_path, address, [DRIVER, ZONE, stats, cars, zones, service, numbers], ours=True)
    lay(
        store,
        "stats",
        {"driver_id": [1, 2, 3], "trips": [10, None, None], "city": ["Bern", "", None], "rating": [4.5, 5.0, None]},
    )
    lay(store, "cars", {"driver_id": [1, 2], "doors": [4, -2], "weight": [1.5, None], "electric": [True, False]})
    lay(store, "weather", {"zone": ["a"], "rain": [0.25]})
    return store


ROWS = [{"driver_id": 1, "zone": "a"}, {"driver_id": 2, "zone": "b"}, {"driver_id": 9, "zone": "a"}]


def strangers(count: int) -> list[dict[str, Any]]:
    """Entities never written; with them the rows are too many to be taken apart one by one."""
    return [{"driver_id": 1000 + number, "zone": f"nowhere {number}"} for number in range(count)]


COLUMNS = ("rain", "electric", "doors", "trips", "city", "rating")


def test_values_come_in_the_services_order(store: FeatureStore) -> None:
    found = LookupPlan.compile(store, "ride").read(ROWS)
    assert found.columns == COLUMNS
    assert found.matrix.tolist() == [
        [0.25, 1.0, 4.0, 10.0, "Bern", 4.5],
        [None, 0.0, -2.0, None, "", 5.0],
        [0.25, None, None, None, None, None],
    ]


def test_numbers_alone_come_as_float32_with_nan_for_null(store: FeatureStore) -> None:
    found = LookupPlan.compile(store, store.get_feature_service("numbers")).read(ROWS)
    assert found.columns == found.numeric == ("rating", "trips", "doors", "weight", "electric")
    assert found.matrix.dtype == np.float32
    nan = float("nan")
    np.testing.assert_array_equal(found.matrix, [[4.5, 10, 4, 1.5, 1], [5, nan, -2, nan, 0], [nan] * 5])


@pytest.mark.parametrize(
    "rows",
    [
        ROWS,
        {"driver_id": [1, 2, 9], "zone": ["a", "b", "a"]},
        {"driver_id": np.array([1, 2, 9]), "zone": np.array(["a", "b", "a"])},
    ],
)
def test_rows_may_be_columns(store: FeatureStore, rows: Any) -> None:
    assert LookupPlan.compile(store, "ride").read(rows).column("trips").tolist() == [10, None, None]


def test_references_serve_instead_of_a_service(store: FeatureStore) -> None:
    plan = LookupPlan.compile(store, ["stats:trips", "weather:rain", "stats:city"])
    assert plan.columns == ("trips", "city", "rain")
    assert plan.join_keys == ("driver_id", "zone")
    assert plan.read(ROWS[:1]).matrix.tolist() == [[10.0, "Bern", 0.25]]


@pytest.mark.parametrize("count", [1, 5, 200, 3 * CHUNK_ROWS + 7])
def test_any_number_of_rows_equals_what_feast_tells_by_both_ways(store: FeatureStore, count: int) -> None:
    drivers = list(range(1, 400))
    draw = np.random.default_rng(count)
    trips = pa.array(draw.integers(-(2**40), 2**40, 399), mask=draw.random(399) < 0.2)
    lay(
        store,
        "stats",
        {"driver_id": drivers, "trips": trips, "city": [str(one) for one in drivers], "rating": draw.random(399)},
        day(5),
    )
    rows = [{"driver_id": int(one), "zone": "ab"[one % 2]} for one in draw.integers(1, 500, count)]
    expected = store.get_online_features(store.get_feature_service("ride"), rows).to_dict()
    plan = LookupPlan.compile(store, "ride")

    async def read() -> Any:
        try:
            return await plan.read_async(rows)
        finally:
            await plan.close_async()

    for found in (plan.read(rows), asyncio.run(read())):
        for name in COLUMNS:
            told = [None if one is None else one if isinstance(one, str) else float(one) for one in expected[name]]
            assert found.column(name).tolist() == told


@pytest.mark.parametrize("others", [0, 100])
def test_each_view_tells_its_status_event_time_and_age(store: FeatureStore, others: int) -> None:
    lay(store, "weather", {"zone": ["b"], "rain": [None]}, day(4))
    rows = [*ROWS, {"driver_id": 3, "zone": "none"}, *strangers(others)]
    found = LookupPlan.compile(store, "ride").read(rows, now=day(3))
    expected = {
        "weather": [PRESENT, NULL, PRESENT, NOT_FOUND],
        "cars": [PRESENT, PRESENT, NOT_FOUND, NOT_FOUND],
        "stats": [STALE, STALE, NOT_FOUND, STALE],
    }
    assert {view: states.tolist() for view, states in found.statuses.items()} == {
        view: states + [NOT_FOUND] * others for view, states in expected.items()
    }
    first = int(day(1).timestamp() * 1e6)
    assert found.event_times["stats"].tolist() == [first, first, ABSENT, first] + [ABSENT] * others
    np.testing.assert_array_equal(found.ages["stats"][:3], [172_800, 172_800, float("nan")])
    # told nonetheless: whether to take it is the model's to say
    assert found.column("trips")[0] == 10


def test_a_view_is_stale_from_the_moment_after_its_ttl(store: FeatureStore) -> None:
    plan = LookupPlan.compile(store, ["stats:trips"])
    for late, status in ((timedelta(0), PRESENT), (timedelta(microseconds=1), STALE)):
        for rows in (ROWS[:1], [*ROWS[:1], *strangers(50)]):
            assert plan.read(rows, now=day(2) + late).statuses["stats"][0] == status


def test_a_view_of_which_every_feature_asked_is_null_is_null(store: FeatureStore) -> None:
    rows = [{"driver_id": 2}]
    now = day(1)
    assert LookupPlan.compile(store, ["stats:trips"]).read(rows, now=now).statuses["stats"].tolist() == [NULL]
    # an empty text is a value
    assert LookupPlan.compile(store, ["stats:trips", "stats:city"]).read(rows, now=now).statuses["stats"].tolist() == [
        PRESENT
    ]


def test_feasts_own_response_tells_the_status_of_each_feature(store: FeatureStore) -> None:
    lay(store, "stats", {"driver_id": [1], "trips": [None], "city": ["Bern"], "rating": [1.0]}, datetime.now(UTC))
    response = store.get_online_features(
        ["stats:trips", "stats:city"], [{"driver_id": 1}, {"driver_id": 2}, {"driver_id": 9}]
    )
    names = list(response.proto.metadata.feature_names.val)
    told = {name: list(one.statuses) for name, one in zip(names, response.proto.results, strict=True)}
    assert told["trips"] == [FieldStatus.NULL_VALUE, FieldStatus.OUTSIDE_MAX_AGE, FieldStatus.NOT_FOUND]
    assert told["city"] == [FieldStatus.PRESENT, FieldStatus.OUTSIDE_MAX_AGE, FieldStatus.NOT_FOUND]


def test_an_entity_asked_many_times_is_read_once(store: FeatureStore) -> None:
    plan = LookupPlan.compile(store, "ride")
    asked = plan._current().stages[0].compiled.key_request([ROWS[0]] * 168)
    assert len(asked.batch.commands) == 2
    assert plan.read([ROWS[0]] * 168).column("city").tolist() == ["Bern"] * 168


def test_no_rows_give_no_rows(store: FeatureStore) -> None:
    for rows in ([], {"driver_id": [], "zone": []}):
        found = LookupPlan.compile(store, "ride").read(rows)
        assert found.matrix.shape == (0, 6)


@pytest.mark.parametrize(
    ("rows", "error", "complaint"),
    [
        ([{"driver_id": 1}], KeyError, "expected driver_id, zone|expected zone, driver_id"),
        ({"driver_id": [1]}, KeyError, "found none called zone"),
        ({"driver_id": [1, 2], "zone": ["a"]}, ValueError, "columns of one length"),
        ([{"driver_id": "x", "zone": "a"}], ValueError, "join key 'driver_id': expected an integer, found 'x'"),
    ],
)
def test_rows_that_lack_a_key_are_refused(
    store: FeatureStore, rows: Any, error: type[Exception], complaint: str
) -> None:
    with pytest.raises(error, match=complaint):
        LookupPlan.compile(store, "ride").read(rows)


def test_a_view_under_another_name_reads_by_its_own_key(store: FeatureStore, tmp_path: Path) -> None:
    stats = store.get_feature_view("stats")
    friend = stats.with_name("friend").with_join_key_map({"driver_id": "friend_id"})
    store.apply([FeatureService(name="pair", features=[stats[["trips"]], friend])])
    with pytest.raises(ValueError, match="trips; compile with full_names=True"):
        LookupPlan.compile(store, "pair")
    plan = LookupPlan.compile(store, "pair", full_names=True)
    found = plan.read([{"driver_id": 2, "friend_id": 1}])
    assert found.columns == ("stats__trips", "friend__trips", "friend__city", "friend__rating")
    assert found.matrix.tolist() == [[None, 10.0, "Bern", 4.5]]
    assert set(found.statuses) == {"stats", "friend"}


def test_a_value_of_another_type_than_declared_is_read_for_what_it_is(
    store: FeatureStore, tmp_path: Path, address: str
) -> None:
    # With its tag and length a text of seven letters is as long as a double.
    lay(store, "stats", {"driver_id": [1], "trips": [10], "city": ["seven77"], "rating": [4.5]}, day(2))
    other = view_of(tmp_path, {"trips": Float64, "city": Float64, "rating": Int64})
    (tmp_path / "other").mkdir()
    changed = opened(tmp_path / "other", address, [DRIVER, other], ours=True)
    for rows in (ROWS[:1], [*ROWS[:1], *strangers(50)]):
        assert LookupPlan.compile(changed, ["stats:trips", "stats:rating"]).read(rows).matrix[0].tolist() == [10, 4.5]
        found = LookupPlan.compile(changed, ["stats:city"]).read([{"driver_id": 1}, *rows])
        assert found.statuses["stats"].tolist() == [CORRUPT, CORRUPT] + [NOT_FOUND] * (len(rows) - 1)
        assert {one.row for one in found.corrupt} == {0, 1}
        assert "feature 'city': expected a number, found a string_val" in found.corrupt[0].reason


def test_a_changed_service_is_noticed(store: FeatureStore) -> None:
    plan = LookupPlan.compile(store, "ride", refresh_seconds=3600)
    assert plan.refresh() is False
    store.apply([FeatureService(name="ride", features=[store.get_feature_view("stats")[["city"]]])])
    assert plan.columns == COLUMNS
    assert plan.refresh() is True
    assert plan.read(ROWS[:1]).matrix.tolist() == [["Bern"]]


def test_a_plan_looks_again_by_itself_while_it_answers(store: FeatureStore) -> None:
    plan = LookupPlan.compile(store, "ride", refresh_seconds=0.05)
    store.apply([FeatureService(name="ride", features=[store.get_feature_view("stats")[["city"]]])])
    until = datetime.now(UTC) + timedelta(seconds=10)
    while plan.columns == COLUMNS and datetime.now(UTC) < until:
        assert plan.read(ROWS[:1]).column("city").tolist() == ["Bern"]
    assert plan.columns == ("city",)


def test_a_plan_outlives_a_registry_that_is_away(store: FeatureStore, tmp_path: Path) -> None:
    plan = LookupPlan.compile(store, "ride", refresh_seconds=0.02)
    (tmp_path / "ours.db").rename(tmp_path / "gone.db")
    store.registry.cached_registry_proto_created = None
    until = datetime.now(UTC) + timedelta(seconds=10)
    while plan.refresh_fault is None and datetime.now(UTC) < until:
        assert plan.read(ROWS[:1]).column("city").tolist() == ["Bern"]
    assert plan.refresh_fault is not None
    assert plan.read(ROWS[:1]).column("city").tolist() == ["Bern"]
    (tmp_path / "gone.db").rename(tmp_path / "ours.db")
    assert plan.refresh() is False
    assert plan.refresh_fault is None


def test_an_unknown_service_or_feature_is_refused(store: FeatureStore) -> None:
    with pytest.raises(Exception, match="nothing"):
        LookupPlan.compile(store, "nothing")
    with pytest.raises(ValueError, match="view 'stats' has no feature altitude"):
        LookupPlan.compile(store, ["stats:altitude"])


def test_threads_and_loops_may_share_a_plan(store: FeatureStore) -> None:
    lay(
        store,
        "stats",
        {"driver_id": list(range(100)), "trips": list(range(100)), "city": ["x"] * 100, "rating": [0.5] * 100},
        day(9),
    )
    plan = LookupPlan.compile(store, ["stats:trips"])

    def many(seed: int) -> bool:
        draw = np.random.default_rng(seed)
        return all(
            plan.read({"driver_id": drivers}).matrix[:, 0].tolist() == drivers
            for drivers in (draw.integers(0, 100, size).tolist() for size in draw.integers(1, 400, 40))
        )

    async def many_async(seed: int) -> bool:
        draw = np.random.default_rng(seed)
        asked = [draw.integers(0, 100, size).tolist() for size in draw.integers(1, 400, 40)]
        found = await asyncio.gather(*(plan.read_async({"driver_id": drivers}) for drivers in asked))
        await plan.close_async()
        return [one.matrix[:, 0].tolist() for one in found] == asked

    with ThreadPoolExecutor(8) as pool:
        by_threads = [pool.submit(many, seed) for seed in range(8)]
        by_loops = [pool.submit(lambda one: asyncio.run(many_async(one)), seed) for seed in range(8, 12)]
        assert all(future.result() for future in [*by_threads, *by_loops])


CELL = {
    Float64: st.one_of(st.none(), st.floats(allow_nan=False)),
    Float32: st.one_of(st.none(), st.floats(allow_nan=False, width=32)),
    Int64: st.one_of(st.none(), st.integers(-(2**63), 2**63 - 1)),
    Int32: st.one_of(st.none(), st.integers(-(2**31), 2**31 - 1)),
    Bool: st.one_of(st.none(), st.booleans()),
}


@given(
    st.data(),
    st.lists(st.sampled_from(sorted(CELL, key=lambda one: rank(one.to_value_type()))), min_size=1, max_size=6),
)
def test_few_rows_and_many_are_taken_apart_alike(data: st.DataObject, dtypes: list[Any]) -> None:
    dtypes.sort(key=lambda one: rank(one.to_value_type()))
    kinds = tuple(dtype.to_value_type() for dtype in dtypes)
    rows = data.draw(st.lists(st.tuples(*(CELL[dtype] for dtype in dtypes)), min_size=1, max_size=5))
    arrow = {Float64: pa.float64(), Float32: pa.float32(), Int64: pa.int64(), Int32: pa.int32(), Bool: pa.bool_()}
    stored = []
    for dtype, kind, values in zip(dtypes, kinds, zip(*rows, strict=True), strict=True):
        column = encoded(pa.array(values, arrow[dtype]), kind)
        stored.append([bytes(cells[:length]) for cells, length in zip(column.block, column.lengths, strict=True)])
    replies = [[b"head", *row] for row in zip(*stored, strict=True)]
    columns = NumberColumns(tuple(map(str, kinds)), kinds, 1)
    expected = [[np.nan if cell is None else float(cell) for cell in row] for row in rows]
    np.testing.assert_array_equal(columns.read(Buffer(replies, len(kinds) + 1)), expected)
    np.testing.assert_array_equal([columns.read_few(reply) for reply in replies], expected)
