"""The driver for threads: bytes out, bytes in, over redis-py's connections, which know TLS, logins and Sentinels.

What is said and what replies mean is `exchange`'s affair, and whether to try again `attempts`'. Here is how bytes are
moved and waited for. Whatever fails between the first byte sent and the last reply read closes the connection: a socket
with a reply still to come would answer the next question with it. Everything sent here may be sent twice (reads, and
writes that their times decide), so a failed exchange is tried again as a whole.
"""

from __future__ import annotations

import os
import socket
import time
from collections import deque
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from threading import Lock
from typing import Any
from weakref import WeakKeyDictionary

from feast.infra.online_stores.redis import RedisType
from redis import ConnectionPool as RedisPool
from redis import Redis, RedisCluster, Sentinel
from redis.cluster import ClusterNode

from feature_repo.stores.wire.attempts import FAULTS, Attempts, breaker_of, require_closed
from feature_repo.stores.wire.batching import CommandBatch, NodeBatch
from feature_repo.stores.wire.connection_pool import ConnectionPool
from feature_repo.stores.wire.deadline import Deadline
from feature_repo.stores.wire.errors import OnlineStoreRefusedError
from feature_repo.stores.wire.exchange import Exchange, Nodes, ReplyReader, SingleNode, exchange
from feature_repo.stores.wire.settings import WireSettings

_CHUNK = 1 << 18
# To fall asleep and be woken takes longer than Redis does over one row. Not where it would need our core to answer.
_AWAKE_SECONDS = 80e-6 if (os.cpu_count() or 1) > 1 else 0.0
_FEW_REPLIES = 12
Client = Redis | RedisCluster


class Wire:
    """The way to a Redis for threads; any number of them may ask at once."""

    def __init__(self, settings: WireSettings) -> None:
        self.settings = settings
        self._breaker = breaker_of(settings)
        self._lock = Lock()
        self._client: Client | None = None
        self._pools: WeakKeyDictionary[RedisPool, ConnectionPool] = WeakKeyDictionary()
        self._topology_is_old = False

    @property
    def client(self) -> Client:
        """redis-py's client, for what is not worth packing."""
        client = self._client
        if client is None:
            with self._lock:
                client = self._client = self._client or _connect(self.settings)
        return client

    def ask(self, batch: CommandBatch) -> list[Any]:
        """The replies, in the order of the commands."""
        if not batch.commands:
            return []
        return self._ask(batch, Deadline(self.settings.answer_within))

    def ask_each(self, batches: Iterable[CommandBatch]) -> Iterator[list[Any]]:
        """The replies of each batch in turn. Each is sent before those of the one before it are read, so that Redis
        and we work at once; what goes wrong with that is asked again by itself.
        """
        ahead: deque[tuple[CommandBatch, _SentExchange | None]] = deque()
        try:
            for batch in batches:
                ahead.append((batch, self._sent_ahead(batch)))
                if len(ahead) > 1:
                    yield self._finished(*ahead.popleft())
            while ahead:
                yield self._finished(*ahead.popleft())
        finally:
            for _, sent in ahead:
                if sent is not None:
                    sent.abandon()

    def close(self) -> None:
        """Close the connections; the next question opens new ones."""
        with self._lock:
            client, self._client = self._client, None
            for pool in self._pools.values():
                pool.close()
            self._pools.clear()
        if client is not None:
            client.close()

    def _ask(self, batch: CommandBatch, deadline: Deadline) -> list[Any]:
        require_closed(self._breaker, self.settings)
        with self._breaker:
            attempts = Attempts(self.settings, deadline)
            while True:
                deadline.tries += 1
                try:
                    return self._sent(batch, deadline).finish()
                except FAULTS as fault:
                    self._topology_is_old = True
                    time.sleep(attempts.pause_after(fault))

    def _sent(self, batch: CommandBatch, deadline: Deadline) -> _SentExchange:
        return _SentExchange(exchange(batch, self._nodes(), self.settings.address), deadline)

    def _sent_ahead(self, batch: CommandBatch) -> _SentExchange | None:
        if self._breaker.opened:
            return None
        try:
            return self._sent(batch, Deadline(self.settings.answer_within))
        except FAULTS:
            return None

    def _finished(self, batch: CommandBatch, sent: _SentExchange | None) -> list[Any]:
        deadline = Deadline(self.settings.answer_within)
        if sent is not None:
            deadline.tries += 1
            try:
                return sent.finish(deadline)
            except FAULTS:
                self._topology_is_old = True
        return self._ask(batch, deadline)

    def _nodes(self) -> Nodes[ConnectionPool]:
        client = self.client
        if not isinstance(client, RedisCluster):
            return SingleNode(self._pool(client.connection_pool))
        if self._topology_is_old:
            client.nodes_manager.initialize()
            self._topology_is_old = False
        return _PooledClusterNodes(self, client)

    def _pool(self, source: RedisPool) -> ConnectionPool:
        pool = self._pools.get(source)
        if pool is None:
            with self._lock:
                pool = self._pools.setdefault(source, ConnectionPool(source))
        return pool


@dataclass(frozen=True)
class _PooledClusterNodes:
    """The nodes of a Cluster as redis-py knows them, each by our pool of its connections."""

    wire: Wire
    client: RedisCluster
    only: ConnectionPool | None = None

    def of_slot(self, slot: int) -> ConnectionPool:
        return self._pool(self.client.nodes_manager.get_node_from_slot(slot))

    def at(self, host: str, port: int) -> ConnectionPool | None:
        node = self.client.get_node(host, port)  # type: ignore[no-untyped-call]
        return None if node is None else self._pool(node)

    def _pool(self, node: ClusterNode) -> ConnectionPool:
        return self.wire._pool(self.client.get_redis_connection(node).connection_pool)


class _SentExchange:
    """An exchange whose first bytes are sent, and the connections that it takes.

    They go back to their pools when all is well, and are closed first if it is not: a reply may still be to come, or
    the server may have said that it is not the right one to ask.
    """

    def __init__(self, steps: Exchange[ConnectionPool], deadline: Deadline) -> None:
        self._steps = steps
        self._connections: list[tuple[ConnectionPool, Any]] = []
        self._under_way: list[tuple[NodeBatch[ConnectionPool], Any]] = []
        self._send(next(steps), deadline)
        self._deadline = deadline

    def finish(self, deadline: Deadline | None = None) -> list[Any]:
        """Read what was asked for, and ask the rest if there is any."""
        try:
            while True:
                self._send(self._steps.send(self._received()), deadline or self._deadline)
        except StopIteration as end:
            self._give_back()
            return end.value  # type: ignore[no-any-return]
        except OnlineStoreRefusedError:
            self._give_back()
            raise
        except BaseException:
            self.abandon()
            raise

    def abandon(self) -> None:
        """Close the connections, and let go of them."""
        for _, connection in self._connections:
            connection.disconnect()
        self._give_back()

    def _send(self, batches: Sequence[NodeBatch[ConnectionPool]], deadline: Deadline) -> None:
        self._under_way = []
        try:
            for batch in batches:
                connection = batch.node.take(deadline)
                self._connections.append((batch.node, connection))
                self._under_way.append((batch, connection))
                connection._sock.sendall(batch.payload)
        except BaseException:
            self.abandon()
            raise

    def _received(self) -> list[list[Any]]:
        return [_replies(connection, batch.replies) for batch, connection in self._under_way]

    def _give_back(self) -> None:
        for pool, connection in self._connections:
            pool.give_back(connection)
        self._connections = []


def _replies(connection: Any, expected: int) -> list[Any]:
    reader = ReplyReader(expected)
    receive = connection._sock.recv
    received = _received_at_once(connection._sock) if expected <= _FEW_REPLIES else None
    while not reader.feed(receive(_CHUNK) if received is None else received):
        received = None
    return reader.replies


def _received_at_once(sock: object) -> bytes | None:
    """What comes within moments, waited for awake; None if nothing does."""
    if type(sock) is not socket.socket or sock.gettimeout() is None:  # TLS has its own reading, else it would block
        return None
    descriptor, ends = sock.fileno(), time.perf_counter() + _AWAKE_SECONDS
    while time.perf_counter() < ends:
        try:
            return os.read(descriptor, _CHUNK)
        except BlockingIOError:
            continue
    return None


def _connect(settings: WireSettings) -> Client:
    options = settings.options()
    if settings.redis_type == RedisType.redis_cluster:
        known = [ClusterNode(host, port) for host, port in settings.nodes]  # type: ignore[no-untyped-call]
        return RedisCluster(startup_nodes=known, **options)
    if settings.redis_type == RedisType.redis_sentinel:
        sentinel: Any = Sentinel(settings.nodes, **options)  # type: ignore[no-untyped-call]
        master: Redis = sentinel.master_for(settings.sentinel_master)
        return master
    host, port = settings.nodes[0]
    return Redis(host=host, port=port, **options)
