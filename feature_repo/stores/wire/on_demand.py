"""On-demand features of looked-up rows, by the very function that training runs: the one in the view's definition."""

from __future__ import annotations

from collections.abc import Hashable, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from functools import lru_cache
from typing import Any

import numpy as np
import numpy.typing as npt
import pandas as pd
from feast import OnDemandFeatureView

from feature_repo.stores.wire.decode import is_number
from feature_repo.stores.wire.lookup_result import LookupResult, object_column
from feature_repo.stores.wire.resolve import OnDemand, Resolved

Request = Mapping[str, Sequence[Any]]
Objects = Mapping[str, npt.NDArray[np.object_]]
_REMEMBERED = 64


class Computation:
    """One view: its function, and what it last said of the moments it was asked about."""

    def __init__(self, view: OnDemand, definition: OnDemandFeatureView) -> None:
        kinds = {field.name: field.dtype.to_value_type() for field in definition.features}
        self._view = view
        self._function: Any = definition.feature_transformation.udf  # type: ignore[union-attr]  # a view has one
        self._numbers = [feature for feature, _ in view.features if is_number(kinds[feature])]
        self._objects = [(feature, column) for feature, column in view.features if not is_number(kinds[feature])]
        self.numeric = tuple(column for feature, column in view.features if is_number(kinds[feature]))
        self._of_moments = lru_cache(_REMEMBERED)(self._computed_of)

    def columns(self, features: LookupResult, request: Request) -> tuple[npt.NDArray[np.float64], Objects]:
        """The columns `numeric` side by side, and the others by name."""
        view = self._view
        if missing := [name for name in view.request if name not in request]:
            raise KeyError(f"{view.name} is computed from the request: expected {', '.join(missing)} in it, found none")
        inputs = [request[name] for name in view.request]
        if uneven := [name for name, values in zip(view.request, inputs, strict=True) if len(values) != len(features)]:
            raise ValueError(f"{view.name}: expected {len(features)} rows of {', '.join(uneven)}, found another number")
        if view.reads or not all(map(_is_moment, (value for values in inputs for value in values))):
            read = {name: features.column(column).tolist() for name, column in view.reads}
            return self._computed(read | dict(zip(view.request, inputs, strict=True)), len(features))
        # Many rows are asked about few moments, and many questions about the same ones.
        rows = list(zip(*inputs, strict=True))
        places = {row: place for place, row in enumerate(dict.fromkeys(rows))}
        numbers, objects = self._of_moments(tuple(places))
        if len(places) == len(rows):
            return numbers, objects
        at = np.fromiter(map(places.__getitem__, rows), np.int64, len(rows))
        return numbers[at], {name: values[at] for name, values in objects.items()}

    def _computed_of(self, rows: tuple[tuple[Hashable, ...], ...]) -> tuple[npt.NDArray[np.float64], Objects]:
        columns = zip(*rows, strict=True)
        return self._computed(dict(zip(self._view.request, map(list, columns), strict=True)), len(rows))

    def _computed(self, inputs: Mapping[str, Sequence[Any]], rows: int) -> tuple[npt.NDArray[np.float64], Objects]:
        answer = self._answer(inputs)
        for feature, _ in self._view.features:
            if len(answer[feature]) != rows:
                raise ValueError(
                    f"{self._view.name}: expected {rows} rows of {feature!r}, found {len(answer[feature])}"
                )
        numbers = np.empty((rows, len(self._numbers)), np.float64)
        for place, feature in enumerate(self._numbers):
            numbers[:, place] = _numbers(answer[feature])
        return numbers, {column: object_column(answer[feature]) for feature, column in self._objects}

    def _answer(self, inputs: Mapping[str, Sequence[Any]]) -> Mapping[str, Any]:
        if self._view.mode == "pandas":
            frame: Mapping[str, Any] = self._function(pd.DataFrame(inputs))
            return frame
        if self._view.mode == "python":
            outputs: Mapping[str, Any] = self._function({name: list(values) for name, values in inputs.items()})
            return outputs
        raise ValueError(
            f"{self._view.name}: expected an on-demand view of mode pandas or python, found {self._view.mode}"
        )


@dataclass(frozen=True)
class Completion:
    """All on-demand views of a service, and the order of its columns."""

    outputs: tuple[str, ...]
    computations: tuple[Computation, ...]

    @classmethod
    def of(cls, resolved: Resolved, views: Mapping[str, OnDemandFeatureView]) -> Completion:
        """Those that the registry has."""
        return cls(resolved.outputs, tuple(Computation(view, views[view.name]) for view in resolved.on_demand))

    def completed(self, features: LookupResult, request: Request) -> LookupResult:
        """With the computed columns in their places, and without what only they needed."""
        names, blocks, objects = features.numeric, [features.numbers], dict(features.objects)
        for computation in self.computations:
            numbers, others = computation.columns(features, request)
            names += computation.numeric
            blocks.append(numbers)
            objects |= others
        numeric, places = _order(self.outputs, names)
        return replace(
            features,
            columns=self.outputs,
            numeric=numeric,
            numbers=np.concatenate(blocks, axis=1).take(places, axis=1),
            objects={name: objects[name] for name in self.outputs if name in objects},
        )


@lru_cache
def _order(outputs: tuple[str, ...], numeric: tuple[str, ...]) -> tuple[tuple[str, ...], npt.NDArray[np.int64]]:
    """Of some numeric columns those that are told, in the order of the outputs, and the place of each."""
    places = {name: place for place, name in enumerate(numeric)}
    names = tuple(name for name in outputs if name in places)
    return names, np.array([places[name] for name in names], np.int64)


def _is_moment(value: object) -> bool:
    """Whether equal values are the same in all: so it is of moments in UTC, and not of 0.0 and -0.0."""
    return type(value) is datetime and value.tzinfo is UTC


def _numbers(values: Any) -> npt.NDArray[np.float64]:
    if isinstance(values, pd.Series):
        return values.to_numpy(np.float64, na_value=np.nan)
    return np.array(values, np.float64)
