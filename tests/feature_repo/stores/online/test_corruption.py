"""What no writer leaves in Redis is told apart from a null, and fails the rows that it concerns."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pytest
from feast import FeatureStore, ValueType
from feast.protos.feast.types.Value_pb2 import Value
from feast.types import Float64, Int64, String
from google.protobuf.message import DecodeError
from hypothesis import given
from hypothesis import strategies as st
from online_project import DRIVER, INSTANT, day, opened, view_of
from redis import Redis

from feature_repo.stores.wire.decode import Buffer, NumberColumns
from feature_repo.stores.wire.errors import CorruptValueError
from feature_repo.stores.wire.keys import KeyLayout, field_of, stamp_field_of
from feature_repo.stores.wire.lookup import CHUNK_ROWS, LookupPlan
from feature_repo.stores.wire.lookup_result import LookupResult, Status

REFERENCES = ["stats:trips", "stats:rating", "stats:city", "cars:doors"]
KEY = KeyLayout.of("project", {"driver_id": ValueType.INT64}).of_values([[1]])[0]
PRESENT, NULL, _, NOT_FOUND, CORRUPT = Status


def lay(store: FeatureStore, view: str, **columns: list[Any]) -> None:
    times = {name: pa.array([day(1)] * len(columns["driver_id"]), INSTANT) for name in ("event", "created")}
    store._get_provider().online_store.online_write_table(
        store.config, store.get_feature_view(view), pa.table({**columns, **times}).to_batches()
    )


def store_at(address: str, folder: Path, **settings: Any) -> FeatureStore:
    """Three drivers with trips, of whom one has nothing but nulls, and with cars."""
    stats = view_of(folder, {"trips": Int64, "rating": Float64, "city": String})
    cars = view_of(folder, {"doors": Int64}, name="cars")
    store = opened(folder, address, [DRIVER, stats, cars], ours=True, **settings)
    lay(store, "stats", driver_id=[1, 2, 3], trips=[7, 300, None], rating=[0.5, 1.5, None], city=["Bern", "", None])
    lay(store, "cars", driver_id=[1, 2], doors=[4, 2])
    return store


@pytest.fixture
def store(address: str, tmp_path: Path) -> FeatureStore:
    return store_at(address, tmp_path)


@pytest.fixture
def client(address: str) -> Redis:
    host, port = address.split(":")
    return Redis(host, int(port))


DEEDS: dict[str, tuple[Callable[[Redis], object], str]] = {
    "a field deleted": (
        lambda redis: redis.hdel(KEY, field_of("stats", "trips")),
        r"written \(as of 2024-01-01 00:00:00\), found nothing of trips: deleted, or added to the view since",
    ),
    "an event time deleted": (lambda redis: redis.hdel(KEY, stamp_field_of("stats")), "expected an event time"),
    "an event time of garbage": (
        lambda redis: redis.hset(KEY, stamp_field_of("stats"), b"\xff\xff"),
        "expected an event time, found bytes that are none: ffff",
    ),
    "an integer cut short": (
        lambda redis: redis.hset(KEY, field_of("stats", "trips"), b"\x20\xac"),
        "feature 'trips': expected a value of Feast's, found 2 bytes",
    ),
    "a tag alone": (
        lambda redis: redis.hset(KEY, field_of("stats", "trips"), b"\x20"),
        "feature 'trips': expected a value of Feast's, found 1 bytes",
    ),
    "a fraction cut short": (
        lambda redis: redis.hset(KEY, field_of("stats", "rating"), b"\x31\x00\x00"),
        "feature 'rating': expected a value of Feast's, found 3 bytes",
    ),
    "a text cut short": (
        lambda redis: redis.hset(KEY, field_of("stats", "city"), b"\x12\x04Be"),
        "feature 'city': expected a value of Feast's, found 4 bytes",
    ),
    "garbage": (
        lambda redis: redis.hset(KEY, field_of("stats", "city"), b"garbage!"),
        "feature 'city': expected a value of Feast's, found 8 bytes that are none: 6761726261676521",
    ),
}


def read(plan: LookupPlan, rows: list[dict[str, Any]], *, awaited: bool) -> LookupResult:
    async def once() -> LookupResult:
        try:
            return await plan.read_async(rows)
        finally:
            await plan.close_async()

    return asyncio.run(once()) if awaited else plan.read(rows)


@pytest.mark.parametrize("deed", DEEDS)
@pytest.mark.parametrize("awaited", [False, True])
@pytest.mark.parametrize("others", [0, 50, CHUNK_ROWS])
def test_a_corrupt_view_fails_its_row_and_no_other(
    store: FeatureStore, client: Redis, deed: str, awaited: bool, others: int
) -> None:
    act, reason = DEEDS[deed]
    act(client)
    rows = [*({"driver_id": 1000 + number} for number in range(others)), *({"driver_id": one} for one in (2, 1, 3, 1))]
    found = read(LookupPlan.compile(store, REFERENCES), rows, awaited=awaited)
    assert found.statuses["stats"][others:].tolist() == [PRESENT, CORRUPT, NULL, CORRUPT]
    assert found.statuses["cars"][others:].tolist() == [PRESENT, PRESENT, NOT_FOUND, PRESENT]
    assert found.matrix[others].tolist() == [300, 1.5, "", 2]
    assert found.matrix[others + 1].tolist() == [None, None, None, 4]
    assert [(one.row, one.view) for one in found.corrupt] == [(others + 1, "stats"), (others + 3, "stats")]
    with pytest.raises(AssertionError, match=reason):
        raise AssertionError(found.corrupt[0].reason)
    assert [one.row for one in found.take([others + 1, others, others + 1]).corrupt] == [0, 2]


@pytest.mark.parametrize("others", [0, 50])
@pytest.mark.parametrize("awaited", [False, True])
def test_a_key_of_another_program_fails_its_row_and_no_other(
    store: FeatureStore, client: Redis, awaited: bool, others: int
) -> None:
    client.set(KEY, "not ours")
    rows = [{"driver_id": number} for number in (1, 2, *range(1000, 1000 + others))]
    found = read(LookupPlan.compile(store, REFERENCES), rows, awaited=awaited)
    assert found.statuses["stats"][:2].tolist() == found.statuses["cars"][:2].tolist() == [CORRUPT, PRESENT]
    assert found.matrix[:2].tolist() == [[None] * 4, [300, 1.5, "", 2]]
    assert "the key holds something else than a hash" in found.corrupt[0].reason


@pytest.mark.parametrize("deed", DEEDS)
def test_feasts_call_names_the_entity_the_view_and_the_remedy(store: FeatureStore, client: Redis, deed: str) -> None:
    act, reason = DEEDS[deed]
    act(client)
    assert store.get_online_features(REFERENCES, [{"driver_id": 2}]).to_dict()["trips"] == [300]
    pattern = rf"driver_id=1, view 'stats': .*{reason}.*; materialise the view again"
    for count in (1, 50):
        rows = [{"driver_id": one} for one in range(1, count + 1)]
        with pytest.raises(CorruptValueError, match=pattern):
            store.get_online_features(REFERENCES, rows)
        with pytest.raises(CorruptValueError, match=pattern):
            asyncio.run(asked(store, rows))
        # what is unusual goes Feast's way
        with pytest.raises(CorruptValueError, match=pattern):
            store.get_online_features(REFERENCES, [{"driver_id": float(row["driver_id"])} for row in rows])


def test_feasts_call_names_a_key_of_another_program(store: FeatureStore, client: Redis) -> None:
    client.set(KEY, "not ours")
    with pytest.raises(CorruptValueError, match=r"driver_id=1, .*something else than a hash"):
        store.get_online_features(REFERENCES, [{"driver_id": 1}])


async def asked(store: FeatureStore, rows: list[dict[str, Any]]) -> Any:
    try:
        return await store.get_online_features_async(REFERENCES, rows)
    finally:
        await store._get_provider().online_store.async_wire(store.config).close()


def test_features_that_were_never_written_may_be_nulls_as_with_feast(address: str, tmp_path: Path) -> None:
    store = store_at(address, tmp_path, unwritten_features="null")
    store.apply([view_of(tmp_path, {"trips": Int64, "rating": Float64, "city": String, "rides": Int64})])
    references = ["stats:trips", "stats:rides"]
    for count in (1, 50):
        rows = [{"driver_id": one} for one in range(1, count + 1)]
        assert store.get_online_features(references, rows).to_dict()["rides"] == [None] * count
        found = LookupPlan.compile(store, references).read(rows, now=datetime(2024, 1, 1, tzinfo=UTC))
        assert found.statuses["stats"][0] == PRESENT


TAGGED = st.builds(
    bytes.__add__, st.sampled_from([b"\x20", b"\x18", b"\x38", b"\x31", b"\x2d"]), st.binary(max_size=12)
)


@given(st.one_of(st.binary(max_size=12), TAGGED), st.integers(1, 30))
def test_no_bytes_are_read_as_a_number_that_protobuf_does_not_read(stored: bytes, copies: int) -> None:
    try:
        value = Value.FromString(stored)
    except DecodeError:
        value = Value()
    name = value.WhichOneof("val") or ""
    is_number = name in {"int64_val", "int32_val", "double_val", "float_val", "bool_val"}
    for kind in (ValueType.INT64, ValueType.DOUBLE, ValueType.BOOL):
        columns = NumberColumns(("x",), (kind,), 0)
        many = Buffer([[stored]] * copies, 1)
        for way in (lambda: columns.read_few([stored])[0], lambda: columns.read(many)[-1, 0]):  # noqa: B023
            if not stored:
                assert np.isnan(way())
            elif is_number:
                # a flag is whatever is not zero, and no writer leaves another than one
                told = float(bool(way())) if name == "bool_val" else way()
                np.testing.assert_equal(told, float(getattr(value, name)))
            else:
                with pytest.raises(CorruptValueError):
                    way()
