"""From named feature values to the one float32 matrix that estimators and ONNX see; the same code trains and serves."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Literal

import numpy as np
import numpy.typing as npt
import pyarrow as pa

from training.wording import suggested

Matrix = npt.NDArray[np.float32]


@dataclass(frozen=True)
class Input:
    """One value that the model is given. A category becomes a column a known category: an unseen one, none of them."""

    name: str
    view: str
    """The view it comes from; `request` if the asker says it."""
    kind: Literal["number", "category"]
    categories: tuple[str, ...] = ()

    @property
    def columns(self) -> tuple[str, ...]:
        """The matrix columns it fills."""
        return tuple(f"{self.name}={one}" for one in self.categories) if self.kind == "category" else (self.name,)


@dataclass(frozen=True)
class Inputs:
    """The inputs of a model, in order."""

    each: tuple[Input, ...]

    @property
    def names(self) -> tuple[str, ...]:
        """The inputs' names."""
        return tuple(one.name for one in self.each)

    def without(self, left_out: Sequence[str]) -> Inputs:
        """All but these."""
        if unknown := [name for name in left_out if name not in self.names]:
            named = ", ".join(f"{name}{suggested(name, self.names)}" for name in unknown)
            raise ValueError(f"cannot leave out {named}: expected inputs of the model: {', '.join(self.names)}")
        return Inputs(tuple(each for each in self.each if each.name not in left_out))

    @property
    def columns(self) -> tuple[str, ...]:
        """The matrix columns."""
        return tuple(column for one in self.each for column in one.columns)

    def matrix(self, values: pa.Table | Mapping[str, Sequence[object] | npt.NDArray[np.generic]]) -> Matrix:
        """The rows as a matrix; whatever is missing is NaN."""
        filled = [column for one in self.each for column in _columns(one, values[one.name])]
        return np.ascontiguousarray(np.stack(filled, axis=1), dtype=np.float32)

    def by_input(self, contributions: npt.NDArray[np.floating]) -> npt.NDArray[np.floating]:
        """Contributions of matrix columns (last axis), added up to those of the inputs."""
        starts = np.cumsum([0, *(len(one.columns) for one in self.each)])[:-1]
        summed: npt.NDArray[np.floating] = np.add.reduceat(contributions, starts, axis=-1)
        return summed


def _columns(one: Input, values: object) -> list[npt.NDArray[np.float32]]:
    if one.kind == "category":
        told = np.asarray(values.to_pylist() if isinstance(values, pa.ChunkedArray) else values, dtype=object)
        return [(told == category).astype(np.float32) for category in one.categories]
    if isinstance(values, pa.ChunkedArray):
        return [values.cast(pa.float64()).to_numpy().astype(np.float32)]
    if isinstance(values, np.ndarray) and values.dtype.kind in "fiub":
        return [values.astype(np.float32)]
    return [np.asarray([np.nan if value is None else value for value in values], np.float32)]  # type: ignore[attr-defined]
