"""The driver for event loops. Each loop has its own connections: one loop cannot wait on another's sockets."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from typing import Any, Protocol
from weakref import WeakKeyDictionary

from feast.infra.online_stores.redis import RedisType
from redis.asyncio import Redis, RedisCluster, Sentinel
from redis.asyncio.cluster import ClusterNode
from redis.asyncio.connection import ConnectionPool as RedisPool
from redis.asyncio.retry import Retry
from redis.backoff import NoBackoff

from feature_repo.stores.wire.attempts import FAULTS, Attempts, breaker_of, require_closed
from feature_repo.stores.wire.batching import CommandBatch, NodeBatch
from feature_repo.stores.wire.deadline import Deadline
from feature_repo.stores.wire.errors import OnlineStoreRefusedError
from feature_repo.stores.wire.exchange import Exchange, Nodes, ReplyReader, SingleNode, exchange
from feature_repo.stores.wire.gather_all import gather_all
from feature_repo.stores.wire.settings import WireSettings

_CHUNK = 1 << 18


class _NodeConnections(Protocol):
    """Where connections of one node come from. A Cluster's node of redis-py is such."""

    def acquire_connection(self) -> Any: ...

    def release(self, connection: Any) -> None: ...


class _IdleConnections:
    """Connections to the one node there is.

    redis-py's own pool polls the loop at each loan, which costs as much as the question; here a glance at what the
    loop has already read does.
    """

    def __init__(self, source: RedisPool) -> None:
        self._source = source
        self._idle: list[Any] = []

    def acquire_connection(self) -> Any:
        if self._idle:
            return self._idle.pop()
        return self._source.connection_class(**self._source.connection_kwargs)

    def release(self, connection: Any) -> None:
        self._idle.append(connection)

    async def close(self) -> None:
        while self._idle:
            await self._idle.pop().disconnect()


class _LoopClient:
    """What one event loop holds."""

    def __init__(self, settings: WireSettings) -> None:
        self._client, self._watchers = _connect(settings)
        self.topology_is_old = False
        self._idle = None if isinstance(self._client, RedisCluster) else _IdleConnections(self._client.connection_pool)
        self._single = None if self._idle is None else SingleNode[_NodeConnections](self._idle)

    async def nodes(self, deadline: Deadline) -> Nodes[_NodeConnections]:
        if self._single is not None:
            return self._single
        client: Any = self._client
        async with asyncio.timeout(deadline.left()):
            # It heeds only the first of these calls, and aclose() only after it.
            await client.initialize()
            if self.topology_is_old:
                await client.nodes_manager.initialize()
                self.topology_is_old = False
        return _LoopClusterNodes(client)

    async def close(self) -> None:
        if self._idle is not None:
            await self._idle.close()
        for client in (self._client, *self._watchers):
            await client.aclose()


class _LoopClusterNodes:
    """The nodes of a Cluster as redis-py knows them, which keep connections themselves."""

    only = None

    def __init__(self, client: RedisCluster) -> None:
        self._client: Any = client

    def of_slot(self, slot: int) -> _NodeConnections:
        node: _NodeConnections = self._client.nodes_manager.get_node_from_slot(slot)
        return node

    def at(self, host: str, port: int) -> _NodeConnections | None:
        node: _NodeConnections | None = self._client.get_node(host, port)
        return node


class AsyncWire:
    """The way to a Redis for coroutines."""

    def __init__(self, settings: WireSettings) -> None:
        self.settings = settings
        self._breaker = breaker_of(settings)
        self._clients: WeakKeyDictionary[asyncio.AbstractEventLoop, _LoopClient] = WeakKeyDictionary()

    async def ask(self, batch: CommandBatch, waited: float = 0.0) -> list[Any]:
        """The replies, in the order of the commands. Of the time for them, so many seconds were waited already."""
        if not batch.commands:
            return []
        require_closed(self._breaker, self.settings)
        deadline = Deadline(self.settings.answer_within, waited)
        client = self._client()
        with self._breaker:
            attempts = Attempts(self.settings, deadline)
            while True:
                deadline.tries += 1
                try:
                    steps = exchange(batch, await client.nodes(deadline), self.settings.address)
                    return await _AsyncExchange(deadline).finished(steps)
                except FAULTS as fault:
                    client.topology_is_old = True
                    await asyncio.sleep(attempts.pause_after(fault))

    async def close(self) -> None:
        """Close the connections of the running loop; the next question opens new ones."""
        client = self._clients.pop(asyncio.get_running_loop(), None)
        if client is not None:
            await client.close()

    def _client(self) -> _LoopClient:
        loop = asyncio.get_running_loop()
        client = self._clients.get(loop)
        if client is None:
            client = self._clients[loop] = _LoopClient(self.settings)
        return client


class _AsyncExchange:
    """An exchange, and the connections it takes; as in `transport`, they go back whole or closed.

    That holds for a task that is cancelled too: its replies are still under way.
    """

    def __init__(self, deadline: Deadline) -> None:
        self._deadline = deadline
        self._connections: list[tuple[_NodeConnections, Any]] = []

    async def finished(self, steps: Exchange[_NodeConnections]) -> list[Any]:
        """Ask all nodes at once, and read what they reply."""
        try:
            batches = next(steps)
            while True:
                batches = steps.send(await self._received(batches))
        except StopIteration as end:
            self._release()
            return end.value  # type: ignore[no-any-return]
        except OnlineStoreRefusedError:
            self._release()
            raise
        except BaseException:
            for _, connection in self._connections:
                await connection.disconnect(nowait=True)
            self._release()
            raise

    async def _received(self, batches: Sequence[NodeBatch[_NodeConnections]]) -> list[list[Any]]:
        if len(batches) == 1:
            return [await self._replies(batches[0])]
        return await gather_all(self._replies(batch) for batch in batches)

    async def _replies(self, batch: NodeBatch[_NodeConnections]) -> list[Any]:
        connection = batch.node.acquire_connection()
        self._connections.append((batch.node, connection))
        if _is_spoilt(connection):
            await connection.disconnect(nowait=True)
        if not connection.is_connected:
            async with asyncio.timeout(self._deadline.left()):
                await connection.connect()
        reader = ReplyReader(batch.replies)
        waits = self._deadline.least(connection.socket_timeout)
        loop = asyncio.get_running_loop()
        async with asyncio.timeout(waits) as timeout:
            connection._writer.write(batch.payload)
            await connection._writer.drain()
            while not reader.feed(await connection._reader.read(_CHUNK)):
                timeout.reschedule(loop.time() + waits)
        return reader.replies

    def _release(self) -> None:
        for node, connection in self._connections:
            node.release(connection)


def _is_spoilt(connection: Any) -> bool:
    """Whether the server has hung up, or has said something that nobody asked for."""
    reader = connection._reader
    return reader is not None and (reader.at_eof() or bool(reader._buffer))


def _connect(settings: WireSettings) -> tuple[Redis | RedisCluster, list[Redis]]:
    """The client, and those of the Sentinels that lead it to its master."""
    options = {**settings.options(), "retry": Retry(NoBackoff(), 0)}
    if settings.redis_type == RedisType.redis_cluster:
        known = [ClusterNode(host, port) for host, port in settings.nodes]
        return RedisCluster(startup_nodes=known, **options), []
    if settings.redis_type == RedisType.redis_sentinel:
        sentinel: Any = Sentinel(settings.nodes, **options)  # type: ignore[no-untyped-call]
        return sentinel.master_for(settings.sentinel_master), sentinel.sentinels
    host, port = settings.nodes[0]
    return Redis(host=host, port=port, **options), []
