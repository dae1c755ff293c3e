"""Rows to Redis: from Arrow columns block by block, or from Feast's protobuf rows."""

from __future__ import annotations

from collections import defaultdict, deque
from collections.abc import Callable, Iterable, Iterator, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass
from datetime import datetime
from functools import lru_cache
from typing import Protocol

import hiredis
import numpy as np
import numpy.typing as npt
import pyarrow as pa
from feast.infra.key_encoding_utils import serialize_entity_key
from feast.protos.feast.types.EntityKey_pb2 import EntityKey
from feast.protos.feast.types.Value_pb2 import Value as ValueProto
from feast.value_type import ValueType

from feature_repo.stores.wire.batching import CommandBatch
from feature_repo.stores.wire.encode import encoded, is_wide
from feature_repo.stores.wire.keys import KeyLayout, created_field_of, field_of, stamp_field_of
from feature_repo.stores.wire.newest import newest
from feature_repo.stores.wire.ragged import Column, Padded, Ragged, bulk, joined
from feature_repo.stores.wire.script import EventSpan, Script
from feature_repo.stores.wire.times import UNKNOWN, heads, micros_of_column, micros_of_moments
from feature_repo.stores.wire.transport import Wire

# A block of 27 features takes some 15 MB while it is put together. Redis serves others between scripts of so many keys.
BLOCK_ROWS = 8_192
KEYS_PER_SCRIPT = 32
# Blocks that wait for Redis, so that it never waits for them.
_WAITING = 1

Row = tuple[EntityKey, dict[str, ValueProto], datetime, datetime | None]


@dataclass(frozen=True)
class WriteTarget:
    """The view that rows are written into."""

    view: str
    layout: KeyLayout
    features: tuple[tuple[str, ValueType], ...]
    event_column: str
    created_column: str | None


@dataclass(frozen=True)
class WriteOptions:
    """How rows are written: Feast's `skip_dedup` and `key_ttl_seconds`, whether keys lie in a Cluster's slots, and the
    event times of which stored rows no longer count.
    """

    guarded: bool
    expire_seconds: int | None
    by_slot: bool
    withdrawn: EventSpan | None = None


@dataclass(frozen=True)
class Written:
    """What became of the rows: written, or left out because Redis, or the rows themselves, had newer ones."""

    rows: int
    written: int

    @property
    def superseded(self) -> int:
        """Rows that were not the newest."""
        return self.rows - self.written


def write_table(
    wire: Wire,
    target: WriteTarget,
    options: WriteOptions,
    blocks: Iterable[pa.RecordBatch],
    progress: Callable[[int], object] | None = None,
) -> Written:
    """Write Arrow rows. While Redis works on one block, the next is put together; there are never more than three."""
    rows = written = 0
    under_way: deque[tuple[int, Future[list[int]]]] = deque()
    with ThreadPoolExecutor(max_workers=1, thread_name_prefix="to-redis") as sender:
        for block in _blocks(blocks):
            under_way.append((block.num_rows, sender.submit(wire.ask, _batch_of_block(target, options, block))))
            rows += block.num_rows
            if len(under_way) > _WAITING:
                written += _arrived(under_way.popleft(), progress)
        while under_way:
            written += _arrived(under_way.popleft(), progress)
    return Written(rows, written)


def batches_of_rows(
    view: str, project: str, options: WriteOptions, rows: Sequence[Row]
) -> Iterator[tuple[int, CommandBatch]]:
    """Feast's protobuf rows as batches, with the number of rows in each. Rows may differ in what they set."""
    alike: dict[tuple[str, ...], list[Row]] = defaultdict(list)
    for row in rows:
        alike[tuple(row[1])].append(row)
    for features, members in alike.items():
        for start in range(0, len(members), BLOCK_ROWS):
            part = members[start : start + BLOCK_ROWS]
            yield len(part), _batch_of_rows(view, project, options, features, part)


def _arrived(under_way: tuple[int, Future[list[int]]], progress: Callable[[int], object] | None) -> int:
    rows, replies = under_way
    written = sum(replies.result())
    if progress is not None:
        progress(rows)
    return written


def _blocks(tables: Iterable[pa.RecordBatch]) -> Iterator[pa.RecordBatch]:
    for table in tables:
        for start in range(0, table.num_rows, BLOCK_ROWS):
            yield table.slice(start, BLOCK_ROWS)


def _batch_of_block(target: WriteTarget, options: WriteOptions, block: pa.RecordBatch) -> CommandBatch:
    names = [name for name, _ in target.features]
    events = micros_of_column(block.column(target.event_column), target.event_column)
    created = (
        np.full(block.num_rows, UNKNOWN)
        if target.created_column is None
        else micros_of_column(block.column(target.created_column), target.created_column, nullable=True)
    )
    keep = newest(
        [block.column(name) for name, _ in target.layout.join_keys if name in block.schema.names], events, created
    )
    if len(keep) < block.num_rows:
        block, events, created = block.take(pa.array(keep)), events[keep], created[keep]
    script = _script(target.view, tuple(names), options, target.created_column is not None)
    parts: list[bytes | Column] = [heads(events, created)]
    for name, kind in target.features:
        column = encoded(block.column(name), kind)
        parts += [_sizes(column.lengths, wide=is_wide(kind)), column]
    return batch_of(script, target.layout.of_table(block), joined(parts, block.num_rows), by_slot=options.by_slot)


def _batch_of_rows(
    view: str, project: str, options: WriteOptions, features: tuple[str, ...], rows: Sequence[Row]
) -> CommandBatch:
    script = _script(view, features, options, any(row[3] is not None for row in rows))
    events = micros_of_moments([row[2] for row in rows])
    if missing := int((events == UNKNOWN).sum()):
        raise ValueError(f"view {view!r}: expected an event time in each row, found none in {missing} of {len(rows)}")
    times = heads(events, micros_of_moments([row[3] for row in rows]))
    stored = [[value.SerializeToString() for value in row[1].values()] for row in rows]
    values = Ragged.of([b"".join(b"\xdb" + len(value).to_bytes(4, "big") + value for value in row) for row in stored])
    keys = [serialize_entity_key(row[0], entity_key_serialization_version=3) + project.encode() for row in rows]
    return batch_of(script, Ragged.of(keys), joined([times, values], len(rows)), by_slot=options.by_slot)


class Scripted(Protocol):
    """A script that Redis runs over keys, each with an argument."""

    @property
    def text(self) -> bytes: ...  # noqa: D102

    @property
    def digest(self) -> bytes: ...  # noqa: D102


def batch_of(script: Scripted, keys: Ragged, packed: Ragged, *, by_slot: bool) -> CommandBatch:
    """The calls of a script over keys and the argument of each; `by_slot` for a Cluster, whose keys lie apart."""
    count = len(keys.lengths)
    each = 1 if by_slot else KEYS_PER_SCRIPT
    bounds = [*range(0, count, each), count]
    sizes = np.diff(bounds).tolist()
    calls = [
        b"*%d\r\n$7\r\nEVALSHA\r\n$40\r\n%s\r\n$%d\r\n%d\r\n%s%s"
        % (3 + 2 * size, script.digest, len(str(size)), size, names, values)
        for size, names, values in zip(sizes, bulk(keys).slices(bounds), bulk(packed).slices(bounds), strict=True)
    ]
    load = hiredis.pack_command(("SCRIPT", "LOAD", script.text))  # type: ignore[arg-type]  # a tuple of any length
    return CommandBatch(calls, keys.slices(bounds) if by_slot else (), load)


@lru_cache(maxsize=256)
def _script(view: str, features: tuple[str, ...], options: WriteOptions, tells_created: bool) -> Script:
    return Script(
        stamp_field=stamp_field_of(view),
        created_field=created_field_of(view),
        fields=tuple(field_of(view, name) for name in features),
        tells_created=tells_created,
        guarded=options.guarded,
        expire_seconds=options.expire_seconds,
        withdrawn=options.withdrawn,
    )


def _sizes(lengths: npt.NDArray[np.int64], *, wide: bool) -> Padded:
    """What MessagePack has before a string: one byte if it is never longer than 31, else five."""
    block = np.empty((len(lengths), 5 if wide else 1), np.uint8)
    if wide:
        block[:, 0] = 0xDB
        block[:, 1:] = lengths.astype(">u4").view(np.uint8).reshape(-1, 4)
    else:
        block[:, 0] = 0xA0 + lengths
    return Padded(block, np.full(len(lengths), block.shape[1]))
