"""Commands that go out together, and which node each of them goes to."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from itertools import islice
from typing import Any, Generic, TypeVar

import hiredis
from redis.crc import key_slot

Node = TypeVar("Node")

_ASKING = hiredis.pack_command(("ASKING",))


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
class NodeBatch(Generic[Node]):
    """What one node is sent, and whose replies come back."""

    node: Node
    payload: bytes
    members: Sequence[int]
    dropped: int

    @property
    def replies(self) -> int:
        """How many replies the node will send."""
        return self.dropped + len(self.members)


def batch_for(node: Node, batch: CommandBatch) -> list[NodeBatch[Node]]:
    """All commands for the one node there is."""
    return [NodeBatch(node, batch.first + b"".join(batch.commands), range(len(batch.commands)), bool(batch.first))]


def batches_by_slot(node_of_slot: Callable[[int], Node], batch: CommandBatch) -> list[NodeBatch[Node]]:
    """The commands by the node that has their key."""
    members: dict[Node, list[int]] = defaultdict(list)
    for place, key in enumerate(batch.keys):
        members[node_of_slot(key_slot(key))].append(place)
    return [
        NodeBatch(node, batch.first + b"".join([batch.commands[place] for place in places]), places, bool(batch.first))
        for node, places in members.items()
    ]


def redirected_batch(node: Node, batch: CommandBatch, place: int) -> NodeBatch[Node]:
    """One of the commands, for the node that its key is moving to just now: it answers only whoever says ASKING."""
    payload = (batch.first and _ASKING + batch.first) + _ASKING + batch.commands[place]
    return NodeBatch(node, payload, [place], 3 if batch.first else 1)


def replies_of(sent: Sequence[NodeBatch[Any]], received: Sequence[list[Any]], count: int) -> list[Any]:
    """The replies in the order of the commands."""
    if len(sent) == 1 and len(sent[0].members) == count:
        return received[0][sent[0].dropped :]
    replies: list[Any] = [None] * count
    for batch, answers in zip(sent, received, strict=True):
        for place, answer in zip(batch.members, islice(answers, batch.dropped, None), strict=True):
            replies[place] = answer
    return replies
