"""From what was found to the model's matrix: which column goes where is worked out once, and rows are moved at once."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from functools import lru_cache

import numpy as np
import numpy.typing as npt

from feature_repo.stores.wire.lookup_result import LookupResult
from training.inputs import Inputs, Matrix

_Places = npt.NDArray[np.intp]


@dataclass(frozen=True)
class _Category:
    name: str
    columns: slice
    values: npt.NDArray[np.object_]


class Layout:
    """The matrix of one model's inputs. What it makes of rows equals `Inputs.matrix` of the same rows."""

    def __init__(self, inputs: Inputs) -> None:
        at = {column: place for place, column in enumerate(inputs.columns)}
        self._width = len(at)
        self._numbers = [one.name for one in inputs.each if one.kind == "number" and one.view != "request"]
        self._asked = [(one.name, at[one.name]) for one in inputs.each if one.view == "request"]
        self._categories = [
            _Category(one.name, slice(at[one.columns[0]], at[one.columns[-1]] + 1), np.array(one.categories, object))
            for one in inputs.each
            if one.kind == "category"
        ]
        self._targets = np.array([at[name] for name in self._numbers], np.intp)
        self._sources = lru_cache(self._sources_in)

    def matrix(self, found: LookupResult, request: Mapping[str, npt.NDArray[np.float64]]) -> Matrix:
        """A row for each row found; `request` has the inputs that the asker says."""
        rows = np.empty((len(found), self._width), np.float32)
        rows[:, self._targets] = found.numbers.take(self._sources(found.numeric), axis=1)
        for one in self._categories:
            rows[:, one.columns] = found.objects[one.name][:, None] == one.values
        for name, place in self._asked:
            rows[:, place] = request[name]
        return rows

    def _sources_in(self, numeric: tuple[str, ...]) -> _Places:
        there = {name: place for place, name in enumerate(numeric)}
        return np.array([there[name] for name in self._numbers], np.intp)
