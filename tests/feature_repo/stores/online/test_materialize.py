"""The ways by which Feast writes: materialize, push, write_to_online_store, in both manners, against stock Feast."""

from __future__ import annotations

import asyncio
import subprocess
import sys
import tracemalloc
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
import redis
from feast import FeatureStore, FeatureView, PushSource
from feast.data_source import PushMode
from feast.feature_view import DUMMY_ENTITY_ID, FeatureViewState
from feast.infra.key_encoding_utils import serialize_entity_key
from feast.infra.online_stores.redis import RedisOnlineStore
from feast.protos.feast.types.EntityKey_pb2 import EntityKey
from feast.protos.feast.types.Value_pb2 import Value as ValueProto
from feast.type_map import feast_value_type_to_pa
from feast.types import Array, Bool, Float32, Float64, Int32, Int64, Json, String, UnixTimestamp
from online_project import DRIVER, INSTANT, day, opened, values_of, view_of, write_rows
from redis_servers import Server

from feature_repo.entities import REGION
from feature_repo.store import open_store
from feature_repo.stores.wire.lookup import LookupPlan
from feature_repo.views import MARKET

REPO = Path(__file__).parents[4] / "feature_repo"
FEAST = Path(sys.executable).with_name("feast")
FEATURES = {
    "trips": Int64,
    "rating": Float64,
    "share": Float32,
    "shifts": Int32,
    "active": Bool,
    "city": String,
    "seen": UnixTimestamp,
    "note": Json,
    "codes": Array(Int64),
}
TABLE = pa.table(
    {
        "driver_id": [1, 2, 3, 1],
        "trips": [10, None, 2**60, 11],
        "rating": [4.5, None, float("nan"), 4.6],
        "share": pa.array([0.5, 0.25, None, 0.75], pa.float32()),
        "shifts": pa.array([1, 2, 3, 4], pa.int32()),
        "active": [True, False, None, False],
        "city": ["Zürich", "", None, "Basel"],
        "seen": pa.array([day(1, hours=5), None, day(1), day(2)], INSTANT),
        "note": ['{"a": 1}', None, "[]", "2"],
        "codes": [[1, 2], None, [], [3]],
        "event": pa.array([day(2), day(2), day(2), day(3)], INSTANT),
        "created": pa.array([day(2, hours=3)] * 3 + [day(3, hours=3)], INSTANT),
    }
)
ASKED = [{"driver_id": driver} for driver in (1, 2, 3, 4)]
REFS = [f"stats:{name}" for name in FEATURES]


def both(folder: Path, address: str, **more: Any) -> tuple[FeatureStore, FeatureStore]:
    view = view_of(folder, FEATURES, **more)
    return tuple(opened(folder, address, [DRIVER, view], ours=ours) for ours in (True, False))  # type: ignore[return-value]


def test_what_materialize_writes_reads_the_same_by_both(server: Server, address: str, tmp_path: Path) -> None:
    # integers without nulls: by way of pandas, stock Feast would round 2**60
    write_rows(tmp_path, TABLE.set_column(1, "trips", pa.array([10, 0, 2**60, 11])))
    ours, stock = both(tmp_path, address)
    (elsewhere,) = (opened(tmp_path, server.address, [DRIVER, *stock.list_feature_views()], ours=False),)
    for store in (ours, elsewhere):
        store.materialize(day(1), day(4))
    expected = values_of(elsewhere, REFS, ASKED)
    assert expected["trips"] == [11, 0, 2**60, None]
    assert values_of(ours, REFS, ASKED) == expected
    assert values_of(stock, REFS, ASKED) == expected


@pytest.mark.parametrize("count", [0, 69, 70, 99, 100, 300])
def test_a_view_may_have_any_number_of_features(address: str, tmp_path: Path, count: int) -> None:
    names = [f"f{number}" for number in range(count)]
    table = pa.table(
        {
            "driver_id": [1, 2],
            "city": ["x" * 300, None],
            **{name: [number, None] for number, name in enumerate(names)},
            "event": pa.array([day(2)] * 2, INSTANT),
            "created": pa.array([day(2, hours=3)] * 2, INSTANT),
        }
    )
    write_rows(tmp_path, table)
    view = view_of(tmp_path, {"city": String, **dict.fromkeys(names, Int64)})
    ours, stock = (opened(tmp_path, address, [DRIVER, view], ours=mine) for mine in (True, False))
    for _ in range(2):  # the second time over the first
        ours.materialize(day(1), day(4))
        for store in (ours, stock):
            found = values_of(store, ["stats:city", *(f"stats:{name}" for name in names)], ASKED[:2])
            assert found["city"] == ["x" * 300, None]
            assert [found[name] for name in names] == [[number, None] for number in range(count)]


def test_integers_keep_their_digits_beside_nulls(address: str, tmp_path: Path) -> None:
    write_rows(tmp_path, TABLE)
    ours, stock = both(tmp_path, address)
    ours.materialize(day(1), day(4))
    assert values_of(ours, ["stats:trips"], ASKED)["trips"] == [11, None, 2**60, None]
    assert values_of(stock, ["stats:trips"], ASKED)["trips"] == [11, None, 2**60, None]


def test_only_rows_of_the_window_are_written(address: str, tmp_path: Path) -> None:
    write_rows(tmp_path, TABLE)
    ours, _ = both(tmp_path, address)
    ours.materialize(day(1), day(2, hours=12))
    assert values_of(ours, ["stats:trips"], ASKED)["trips"] == [10, None, 2**60, None]


def test_columns_of_other_names_in_the_files_are_mapped(address: str, tmp_path: Path) -> None:
    write_rows(tmp_path, TABLE.rename_columns(["t" if name == "trips" else name for name in TABLE.column_names]))
    view = view_of(tmp_path, {"trips": Int64})
    view.batch_source.field_mapping = {"t": "trips"}
    ours = opened(tmp_path, address, [DRIVER, view], ours=True)
    ours.materialize(day(1), day(4))
    assert values_of(ours, ["stats:trips"], ASKED)["trips"] == [11, None, 2**60, None]


@pytest.mark.parametrize("ours_pushes", [True, False])
def test_a_push_is_read_by_both(address: str, tmp_path: Path, ours_pushes: bool) -> None:
    batch = view_of(tmp_path, {"trips": Int64}).batch_source
    pushed = PushSource(name="pushed", batch_source=batch)
    view = FeatureView(
        name="stats", entities=[DRIVER], schema=view_of(tmp_path, {"trips": Int64}).schema, source=pushed
    )
    stores = [opened(tmp_path, address, [DRIVER, view], ours=ours) for ours in (True, False)]
    rows = pd.DataFrame({"driver_id": [1], "trips": [7], "event": [day(1)], "created": [day(1)]})
    stores[not ours_pushes].push("pushed", rows, to=PushMode.ONLINE)
    for store in stores:
        assert values_of(store, ["stats:trips"], ASKED[:1])["trips"] == [7]


@pytest.mark.parametrize("ours_writes", [True, False])
def test_the_async_ways_write_and_read_the_same(address: str, tmp_path: Path, ours_writes: bool) -> None:
    ours, stock = both(tmp_path, address)
    rows = TABLE.set_column(1, "trips", pa.array([10, 0, 3, 11])).to_pandas().head(3)

    async def written_and_read() -> list[dict[str, list[Any]]]:
        await (ours if ours_writes else stock).write_to_online_store_async("stats", rows)
        told = [(await store.get_online_features_async(REFS, ASKED)).to_dict() for store in (ours, stock)]
        await ours._get_provider().close()
        await stock._get_provider().online_store._client_async.aclose()
        return told

    by_ours, by_stock = asyncio.run(written_and_read())
    assert by_ours == by_stock == values_of(stock, REFS, ASKED)
    assert by_ours["trips"] == [10, 0, 3, None]


def test_a_view_without_entities_goes_both_ways(address: str, tmp_path: Path) -> None:
    view = view_of(tmp_path, {"trips": Int64}, keys={}, entities=[])
    stores = [opened(tmp_path, address, [view], ours=ours) for ours in (True, False)]
    write_rows(
        tmp_path, pa.table({"trips": [5], "event": pa.array([day(1)], INSTANT), "created": pa.array([day(1)], INSTANT)})
    )
    stores[0].materialize(day(0), day(2))
    (key,) = redis.Redis.from_url(f"redis://{address}").keys()
    nobody = EntityKey(join_keys=[DUMMY_ENTITY_ID], entity_values=[ValueProto(string_val="")])
    assert key == serialize_entity_key(nobody, 3) + b"project"
    assert LookupPlan.compile(stores[0], ["stats:trips"]).read([{}]).matrix.tolist() == [[5]]
    for store in stores:
        assert values_of(store, ["stats:trips"], [{"ignored": 1}])["trips"] == [5]


def test_a_view_that_asks_for_more_takes_feasts_way(address: str, tmp_path: Path) -> None:
    view = view_of(tmp_path, {"note": Json}, enable_validation=True)
    ours = opened(tmp_path, address, [DRIVER, view], ours=True)
    rows = TABLE.select(["driver_id", "note", "event", "created"])
    write_rows(tmp_path, rows.slice(0, 1))
    ours.materialize(day(1), day(4))
    assert values_of(ours, ["stats:note"], ASKED[:1])["note"] == [{"a": 1}]
    write_rows(tmp_path, rows.set_column(1, "note", pa.array(["no JSON"] * 4)))
    with pytest.raises(ValueError, match="declared as Json contains"):
        ours.materialize(day(1), day(4))


@pytest.mark.parametrize(
    ("column", "values", "complaint"),
    [
        ("driver_id", pa.array([1, None]), "join key 'driver_id'.* 1 nulls"),
        ("event", pa.array([day(1), None], INSTANT), "event time in each row, found 1 nulls in the column 'event'"),
        ("event", pa.array(["2024-01-01", ""]), "timestamps in the column 'event', found string"),
    ],
)
def test_rows_that_cannot_be_placed_are_refused_and_nothing_is_written(
    address: str, tmp_path: Path, shared_server: Server, column: str, values: pa.Array, complaint: str
) -> None:
    ours = opened(tmp_path, address, [DRIVER, view_of(tmp_path, {"trips": Int64})], ours=True)
    good = {"driver_id": [1, 2], "trips": [1, 2], "event": [day(1)] * 2, "created": [day(1)] * 2}
    table = pa.table({**good, column: values})
    store = ours._get_provider().online_store
    with pytest.raises((ValueError, TypeError), match=complaint):
        store.online_write_table(ours.config, ours.get_feature_view("stats"), table.to_batches())
    assert shared_server.client().dbsize() == 0


def test_the_memory_of_a_write_is_that_of_its_blocks(address: str, tmp_path: Path) -> None:
    names = [f"f{number}" for number in range(10)]
    ours = opened(tmp_path, address, [DRIVER, view_of(tmp_path, dict.fromkeys(names, Float64))], ours=True)
    store = ours._get_provider().online_store
    view = ours.get_feature_view("stats")

    def peak(blocks: int) -> int:
        def rows() -> Any:
            for block in range(blocks):
                keys = np.arange(block * 16_384, (block + 1) * 16_384)
                yield pa.record_batch(
                    {
                        "driver_id": keys,
                        **{name: keys.astype(float) for name in names},
                        "event": pa.array(np.full(len(keys), np.datetime64("2024-01-01", "us")), INSTANT),
                        "created": pa.array(np.full(len(keys), np.datetime64("2024-01-01", "us")), INSTANT),
                    }
                )

        tracemalloc.start()
        told = store.online_write_table(ours.config, view, rows())
        peaked = tracemalloc.get_traced_memory()[1]
        tracemalloc.stop()
        assert told.rows == told.written == blocks * 16_384
        return peaked

    peak(1)
    few = peak(3)
    assert peak(9) < 1.2 * few


def test_keys_expire_as_in_feast(address: str, tmp_path: Path, shared_server: Server) -> None:
    view = view_of(tmp_path, {"trips": Int64})
    ours = opened(tmp_path, address, [DRIVER, view], ours=True, key_ttl_seconds=100)
    table = pa.table({"driver_id": [1], "trips": [1], "event": [day(1)], "created": [day(1)]})
    store = ours._get_provider().online_store
    store.online_write_table(ours.config, view, table.to_batches())
    client = shared_server.client()
    (key,) = client.keys()
    assert 90 < client.ttl(key) <= 100
    client.expire(key, 10)
    # A row that is not written does not prolong its key's life either.
    assert (
        store.online_write_table(
            ours.config, view, table.set_column(2, "event", pa.array([day(0)])).to_batches()
        ).superseded
        == 1
    )
    assert client.ttl(key) <= 10
    store.online_write_table(ours.config, view, table.to_batches())
    assert client.ttl(key) > 90


def test_deleting_a_view_leaves_nothing_of_it_and_all_of_the_others(
    address: str, tmp_path: Path, shared_server: Server
) -> None:
    views = [view_of(tmp_path, {"trips": Int64}, name=name) for name in ("first", "second")]
    ours = opened(tmp_path, address, [DRIVER, *views], ours=True)
    table = pa.table({"driver_id": [1], "trips": [1], "event": [day(1)], "created": [day(1)]})
    store = ours._get_provider().online_store
    for view in views:
        store.online_write_table(ours.config, view, table.to_batches())
    client = shared_server.client()
    (key,) = client.keys()
    ours.apply([], objects_to_delete=[views[0]], partial=False)
    assert {field for field in client.hkeys(key) if field.startswith(b"_")} == {b"_ts:second", b"_ct:second"}
    assert client.hlen(key) == 3
    ours.teardown()
    assert client.dbsize() == 0


def test_the_store_is_a_redis_store_to_feast(address: str, tmp_path: Path) -> None:
    ours = opened(tmp_path, address, [DRIVER], ours=True)
    store = ours._get_provider().online_store
    assert isinstance(store, RedisOnlineStore)
    assert store.async_supported.read


def test_the_feast_command_materialises_into_it(
    address: str, tmp_path: Path, shared_server: Server, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("TIDEMARK_REDIS", address)
    monkeypatch.setenv("TIDEMARK_HOME", str(tmp_path))
    columns = {field.name: [1.5] for field in MARKET.features if field.name != "is_peak_season"}
    instant = pa.array([datetime(2024, 1, 6, tzinfo=UTC)], INSTANT)
    folder = tmp_path / "features" / "market" / "snapshot_on=2024-01-05"
    folder.mkdir(parents=True)
    whole = pa.table(
        {
            "region_id": [7],
            **columns,
            "is_peak_season": [True],
            "event_timestamp": instant,
            "created_timestamp": instant,
        }
    )
    declared = [feast_value_type_to_pa(field.dtype.to_value_type()) for field in MARKET.features]
    for field, kind in zip(MARKET.features, declared, strict=True):
        at = whole.column_names.index(field.name)
        whole = whole.set_column(at, field.name, whole.column(at).cast(kind, safe=False))
    pq.write_table(whole, folder / "part.parquet")
    for command in ("apply", "materialize --views market 2024-01-05T00:00:00 2024-01-07T00:00:00"):
        subprocess.run([FEAST, "-c", REPO, *command.split()], check=True, cwd=tmp_path, capture_output=True)
    (key,) = shared_server.client().keys()
    assert b"_ct:market" in shared_server.client().hkeys(key)
    store = open_store()
    found = LookupPlan.compile(store, [f"market:{field.name}" for field in MARKET.features]).read([{"region_id": 7}])
    assert (
        found.numbers.tolist()
        == whole.drop_columns(["region_id", "event_timestamp", "created_timestamp"])
        .to_pandas()
        .astype(float)
        .to_numpy()
        .tolist()
    )
    store._get_provider().online_store.wire(store.config).close()


def test_a_view_whose_writing_goes_on_or_was_killed_is_still_served(
    address: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("TIDEMARK_REDIS", address)
    monkeypatch.setenv("TIDEMARK_HOME", str(tmp_path))
    store = open_store()
    store.apply([REGION, MARKET])
    view = store.get_feature_view(MARKET.name)
    # Feast 0.67's SQL registry takes no note of a state that changes alone.
    store.registry.delete_feature_view(view.name, store.project)
    view.state = FeatureViewState.MATERIALIZING
    store.registry.apply_feature_view(view, store.project)
    found = open_store()
    assert found.get_feature_view(view.name).state == FeatureViewState.MATERIALIZING
    name = MARKET.features[0].name
    assert values_of(found, [f"market:{name}"], [{"region_id": 7}])[name] == [None]
    online = found._get_provider().online_store
    online.wire(found.config).close()
