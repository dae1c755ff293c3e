"""Packed commands out, replies in, over redis-py's connections: they know TLS, logins, Sentinels and Clusters.

Commands go out as one buffer, and replies come back through one hiredis reader. Whatever fails between the first byte
sent and the last reply read closes the connection: a socket with a reply still to come would answer the next question
with it. Everything sent here may be sent twice (reads, and writes that their times decide), so a failed exchange is
tried again as a whole.
"""

from __future__ import annotations

import os
import socket
import time
from collections import deque
from collections.abc import Iterable, Iterator, Sequence
from threading import Lock
from typing import Any
from weakref import WeakKeyDictionary

from circuitbreaker import CircuitBreakerError
from feast.infra.online_stores.redis import RedisType
from redis import ConnectionPool as RedisPool
from redis import Redis, RedisCluster, Sentinel
from redis.backoff import ExponentialWithJitterBackoff
from redis.cluster import ClusterNode
from redis.retry import Retry

from feature_repo.stores.wire.errors import OnlineStoreRefusedError, UnsteadyError, away, resting
from feature_repo.stores.wire.lender import ConnectionPool
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
        self._guarded = self._breaker.decorate(self._tried)
        self._retry = Retry(
            ExponentialWithJitterBackoff(cap=settings.backoff_cap, base=settings.backoff_base),
            settings.retries,
            supported_errors=FAULTS,
        )
        self._lock = Lock()
        self._client: Client | None = None
        self._is_cluster = settings.redis_type == RedisType.redis_cluster
        self._lenders: WeakKeyDictionary[RedisPool, ConnectionPool] = WeakKeyDictionary()
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
        return self._asked(batch, Deadline(self.settings.answer_within))

    def _asked(self, batch: CommandBatch, patience: Deadline) -> list[Any]:
        try:
            return self._guarded(batch, patience)  # type: ignore[no-any-return]
        except CircuitBreakerError:
            remaining = max(0.0, float(self._breaker.open_remaining))
            raise resting(self.settings.address, remaining, self._breaker.last_failure) from None

    def ask_each(self, batches: Iterable[CommandBatch]) -> Iterator[list[Any]]:
        """The replies of each batch in turn. Each is sent before those of the one before it are read, so that Redis
        and we work at once; what goes wrong with that is asked again by itself.
        """
        ahead: deque[tuple[CommandBatch, _SentBatch | None]] = deque()
        try:
            for batch in batches:
                ahead.append((batch, self._begun(batch)))
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
            for lender in self._lenders.values():
                lender.close()
            self._lenders.clear()
        if client is not None:
            client.close()

    def _begun(self, batch: CommandBatch) -> _SentBatch | None:
        if self._breaker.opened:
            return None
        try:
            return _SentBatch.out(self._parcels(batch), Deadline(self.settings.answer_within))
        except FAULTS:
            return None

    def _finished(self, batch: CommandBatch, sent: _SentBatch | None) -> list[Any]:
        patience = Deadline(self.settings.answer_within)
        if sent is not None:
            patience.tries += 1
            try:
                return self._answered(batch, sent, patience)
            except FAULTS:
                self._topology_is_old = True
        return self._asked(batch, patience)

    def _tried(self, batch: CommandBatch, patience: Deadline) -> list[Any]:
        settings = self.settings
        try:
            return self._retry.call_with_retry(lambda: self._once(batch, patience), patience.ask_again, is_passing)
        except FAULTS as fault:
            if not is_passing(fault):
                raise OnlineStoreRefusedError(f"Redis at {settings.address} refused the login: {fault}") from fault
            raise away(settings.address, patience.tries, fault, settings.breaker_seconds) from fault

    def _once(self, batch: CommandBatch, patience: Deadline) -> list[Any]:
        patience.tries += 1
        try:
            return self._answered(batch, _SentBatch.out(self._parcels(batch), patience), patience)
        except FAULTS:
            self._topology_is_old = True
            raise

    def _answered(self, batch: CommandBatch, sent: _SentBatch, patience: Deadline) -> list[Any]:
        with sent:
            replies = replies_of(sent.parcels, sent.received(), len(batch.commands))
            if self._is_cluster and (moving := asked_elsewhere(batch, replies, self._lender_at)):
                with _SentBatch.out(moving, patience) as asking:
                    for parcel, answers in zip(moving, asking.received(), strict=True):
                        replies[parcel.members[0]] = answers[-1]
            return checked(replies, self.settings.address, by_key=batch.by_key)

    def _parcels(self, batch: CommandBatch) -> list[Parcel[ConnectionPool]]:
        client = self.client
        if not isinstance(client, RedisCluster):
            return parcel_for(self._lender(client.connection_pool), batch)
        if self._topology_is_old:
            client.nodes_manager.initialize()
            self._topology_is_old = False
        nodes = client.nodes_manager
        return parcels_by_slot(lambda slot: self._lender_of(client, nodes.get_node_from_slot(slot)), batch)

    def _lender_at(self, host: str, port: int) -> ConnectionPool:
        client = self.client
        node = client.get_node(host, port) if isinstance(client, RedisCluster) else None  # type: ignore[no-untyped-call]
        if not isinstance(client, RedisCluster) or node is None:
            raise UnsteadyError(f"a key moves to {host}:{port}, which is not among the nodes known so far")
        return self._lender_of(client, node)

    def _lender_of(self, client: RedisCluster, node: ClusterNode) -> ConnectionPool:
        return self._lender(client.get_redis_connection(node).connection_pool)

    def _lender(self, pool: RedisPool) -> ConnectionPool:
        lender = self._lenders.get(pool)
        if lender is None:
            with self._lock:
                lender = self._lenders.setdefault(pool, ConnectionPool(pool))
        return lender


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


def _said_at_once(sock: object) -> bytes | None:
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


class _SentBatch:
    """What is under way, and the connections it is under way on.

    They go back to their lenders when all is well, and are closed first if it is not: a reply may still be to come, or
    the server may have said that it is not the right one to ask.
    """

    def __init__(self, parcels: Sequence[Parcel[ConnectionPool]]) -> None:
        self.parcels = parcels
        self._connections: list[Any] = []

    @classmethod
    def out(cls, parcels: Sequence[Parcel[ConnectionPool]], patience: Deadline) -> _SentBatch:
        """Send to all nodes."""
        sent = cls(parcels)
        try:
            for parcel in parcels:
                connection = parcel.node.take(patience)
                sent._connections.append(connection)
                connection._sock.sendall(parcel.payload)
        except BaseException:
            sent.abandon()
            raise
        return sent

    def received(self) -> list[list[Any]]:
        """Read from each node."""
        replies = []
        for connection, parcel in zip(self._connections, self.parcels, strict=True):
            reader = ReplyReader(parcel.replies)
            receive = connection._sock.recv
            said = _said_at_once(connection._sock) if parcel.replies <= _FEW_REPLIES else None
            while not reader.feed(receive(_CHUNK) if said is None else said):
                said = None
            replies.append(reader.replies)
        return replies

    def abandon(self) -> None:
        """Close the connections, and let go of them."""
        for connection in self._connections:
            connection.disconnect()
        self._give_back()

    def __enter__(self) -> _SentBatch:
        return self

    def __exit__(self, kind: type[BaseException] | None, *_: object) -> None:
        if kind is None or issubclass(kind, OnlineStoreRefusedError):
            self._give_back()
        else:
            self.abandon()

    def _give_back(self) -> None:
        for parcel, connection in zip(self.parcels, self._connections, strict=False):
            parcel.node.give_back(connection)
        self._connections = []
