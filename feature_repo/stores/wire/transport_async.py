"""The same exchange on an event loop. Each loop has its own connections: one loop cannot wait on another's sockets."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from typing import Any, Protocol
from weakref import WeakKeyDictionary

from circuitbreaker import CircuitBreakerError
from feast.infra.online_stores.redis import RedisType
from redis.asyncio import Redis, RedisCluster, Sentinel
from redis.asyncio.cluster import ClusterNode
from redis.asyncio.connection import ConnectionPool
from redis.asyncio.retry import Retry
from redis.backoff import ExponentialWithJitterBackoff, NoBackoff

from feature_repo.stores.wire.errors import OnlineStoreRefusedError, UnsteadyError, away, resting
from feature_repo.stores.wire.parcels import (
    FAULTS,
    CommandBatch,
    Parcel,
    ReplyReader,
    asked_elsewhere,
    breaker_of,
    checked,
    is_passing,
    parcel_for,
    parcels_by_slot,
    replies_of,
)
from feature_repo.stores.wire.patience import Deadline
from feature_repo.stores.wire.settings import WireSettings
from feature_repo.stores.wire.together import together

_CHUNK = 1 << 18


class _Lender(Protocol):
    """Where connections of one node come from. A Cluster's node of redis-py is one."""

    def acquire_connection(self) -> Any: ...

    def release(self, connection: Any) -> None: ...


class _Pool:
    """Connections to the one node there is.

    redis-py's own pool polls the loop at each loan, which costs as much as the question; here a glance at what the
    loop has already read does.
    """

    def __init__(self, source: ConnectionPool) -> None:
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


class _Side:
    """What one event loop holds."""

    def __init__(self, settings: WireSettings) -> None:
        self.client, self._watchers = _connect(settings)
        self.topology_is_old = False
        self._pool = None if isinstance(self.client, RedisCluster) else _Pool(self.client.connection_pool)

    async def parcels(self, batch: CommandBatch, patience: Deadline) -> list[Parcel[_Lender]]:
        if self._pool is not None:
            return parcel_for(self._pool, batch)
        client: Any = self.client
        async with asyncio.timeout(patience.left()):
            # It heeds only the first of these calls, and aclose() only after it.
            await client.initialize()
            if self.topology_is_old:
                await client.nodes_manager.initialize()
                self.topology_is_old = False
        return parcels_by_slot(client.nodes_manager.get_node_from_slot, batch)

    def asked_elsewhere(self, batch: CommandBatch, replies: list[Any]) -> list[Parcel[_Lender]]:
        return asked_elsewhere(batch, replies, self._node_at) if self._pool is None else []

    async def close(self) -> None:
        if self._pool is not None:
            await self._pool.close()
        for client in (self.client, *self._watchers):
            await client.aclose()

    def _node_at(self, host: str, port: int) -> _Lender:
        node: _Lender | None = self.client.get_node(host, port)  # type: ignore[union-attr]
        if node is None:
            raise UnsteadyError(f"a key moves to {host}:{port}, which is not among the nodes known so far")
        return node


class AsyncWire:
    """The way to a Redis for coroutines."""

    def __init__(self, settings: WireSettings) -> None:
        self.settings = settings
        self._breaker = breaker_of(settings)
        self._guarded = self._breaker.decorate(self._tried)
        self._retry = Retry(
            ExponentialWithJitterBackoff(cap=settings.backoff_cap, base=settings.backoff_base),
            settings.retries,
            supported_errors=FAULTS,  # type: ignore[arg-type]
        )
        self._sides: WeakKeyDictionary[asyncio.AbstractEventLoop, _Side] = WeakKeyDictionary()

    async def ask(self, batch: CommandBatch, waited: float = 0.0) -> list[Any]:
        """The replies, in the order of the commands. Of the time for them, so many seconds were waited already."""
        if not batch.commands:
            return []
        try:
            patience = Deadline(self.settings.answer_within, waited)
            return await self._guarded(batch, patience)  # type: ignore[no-any-return]
        except CircuitBreakerError:
            remaining = max(0.0, float(self._breaker.open_remaining))
            raise resting(self.settings.address, remaining, self._breaker.last_failure) from None

    async def close(self) -> None:
        """Close the connections of the running loop; the next question opens new ones."""
        side = self._sides.pop(asyncio.get_running_loop(), None)
        if side is not None:
            await side.close()

    def _side(self) -> _Side:
        loop = asyncio.get_running_loop()
        side = self._sides.get(loop)
        if side is None:
            side = self._sides[loop] = _Side(self.settings)
        return side

    async def _tried(self, batch: CommandBatch, patience: Deadline) -> list[Any]:
        settings = self.settings

        async def ask_again(fault: Exception) -> None:
            patience.ask_again(fault)

        try:
            return await self._retry.call_with_retry(lambda: self._once(batch, patience), ask_again, is_passing)
        except FAULTS as fault:
            if not is_passing(fault):
                raise OnlineStoreRefusedError(f"Redis at {settings.address} refused the login: {fault}") from fault
            raise away(settings.address, patience.tries, fault, settings.breaker_seconds) from fault

    async def _once(self, batch: CommandBatch, patience: Deadline) -> list[Any]:
        patience.tries += 1
        side = self._side()
        try:
            async with _AsyncSentBatch(await side.parcels(batch, patience), patience) as sent:
                replies = replies_of(sent.parcels, await sent.exchanged(), len(batch.commands))
                if moving := side.asked_elsewhere(batch, replies):
                    async with _AsyncSentBatch(moving, patience) as asking:
                        for parcel, answers in zip(moving, await asking.exchanged(), strict=True):
                            replies[parcel.members[0]] = answers[-1]
                return checked(replies, self.settings.address, by_key=batch.by_key)
        except FAULTS:
            side.topology_is_old = True
            raise


class _AsyncSentBatch:
    """An exchange, and the connections it takes; as in `transport`, they go back whole or closed.

    That holds for a task that is cancelled too: its replies are still under way.
    """

    def __init__(self, parcels: Sequence[Parcel[_Lender]], patience: Deadline) -> None:
        self.parcels = parcels
        self._patience = patience
        self._connections: list[tuple[_Lender, Any]] = []

    async def exchanged(self) -> list[list[Any]]:
        """Ask all nodes at once."""
        if len(self.parcels) == 1:
            return [await self._one(self.parcels[0])]
        return await together(self._one(parcel) for parcel in self.parcels)

    async def __aenter__(self) -> _AsyncSentBatch:
        return self

    async def __aexit__(self, kind: type[BaseException] | None, *_: object) -> None:
        for lender, connection in self._connections:
            if kind is not None and not issubclass(kind, OnlineStoreRefusedError):
                await connection.disconnect(nowait=True)
            lender.release(connection)

    async def _one(self, parcel: Parcel[_Lender]) -> list[Any]:
        connection = parcel.node.acquire_connection()
        self._connections.append((parcel.node, connection))
        if _is_spoilt(connection):
            await connection.disconnect(nowait=True)
        if not connection.is_connected:
            async with asyncio.timeout(self._patience.left()):
                await connection.connect()
        reader = ReplyReader(parcel.replies)
        waits = self._patience.least(connection.socket_timeout)
        loop = asyncio.get_running_loop()
        async with asyncio.timeout(waits) as deadline:
            connection._writer.write(parcel.payload)
            await connection._writer.drain()
            while not reader.feed(await connection._reader.read(_CHUNK)):
                deadline.reschedule(loop.time() + waits)
        return reader.replies


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
