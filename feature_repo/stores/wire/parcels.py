"""Which command goes to which node, and what its reply means: the part of an exchange that does no I/O."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from itertools import islice
from threading import Lock
from typing import Any, Generic, TypeVar

import hiredis
from circuitbreaker import CircuitBreaker
from redis.crc import key_slot
from redis.exceptions import AuthenticationError, AuthorizationError, RedisClusterException
from redis.exceptions import ConnectionError as RedisConnectionError
from redis.exceptions import TimeoutError as RedisTimeoutError

from feature_repo.stores.wire.errors import OnlineStoreAwayError, raise_for
from feature_repo.stores.wire.settings import WireSettings

Node = TypeVar("Node")

# What another try may cure.
FAULTS = (RedisConnectionError, RedisTimeoutError, RedisClusterException, OSError)
_ASKING = hiredis.pack_command(("ASKING",))
_NOT_YET = object()
_breakers: dict[tuple[str, int, float], CircuitBreaker] = {}
_breakers_lock = Lock()


@dataclass(frozen=True)
class CommandBatch:
    """Commands that go out together. In a Cluster each is sent where its key lives.

    `first` goes ahead of them on every connection, and its reply is dropped: the loading of a script.
    `by_key` leaves it to whoever asked what to do about a key that holds something else than a hash.
    """

    commands: Sequence[bytes]
    keys: Sequence[bytes]
    first: bytes = b""
    by_key: bool = False


@dataclass(frozen=True)
class Parcel(Generic[Node]):
    """What one node is sent, and whose replies come back."""

    node: Node
    payload: bytes
    members: Sequence[int]
    dropped: int

    @property
    def replies(self) -> int:
        """How many replies the node will send."""
        return self.dropped + len(self.members)


def parcel_for(node: Node, batch: CommandBatch) -> list[Parcel[Node]]:
    """All commands for the one node there is."""
    return [Parcel(node, batch.first + b"".join(batch.commands), range(len(batch.commands)), bool(batch.first))]


def parcels_by_slot(node_of_slot: Callable[[int], Node], batch: CommandBatch) -> list[Parcel[Node]]:
    """The commands by the node that has their key."""
    members: dict[Node, list[int]] = defaultdict(list)
    for place, key in enumerate(batch.keys):
        members[node_of_slot(key_slot(key))].append(place)
    return [
        Parcel(node, batch.first + b"".join([batch.commands[place] for place in places]), places, bool(batch.first))
        for node, places in members.items()
    ]


def replies_of(sent: Sequence[Parcel[Any]], received: Sequence[list[Any]], count: int) -> list[Any]:
    """The replies in the order of the commands."""
    if len(sent) == 1 and len(sent[0].members) == count:
        return received[0][sent[0].dropped :]
    replies: list[Any] = [None] * count
    for parcel, answers in zip(sent, received, strict=True):
        for place, answer in zip(parcel.members, islice(answers, parcel.dropped, None), strict=True):
            replies[place] = answer
    return replies


def asked_elsewhere(batch: CommandBatch, replies: list[Any], node_at: Callable[[str, int], Node]) -> list[Parcel[Node]]:
    """Commands whose keys are moving to another node just now: "ASK <slot> <host>:<port>"."""
    found = []
    for place, reply in enumerate(replies):
        if isinstance(reply, hiredis.ReplyError) and str(reply).startswith("ASK "):
            host, port = str(reply).split(" ")[2].rsplit(":", 1)
            payload = (batch.first and _ASKING + batch.first) + _ASKING + batch.commands[place]
            dropped = 3 if batch.first else 1
            found.append(Parcel(node_at(host, int(port)), payload, [place], dropped))
    return found


def checked(replies: list[Any], address: str, *, by_key: bool) -> list[Any]:
    """The replies, if none of them is an error; with `by_key`, one that concerns nothing but its key is left."""
    if hiredis.ReplyError in set(map(type, replies)):
        for reply in replies:
            if isinstance(reply, hiredis.ReplyError) and not (by_key and is_wrong_type(reply)):
                raise_for(reply, address)
    return replies


def is_wrong_type(reply: object) -> bool:
    """Whether a key holds something else than a hash."""
    return isinstance(reply, hiredis.ReplyError) and str(reply).startswith("WRONGTYPE")


class ReplyReader:
    """Collects so many replies from what a socket brings."""

    def __init__(self, expected: int) -> None:
        self._reader = hiredis.Reader(notEnoughData=_NOT_YET)
        self._missing = expected
        self.replies: list[Any] = []

    def feed(self, received: bytes) -> bool:
        """Whether all are there."""
        if not received:
            raise RedisConnectionError("the server closed the connection")
        reader = self._reader
        reader.feed(received)
        while self._missing:
            reply = reader.gets()
            if reply is _NOT_YET:
                return False
            self.replies.append(reply)
            self._missing -= 1
        if reader.has_data():
            raise RedisConnectionError("the server sent more replies than there were commands")
        return True


def is_passing(fault: Exception) -> bool:
    """Whether another try may help. A wrong password stays wrong."""
    return not isinstance(fault, (AuthenticationError, AuthorizationError))


def breaker_of(settings: WireSettings) -> CircuitBreaker:
    """The one breaker that all of this process's ways to an address share, if they are set alike."""
    key = settings.address, settings.breaker_failures, settings.breaker_seconds
    with _breakers_lock:
        return _breakers.setdefault(
            key,
            CircuitBreaker(
                failure_threshold=settings.breaker_failures,
                recovery_timeout=settings.breaker_seconds,
                expected_exception=OnlineStoreAwayError,
                name=f"Redis at {settings.address}",
            ),
        )
