"""On-demand features of looked-up rows, by the very function that training runs: the one in the view's definition."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Any

import numpy as np
import numpy.typing as npt
import pandas as pd
from feast import OnDemandFeatureView

from feature_repo.stores.wire.decode import is_number
from feature_repo.stores.wire.found import Found
from feature_repo.stores.wire.resolve import OnDemand, Resolved


def completed(
    found: Found,
    request: Mapping[str, Sequence[Any]],
    resolved: Resolved,
    views: Mapping[str, OnDemandFeatureView],
) -> Found:
    """What was found, with the computed columns in their places, and without what only they needed."""
    numbers = {name: found.numbers[:, place] for place, name in enumerate(found.numeric)}
    objects = dict(found.objects)
    for one in resolved.on_demand:
        inputs = _inputs(one, found, request)
        view = views[one.name]
        kinds = {field.name: field.dtype.to_value_type() for field in view.features}
        answer = _computed(one, view, inputs)
        for feature, column in one.features:
            values = answer[feature]
            if len(values) != len(found):
                raise ValueError(f"{one.name}: expected {len(found)} rows of {feature!r}, found {len(values)}")
            if is_number(kinds[feature]):
                numbers[column] = _numbers(values)
            else:
                objects[column] = _objects(values)
    numeric = tuple(name for name in resolved.outputs if name in numbers)
    stacked = np.column_stack([numbers[name] for name in numeric]) if numeric else np.empty((len(found), 0))
    return replace(
        found,
        columns=resolved.outputs,
        numeric=numeric,
        numbers=stacked,
        objects={name: values for name, values in objects.items() if name in resolved.outputs},
    )


def _inputs(one: OnDemand, found: Found, request: Mapping[str, Sequence[Any]]) -> dict[str, Sequence[Any]]:
    if missing := [name for name in one.request if name not in request]:
        raise KeyError(f"{one.name} is computed from the request: expected {', '.join(missing)} in it, found none")
    inputs: dict[str, Sequence[Any]] = {name: found.column(column).tolist() for name, column in one.reads}
    return inputs | {name: request[name] for name in one.request}


def _computed(one: OnDemand, view: OnDemandFeatureView, inputs: Mapping[str, Sequence[Any]]) -> Mapping[str, Any]:
    transformation: Any = view.feature_transformation
    if one.mode == "pandas":
        answer: Mapping[str, Any] = transformation.udf(pd.DataFrame(inputs))
        return answer
    if one.mode == "python":
        told: Mapping[str, Any] = transformation.udf({name: list(values) for name, values in inputs.items()})
        return told
    raise ValueError(f"{one.name}: expected an on-demand view of mode pandas or python, found {one.mode}")


def _numbers(values: Any) -> npt.NDArray[np.float64]:
    if isinstance(values, pd.Series):
        return values.to_numpy(np.float64, na_value=np.nan)
    return np.array(values, np.float64)


def _objects(values: Sequence[Any]) -> npt.NDArray[np.object_]:
    column = np.empty(len(values), object)
    for place, value in enumerate(values):
        column[place] = value
    return column
