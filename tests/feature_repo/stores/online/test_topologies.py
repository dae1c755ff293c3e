"""A Cluster of three and a Sentinel with its master: real ones, ours beside stock Feast."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pyarrow as pa
import pytest
import redis
from feast import FeatureStore
from feast.types import Float64, Int64, String
from online_project import DRIVER, INSTANT, day, opened, values_of, view_of
from redis.crc import key_slot
from redis_servers import Server, cluster, eventually, free_port, running, sentinel

from feature_repo.stores.wire.errors import OnlineStoreAwayError
from feature_repo.stores.wire.lookup import LookupPlan
from feature_repo.stores.wire.script import EventSpan

DRIVERS = list(range(500))
REFS = ["stats:trips", "stats:city", "stats:rating"]
TABLE = pa.table(
    {
        "driver_id": DRIVERS,
        "trips": DRIVERS,
        "city": [f"{{city}} {one}" for one in DRIVERS],
        "rating": [one / 7 for one in DRIVERS],
        "event": pa.array([day(1)] * len(DRIVERS), INSTANT),
        "created": pa.array([day(1)] * len(DRIVERS), INSTANT),
    }
)
ASKED = [{"driver_id": one} for one in DRIVERS]


@pytest.fixture(scope="module")
def nodes(tmp_path_factory: pytest.TempPathFactory) -> Iterator[list[Server]]:
    with cluster(tmp_path_factory.mktemp("cluster")) as servers:
        yield servers


def both(folder: Path, address: str, **settings: Any) -> tuple[FeatureStore, FeatureStore]:
    view = view_of(folder, {"trips": Int64, "city": String, "rating": Float64})
    ours = opened(folder, address, [DRIVER, view], ours=True, **settings)
    return ours, opened(folder, address, [DRIVER, view], ours=False, **settings)


def lay(store: FeatureStore, table: pa.Table = TABLE) -> Any:
    online = store._get_provider().online_store
    return online.online_write_table(store.config, store.get_feature_view("stats"), table.to_batches())


def read_async(plan: LookupPlan, rows: list[dict[str, int]]) -> Any:
    async def one() -> Any:
        try:
            return await plan.read_async(rows)
        finally:
            await plan.close_async()

    return asyncio.run(one())


@pytest.fixture
def clustered(nodes: list[Server], tmp_path: Path) -> tuple[FeatureStore, FeatureStore]:
    for node in nodes:
        node.client().flushall()
    # one node is enough to find the others
    return both(tmp_path, nodes[1].address, redis_type="redis_cluster")


@pytest.mark.parametrize("ours_writes", [True, False])
def test_a_cluster_is_written_and_read_both_ways(
    clustered: tuple[FeatureStore, FeatureStore], nodes: list[Server], ours_writes: bool
) -> None:
    ours, stock = clustered
    if ours_writes:
        assert lay(ours).written == len(DRIVERS)
    else:
        stock.write_to_online_store("stats", TABLE.to_pandas())
    assert all(node.client().dbsize() > 100 for node in nodes)
    expected = values_of(stock, REFS, ASKED)
    assert expected["trips"] == DRIVERS
    assert values_of(ours, REFS, ASKED) == expected
    plan = LookupPlan.compile(ours, REFS)
    for found in (plan.read(ASKED), read_async(plan, ASKED)):
        assert found.column("trips").tolist() == DRIVERS
        assert found.column("city").tolist() == expected["city"]


def test_the_newest_wins_in_a_cluster_too(clustered: tuple[FeatureStore, FeatureStore]) -> None:
    ours, _ = clustered
    lay(ours)
    older = TABLE.set_column(4, "event", pa.array([day(0)] * len(DRIVERS), INSTANT))
    assert lay(ours, older).superseded == len(DRIVERS)
    ours.write_to_online_store("stats", TABLE.to_pandas().assign(trips=-1))
    assert set(values_of(ours, REFS, ASKED)["trips"]) == {-1}


def test_keys_that_move_to_another_node_are_followed(
    clustered: tuple[FeatureStore, FeatureStore], nodes: list[Server]
) -> None:
    ours, _ = clustered
    lay(ours)
    plan = LookupPlan.compile(ours, REFS)
    plan.read(ASKED)
    key = plan._current().stages[0].compiled.lookups[0].layout.of_values([[7]])[0]
    slot = key_slot(key)
    source = _owner(nodes, slot)
    target = next(node for node in nodes if node is not source)
    names = {node.port: node.client().execute_command("CLUSTER MYID").decode() for node in nodes}
    # While the slot moves, a key that has gone is asked for at its new place.
    target.client().execute_command("CLUSTER SETSLOT", slot, "IMPORTING", names[source.port])
    source.client().execute_command("CLUSTER SETSLOT", slot, "MIGRATING", names[target.port])
    for moved in source.client().execute_command("CLUSTER GETKEYSINSLOT", slot, 100):
        source.client().migrate("127.0.0.1", target.port, moved, 0, 5000)
    for found in (plan.read(ASKED), read_async(plan, ASKED)):
        assert found.column("trips").tolist() == DRIVERS
    newer = TABLE.set_column(4, "event", pa.array([day(2)] * len(DRIVERS), INSTANT))
    assert lay(ours, newer).written == len(DRIVERS)
    # And when it has moved, the node that had it says so.
    for node in (target, source, *nodes):
        node.client().execute_command("CLUSTER SETSLOT", slot, "NODE", names[target.port])
    for found in (plan.read(ASKED), read_async(plan, ASKED)):
        assert found.column("trips").tolist() == DRIVERS
    assert lay(ours, newer).written == len(DRIVERS)


def _owner(nodes: list[Server], slot: int) -> Server:
    known = redis.RedisCluster(host="127.0.0.1", port=nodes[0].port)
    port = known.nodes_manager.get_node_from_slot(slot).port
    known.close()
    return next(node for node in nodes if node.port == port)


def test_a_cluster_that_has_lost_a_node_is_away_until_the_node_returns(tmp_path: Path) -> None:
    with cluster(tmp_path / "cluster") as nodes:
        ours, _ = both(tmp_path, nodes[0].address, redis_type="redis_cluster")
        lay(ours)
        plan = LookupPlan.compile(ours, REFS)
        assert plan.read(ASKED).column("trips").tolist() == DRIVERS
        nodes[2].kill()
        for ask in (plan.read, lambda rows: read_async(plan, rows)):
            with pytest.raises(OnlineStoreAwayError, match=f"Redis at {nodes[0].address}"):
                ask(ASKED)
        nodes[2].start()
        assert eventually(lambda: lay(ours), 20).rows == len(DRIVERS)
        for found in (plan.read(ASKED), read_async(plan, ASKED)):
            assert found.column("trips").tolist() == DRIVERS


@pytest.fixture
def master_and_watch(tmp_path: Path) -> Iterator[tuple[Server, Server, Server]]:
    master = Server(tmp_path / "master", free_port(), ("--save", ""))
    with running(master):
        replica = Server(
            tmp_path / "replica", free_port(), ("--save", "", "--replicaof", "127.0.0.1", str(master.port))
        )
        with running(replica), sentinel(tmp_path / "sentinel", master) as watch:
            eventually(lambda: watch.client().execute_command("SENTINEL REPLICAS", "mymaster"), 20)
            yield master, replica, watch


def test_a_sentinel_leads_to_its_master_and_after_a_failover_to_the_new_one(
    master_and_watch: tuple[Server, Server, Server], tmp_path: Path
) -> None:
    master, replica, watch = master_and_watch
    ours, stock = both(tmp_path, watch.address, redis_type="redis_sentinel")
    assert lay(ours).written == len(DRIVERS)
    assert values_of(stock, REFS, ASKED) == values_of(ours, REFS, ASKED)
    plan = LookupPlan.compile(ours, REFS)
    for found in (plan.read(ASKED), read_async(plan, ASKED)):
        assert found.column("trips").tolist() == DRIVERS
    assert master.client().wait(1, 5000) == 1

    # A sentinel that has not heard of its replica for a while calls none of them good, and soon thinks again.
    eventually(lambda: watch.client().execute_command("SENTINEL FAILOVER", "mymaster"), 30)
    eventually(lambda: replica.client().info("replication")["role"] == "master", 30)
    eventually(lambda: master.client().info("replication")["role"] == "slave", 30)
    newer = TABLE.set_column(4, "event", pa.array([day(2)] * len(DRIVERS), INSTANT))
    assert eventually(lambda: lay(ours, newer), 20).written == len(DRIVERS)
    assert replica.client().dbsize() == len(DRIVERS)
    for found in (plan.read(ASKED), read_async(plan, ASKED)):
        assert found.event_times["stats"].tolist() == [int(day(2).timestamp() * 1e6)] * len(DRIVERS)


@pytest.mark.parametrize("ours_writes", [True, False])
def test_withdrawn_rows_of_a_cluster_give_way_to_older_ones_or_go(
    clustered: tuple[FeatureStore, FeatureStore], nodes: list[Server], ours_writes: bool
) -> None:
    ours, stock = clustered
    later = TABLE.set_column(4, "event", pa.array([day(2)] * len(DRIVERS), INSTANT))
    if ours_writes:
        lay(ours, later)
    else:
        stock.write_to_online_store("stats", later.to_pandas())
    online, view = ours.provider.online_store, ours.get_feature_view("stats")
    second = int(day(2).timestamp())
    assert online.rows_of(ours.config, view, EventSpan(second - 1, second - 1)).count() == 0
    assert online.rows_of(ours.config, view, EventSpan(second, second)).count() == len(DRIVERS)
    older = TABLE.slice(0, 300).set_column(1, "trips", pa.array([7] * 300))
    assert online.rows_of(ours.config, view, EventSpan(second, second)).withdraw(older.to_batches()) == 200
    assert values_of(ours, REFS, ASKED)["trips"] == [7] * 300 + [None] * 200
    assert sum(node.client().dbsize() for node in nodes) == 300


def test_a_row_a_moment_after_the_withdrawn_times_stays(clustered: tuple[FeatureStore, FeatureStore]) -> None:
    ours, _ = clustered
    moment = TABLE.set_column(4, "event", pa.array([day(2, microseconds=1)] * len(DRIVERS), INSTANT))
    lay(ours, moment)
    online, view, second = ours.provider.online_store, ours.get_feature_view("stats"), int(day(2).timestamp())
    older = TABLE.set_column(1, "trips", pa.array([7] * len(DRIVERS)))
    assert online.rows_of(ours.config, view, EventSpan(second - 86_400, second)).withdraw(older.to_batches()) == 0
    assert values_of(ours, REFS, ASKED)["trips"] == DRIVERS
