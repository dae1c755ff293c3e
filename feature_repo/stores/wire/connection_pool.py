"""Connections of one node between exchanges, for threads.

redis-py's own pool asks the kernel at each loan whether the connection still lives, which costs a tenth of a lookup.
Here that is asked only of one that has lain idle; a connection that died since fails its exchange, which is tried
again on a new one.
"""

from __future__ import annotations

import os
import time
from typing import Any

from redis import ConnectionPool as RedisPool
from redis.exceptions import ConnectionError as RedisConnectionError

from feature_repo.stores.wire.deadline import Deadline

# Firewalls and servers hang up on the idle, not within a second.
_IDLE_SECONDS = 1.0


class ConnectionPool:
    """Makes connections as redis-py's pool would: logged in, encrypted, to the master that a Sentinel names."""

    def __init__(self, source: RedisPool) -> None:
        self._source = source
        self._idle: list[tuple[float, Any]] = []
        self._process = os.getpid()

    def take(self, deadline: Deadline) -> Any:
        """One that is connected, and waits no longer than the deadline."""
        if os.getpid() != self._process:
            # After a fork the sockets are the parent's.
            self._idle, self._process = [], os.getpid()
        try:
            since, connection = self._idle.pop()
        except IndexError:
            connection = self._source.connection_class(**self._source.connection_kwargs)
        else:
            if time.monotonic() - since > _IDLE_SECONDS and _is_spoilt(connection):
                connection.disconnect()
        if connection._sock is None:
            _connect(connection, deadline)
        waits = deadline.least(connection.socket_timeout)
        if connection._sock.gettimeout() != waits:
            connection._sock.settimeout(waits)
        return connection

    def give_back(self, connection: Any) -> None:
        """After the last reply was read, or after closing it."""
        self._idle.append((time.monotonic(), connection))

    def close(self) -> None:
        """Close those that are idle."""
        while self._idle:
            _, connection = self._idle.pop()
            connection.disconnect()


def _connect(connection: Any, deadline: Deadline) -> None:
    usual = connection.socket_connect_timeout, connection.socket_timeout
    connection.socket_connect_timeout, connection.socket_timeout = map(deadline.least, usual)
    try:
        connection.connect()
    finally:
        connection.socket_connect_timeout, connection.socket_timeout = usual


def _is_spoilt(connection: Any) -> bool:
    """Whether the server has hung up, or has said something that nobody asked for."""
    try:
        return bool(connection._sock is not None and connection.can_read())
    except RedisConnectionError:
        return True
