"""Features as they stood in the past, within a budget of their own: one read at a time, for all who ask meanwhile.

A read opens hundreds of files whether it is for one row or for a thousand, and takes hundreds of megabytes: many at
once would take the machine, and one after another would take minutes.
"""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from functools import partial

from feast import FeatureStore

from serving import errors, features
from serving.grouping import MicroBatcher
from serving.lanes import Lane
from serving.memory import release_freed
from serving.models import Serving
from serving.questions import Question
from serving.requests import Keys

_NICENESS = 10


@dataclass(frozen=True)
class _PastRows:
    """What one request wants to know of the past."""

    keys: tuple[Keys, ...]
    moments: tuple[datetime, ...]


class History:
    """Reads the offline store. More than `most_rows` at once are refused, and so is what takes over `seconds`."""

    def __init__(self, store: FeatureStore, most_rows: int, seconds: float) -> None:
        self._store, self._most_rows, self._seconds = store, most_rows, seconds
        self._lane = Lane("history", _NICENESS)
        self._rows = 0
        self._groups: dict[str, tuple[Serving, MicroBatcher[_PastRows, features.FeatureLookup]]] = {}

    async def read(self, model: Serving, questions: Sequence[Question]) -> features.FeatureLookup:
        """The features of each question at its moment."""
        if self._rows + len(questions) > self._most_rows:
            raise errors.busy(f"over {self._most_rows:,} questions about the past wait for an answer")
        rows = _PastRows(tuple(one.keys for one in questions), tuple(one.moment for one in questions))
        self._rows += len(questions)
        try:
            async with asyncio.timeout(self._seconds):
                return await self._group(model).ask(rows)
        except TimeoutError:
            raise errors.away(
                f"as_of: the past could not be read within {self._seconds:g} s; ask for fewer questions at once", 5
            ) from None
        finally:
            self._rows -= len(questions)

    def close(self) -> None:
        """End the reading."""
        self._lane.close()

    def _group(self, model: Serving) -> MicroBatcher[_PastRows, features.FeatureLookup]:
        """Who waits for the same version of a model; a new version begins with a group of its own."""
        known = self._groups.get(model.name)
        if known is None or known[0] is not model:
            known = self._groups[model.name] = (model, MicroBatcher(partial(self._read, model)))
        return known[1]

    async def _read(self, model: Serving, requests: Sequence[_PastRows]) -> list[features.FeatureLookup]:
        whole = await self._lane.run(partial(self._read_rows, model, requests))
        ends = 0
        parts = []
        for request in requests:
            first, ends = ends, ends + len(request.keys)
            parts.append(whole.take(range(first, ends)))
        return parts

    def _read_rows(self, model: Serving, requests: Sequence[_PastRows]) -> features.FeatureLookup:
        keys = [of_one for request in requests for of_one in request.keys]
        columns = {name: [of_one[place] for of_one in keys] for place, name in enumerate(model.spec.join_keys)}
        moments = [moment for request in requests for moment in request.moments]
        try:
            return features.offline(self._store, model, columns, moments)
        finally:
            release_freed()
