"""Entity rows in blocks of neighbouring times, and answers back in the order of the questions.

A block asks of each view only the time that it spans and the TTL before it, so that a large question needs no more
memory than a block does, and reads each file once or little more often.
"""

from __future__ import annotations

from collections.abc import Iterator
from itertools import pairwise
from pathlib import Path
from tempfile import TemporaryDirectory
from types import TracebackType

import numpy as np
import pyarrow as pa

from feature_repo.stores.asof.gather import in_order
from feature_repo.stores.asof.instants import NEVER, Instants
from feature_repo.stores.asof.newest import Rows, stable_order
from feature_repo.stores.asof.parquet_source import POOL


def blocks_of(times: Instants, size: int) -> list[Rows]:
    """Numbers of rows, ascending within a block; each block holds times not before those of the block before it."""
    rows = np.arange(len(times))
    if len(times) > size and (times[1:] < times[:-1]).any():
        known = times[times != NEVER]
        order = stable_order(np.where(times == NEVER, 0, times - (known.min() if len(known) else 0)))
        return [np.sort(order[start : start + size]) for start in range(0, len(order), size)]
    return [rows[start : start + size] for start in range(0, max(1, len(rows)), size)]


def are_runs(blocks: list[Rows]) -> bool:
    """Whether each block is a run of the rows, right after that of the block before."""
    ends = 0
    for block in blocks:
        if len(block) and (block[0] != ends or block[-1] - block[0] + 1 != len(block)):
            return False
        ends += len(block)
    return True


class Spill:
    """Blocks laid onto disk as they come, to be read back in the order of their rows."""

    def __init__(self, rows: int, size: int, near: Path | None) -> None:
        self._edges = np.append(np.arange(0, rows, size), rows)
        self._folder = TemporaryDirectory(prefix=".joining-", dir=near)
        self._blocks: list[Rows] = []

    def __enter__(self) -> Spill:
        self._folder.__enter__()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._folder.__exit__(kind, error, trace)

    def add(self, rows: Rows, table: pa.Table) -> None:
        """Lay down the answers to rows, given in ascending order."""
        ends = np.searchsorted(rows, self._edges)
        with pa.ipc.new_file(self._file(len(self._blocks)), table.schema) as file:
            for start, stop in pairwise(ends):
                batches = table.slice(start, stop - start).combine_chunks(memory_pool=POOL).to_batches()
                # One batch a piece, an empty one too, so that a piece is found by its number.
                file.write_batch(batches[0] if batches else pa.RecordBatch.from_pylist([], schema=table.schema))
        self._blocks.append(rows)

    def ordered(self) -> Iterator[tuple[slice, pa.Table]]:
        """The answers piece by piece, each with the rows that it answers."""
        for piece, (start, stop) in enumerate(pairwise(self._edges)):
            tables, rows = [], []
            for number, block in enumerate(self._blocks):
                with pa.OSFile(self._file(number)) as file:
                    tables.append(pa.Table.from_batches([pa.ipc.open_file(file, memory_pool=POOL).get_batch(piece)]))
                rows.append(block[slice(*np.searchsorted(block, [start, stop]))])
            yield slice(int(start), int(stop)), in_order(tables, rows)

    def _file(self, number: int) -> str:
        return str(Path(self._folder.name) / f"{number}.arrow")
