"""What is said to Redis and what its replies mean, without a socket: the drivers in `transport*` move the bytes.

An exchange is a generator. It yields what each node is to be sent, takes what each has replied, and returns the replies
in the order of the commands. Threads and event loops differ only in how they move the bytes and wait.
"""

from __future__ import annotations

from collections.abc import Generator, Sequence
from dataclasses import dataclass
from typing import Any, Generic, Protocol, TypeAlias, TypeVar

import hiredis
from redis.exceptions import ConnectionError as RedisConnectionError

from feature_repo.stores.wire.batching import (
    CommandBatch,
    Node,
    NodeBatch,
    batch_for,
    batches_by_slot,
    redirected_batch,
    replies_of,
)
from feature_repo.stores.wire.errors import UnsteadyError, raise_for

_NOT_YET = object()
KnownNode_co = TypeVar("KnownNode_co", covariant=True)

Exchange: TypeAlias = Generator[Sequence[NodeBatch[Node]], list[list[Any]], list[Any]]


class Nodes(Protocol[KnownNode_co]):
    """The nodes that a driver has connections to. To look one up takes no I/O."""

    @property
    def only(self) -> KnownNode_co | None:
        """The one node there is; None in a Cluster."""

    def of_slot(self, slot: int) -> KnownNode_co:
        """The node of a Cluster that has the slot."""

    def at(self, host: str, port: int) -> KnownNode_co | None:
        """The node at an address, if it is known."""


@dataclass(frozen=True)
class SingleNode(Generic[Node]):
    """All there is without a Cluster."""

    only: Node

    def of_slot(self, slot: int) -> Node:  # noqa: ARG002
        """It has all of them."""
        return self.only

    def at(self, host: str, port: int) -> Node:  # noqa: ARG002
        """Nobody else is known."""
        return self.only


def exchange(batch: CommandBatch, nodes: Nodes[Node], address: str) -> Exchange[Node]:
    """One try of a question, with a second round for keys that are moving to another node just now."""
    only = nodes.only
    sent = batches_by_slot(nodes.of_slot, batch) if only is None else batch_for(only, batch)
    replies = replies_of(sent, (yield sent), len(batch.commands))
    if only is None and (moving := _redirected(batch, replies, nodes)):
        for moved, answers in zip(moving, (yield moving), strict=True):
            replies[moved.members[0]] = answers[-1]
    return checked(replies, address, by_key=batch.by_key)


def _redirected(batch: CommandBatch, replies: list[Any], nodes: Nodes[Node]) -> list[NodeBatch[Node]]:
    """The commands that were answered "ASK <slot> <host>:<port>"."""
    moving = []
    for place, reply in enumerate(replies):
        if isinstance(reply, hiredis.ReplyError) and str(reply).startswith("ASK "):
            host, port = str(reply).split(" ")[2].rsplit(":", 1)
            node = nodes.at(host, int(port))
            if node is None:
                raise UnsteadyError(f"a key moves to {host}:{port}, which is not among the nodes known so far")
            moving.append(redirected_batch(node, batch, place))
    return moving


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
