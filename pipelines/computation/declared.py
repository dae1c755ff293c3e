"""The last step of every transform: exactly what the view declares, and when it counts."""

from __future__ import annotations

from collections.abc import Mapping

import ibis
import numpy as np
import numpy.typing as npt
import pyarrow as pa
from feast import FeatureView
from feast.type_map import feast_value_type_to_pa

from feature_repo.cadence import cadence_of
from pipelines.computation.days import midnight

_TYPES = {"Bool": "boolean", "Float64": "float64", "Int32": "int32", "Int64": "int64", "String": "string"}


def as_declared(features: ibis.Table, view: FeatureView) -> ibis.Table:
    """A view's join key and features in its order and types, with `event_timestamp` and `created_timestamp`.

    `features` has a row for each key and `day`; or, where a snapshot stands at another moment than the midnight that
    ends a day, for each key and `instant`.
    """
    # FeatureView.schema has no order; features has the declared one.
    fields = [*view.entity_columns, *view.features]
    when = "instant" if "instant" in features.columns else "day"
    declared, found = {when, *(field.name for field in fields)}, {*features.columns}
    if declared != found:
        raise ValueError(
            f"{view.name}: expected the view's columns, found {sorted(found - declared)} beyond them and "
            f"{sorted(declared - found)} missing"
        )
    instant = features["instant"] if when == "instant" else midnight(features["day"] + 1)
    return features.select(
        *(features[field.name].cast(_TYPES[str(field.dtype)]).name(field.name) for field in fields),
        event_timestamp=instant,
        created_timestamp=instant + ibis.interval(hours=cadence_of(view).lag_hours),
    )


def declared_arrays(columns: Mapping[str, npt.NDArray[np.generic]], view: FeatureView) -> pa.Table:
    """The same of arrays, both times in microseconds among them; NaN is null."""
    schema = declared_schema(view)
    if {*schema.names} != {*columns}:
        raise ValueError(
            f"{view.name}: expected the view's columns, found {sorted({*columns} - {*schema.names})} beyond them and "
            f"{sorted({*schema.names} - {*columns})} missing"
        )
    return pa.table([pa.array(columns[field.name], field.type, from_pandas=True) for field in schema], schema=schema)


def declared_schema(view: FeatureView) -> pa.Schema:
    """The columns of a view's snapshots."""
    fields = [*view.entity_columns, *view.features]
    types = {field.name: feast_value_type_to_pa(field.dtype.to_value_type()) for field in fields}
    moment = pa.timestamp("us", "UTC")
    return pa.schema([*types.items(), ("event_timestamp", moment), ("created_timestamp", moment)])
