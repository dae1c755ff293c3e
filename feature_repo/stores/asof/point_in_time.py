"""The answer to entity rows: their own columns, and beside them what each view had to say at their time."""

from __future__ import annotations

import os
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, replace
from functools import cached_property
from pathlib import Path

import pyarrow as pa

from feature_repo.stores.asof.entity_rows import EntityRows
from feature_repo.stores.asof.gather import in_order, taken
from feature_repo.stores.asof.instants import Instants, Unit, instants, timestamps, unit_of
from feature_repo.stores.asof.join_keys import JoinKeys
from feature_repo.stores.asof.newest import Rows
from feature_repo.stores.asof.parquet_source import open_source
from feature_repo.stores.asof.time_blocks import Spill, are_runs, blocks_of
from feature_repo.stores.asof.view_join import ViewJoin

# What waits on disk comes back in smaller parts than a block, two row groups as they are written: it is held three
# times over, as it was, in its order and while it is encoded.
_PIECE_ROWS = 2 * 122_880


@dataclass(frozen=True)
class PointInTimeAnswer:
    """Nothing is read until the answer is asked for; asked again, it is read again."""

    entities: EntityRows
    joins: tuple[ViewJoin, ...]
    repo_path: Path | str | None
    block_rows: int

    def with_times(self) -> PointInTimeAnswer:
        """The same answer, telling of each view as well when the values stood and when they were known."""
        return replace(self, joins=tuple(join.with_times() for join in self.joins))

    def table(self) -> pa.Table:
        """All at once."""
        reading = _Reading(self)
        blocks = reading.blocks
        tables = [reading.features(block) for block in blocks]
        features = tables[0] if len(blocks) == 1 else in_order(tables, blocks)
        return _beside(self.entities.table, features)

    def tables(self, near: Path | None = None) -> Iterator[pa.Table]:
        """In parts, in the order of the entity rows, each of at most `block_rows`; what must wait, waits in `near`."""
        reading, entities = _Reading(self), self.entities.table
        if are_runs(reading.blocks):
            for block in reading.blocks:
                yield _beside(entities.slice(block[0] if len(block) else 0, len(block)), reading.features(block))
            return
        with Spill(entities.num_rows, min(self.block_rows, _PIECE_ROWS), near) as spill:
            for block in reading.blocks:
                spill.add(block, reading.features(block))
            for rows, features in spill.ordered():
                yield _beside(entities.slice(rows.start, rows.stop - rows.start), features)


class _Reading:
    """One run through the blocks, over files whose footers are read once."""

    def __init__(self, answer: PointInTimeAnswer) -> None:
        self._answer = answer
        by_data = {data: open_source(data, answer.repo_path) for data in {join.data for join in answer.joins}}
        self._sources = [by_data[join.data] for join in answer.joins]

    @cached_property
    def unit(self) -> Unit:
        kinds = [self._event_times.type]
        for join, source in zip(self._answer.joins, self._sources, strict=True):
            kinds += [source.type_of(column) for column in (join.event, join.created) if column is not None]
        return unit_of(*kinds)

    @cached_property
    def times(self) -> Instants:
        return instants(self._event_times, self._answer.entities.event, self.unit)

    @cached_property
    def blocks(self) -> list[Rows]:
        return blocks_of(self.times, self._answer.block_rows)

    def features(self, block: Rows) -> pa.Table:
        """What the views say to the rows of a block."""
        entities, times = self._answer.entities.table, self.times
        if len(block) < len(times):
            keys = list(dict.fromkeys(key for join in self._answer.joins for key in join.entity_keys))
            entities, times = taken(entities.select(keys), block), times[block]
        columns: dict[str, pa.ChunkedArray] = {}
        for join, source, rows in zip(self._answer.joins, self._sources, self._rows(entities, times), strict=True):
            answers = join.answers(source, rows)
            columns |= zip(answers.column_names, answers.columns, strict=True)
        return pa.table(columns)

    def _rows(self, entities: pa.Table, times: Instants) -> list[Rows]:
        """Per view the rows that answer. Finding them is NumPy's work, which leaves the interpreter to others."""
        joins = self._answer.joins
        keys_of = {
            names: JoinKeys.of([entities.column(name) for name in names], names, len(times))
            for names in dict.fromkeys(join.entity_keys for join in joins)
        }
        with ThreadPoolExecutor(os.cpu_count()) as pool:
            return list(
                pool.map(
                    lambda join, source: join.rows(source, keys_of[join.entity_keys], times, self.unit),
                    joins,
                    self._sources,
                )
            )

    @cached_property
    def _event_times(self) -> pa.ChunkedArray:
        entities = self._answer.entities
        return timestamps(entities.table.column(entities.event), entities.event)


def _beside(entities: pa.Table, features: pa.Table) -> pa.Table:
    arrays = [*entities.columns, *features.columns]
    fields = [*entities.schema, *features.schema]
    return pa.Table.from_arrays(arrays, schema=pa.schema(fields, metadata=entities.schema.metadata))
