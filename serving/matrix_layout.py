"""Which column of a lookup goes where in a model's matrix: worked out once, so that all rows are moved at once."""

from __future__ import annotations

from dataclasses import dataclass
from functools import lru_cache

import numpy as np
import numpy.typing as npt

from training.inputs import Inputs

_Places = npt.NDArray[np.intp]


@dataclass(frozen=True)
class CategoryColumns:
    """A category, and the columns of its values."""

    name: str
    columns: slice
    values: npt.NDArray[np.object_]


class MatrixLayout:
    """Where the inputs of one model lie in its matrix, as `Inputs.matrix` lays them out."""

    def __init__(self, inputs: Inputs) -> None:
        places = {column: place for place, column in enumerate(inputs.columns)}
        self.width = len(places)
        self._numbers = [each.name for each in inputs.each if each.kind == "number" and each.view != "request"]
        self.requested = [(each.name, places[each.name]) for each in inputs.each if each.view == "request"]
        self.categories = [
            CategoryColumns(
                each.name,
                slice(places[each.columns[0]], places[each.columns[-1]] + 1),
                np.array(each.categories, object),
            )
            for each in inputs.each
            if each.kind == "category"
        ]
        self.numbers = np.array([places[name] for name in self._numbers], np.intp)
        self.sources = lru_cache(self._sources_in)

    def _sources_in(self, numeric: tuple[str, ...]) -> _Places:
        """Where in a lookup's numbers, which have these names, those of the matrix lie."""
        places = {name: place for place, name in enumerate(numeric)}
        return np.array([places[name] for name in self._numbers], np.intp)
