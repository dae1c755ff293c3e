"""On-demand views over columns, for Feast's own calls: Feast's inputs, Feast's transformation, Feast's types.

This is what `feast.utils._augment_response_with_on_demand_transforms` does to a protobuf. `on_demand.py` does the same
for a compiled plan, which may call the functions directly because its columns have no names but their own.
"""

from __future__ import annotations

import time
from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

import pyarrow as pa
from feast import OnDemandFeatureView
from feast.metrics import track_transformation
from feast.protos.feast.types.Value_pb2 import Value as ValueProto
from feast.type_map import feast_value_type_to_python_type, python_values_to_proto_values
from feast.utils import _parse_feature_ref
from feast.value_type import ValueType

from feature_repo.stores.wire.columnar_response import Column, ColumnarResponse, Given


def is_computable(view: OnDemandFeatureView) -> bool:
    """Whether the view is one whose transformation is a function of columns; the others are left to Feast."""
    return view.mode in {"pandas", "python"} and not view.aggregations and not view.write_to_online_store


def computed(
    views: Sequence[OnDemandFeatureView],
    refs: Sequence[str],
    columns: Sequence[Column],
    kinds: dict[str, ValueType],
    *,
    full_names: bool,
) -> list[Column]:
    """The columns of on-demand views that are asked for."""
    by_name = {_used(view): view for view in views}
    wanted: dict[str, set[str]] = defaultdict(set)
    for ref in refs:
        name, _, feature = _parse_feature_ref(ref)
        if name in by_name:
            projection: Any = by_name[name].projection
            wanted[name].add(f"{projection.name_to_use()}__{feature}" if full_names else feature)
    inputs: dict[str, Any] = {}
    out: list[Column] = []
    for name, outputs in wanted.items():
        view = by_name[name]
        hidden = _hidden(view, views, refs, by_name)
        began = time.monotonic()
        if view.mode not in inputs:
            # what a view of the other mode has computed is among them, as in Feast
            response = ColumnarResponse([*columns, *out], kinds)
            inputs[view.mode] = response.to_dict() if view.mode == "python" else response.to_arrow()
        answer = _transformed(view, inputs[view.mode], hidden, full_names=full_names)
        track_transformation(name, view.mode, time.monotonic() - began)
        out += _columns(view, answer, outputs, kinds)
    return out


def _used(view: OnDemandFeatureView) -> str:
    name: str = (view.projection.name_alias if view.projection else None) or view.name
    return name


def _hidden(
    view: OnDemandFeatureView,
    views: Iterable[OnDemandFeatureView],
    refs: Iterable[str],
    by_name: Mapping[str, OnDemandFeatureView],
) -> set[str]:
    """What its function must not see: features of views that it does not declare as its sources."""
    declared = {projection.name for projection in view.source_feature_view_projections.values()}
    parsed = (_parse_feature_ref(ref) for ref in refs)
    pairs = {(name, feature) for name, _, feature in parsed if name not in by_name}
    sources = (projection for other in views for projection in other.source_feature_view_projections.values())
    pairs |= {(projection.name, feature.name) for projection in sources for feature in projection.features}
    foreign = [(name, feature) for name, feature in pairs if name not in declared]
    return {feature for _, feature in foreign} | {f"{name}__{feature}" for name, feature in foreign}


def _transformed(view: OnDemandFeatureView, inputs: Any, hidden: set[str], *, full_names: bool) -> Any:
    if view.mode == "python":
        return view.transform_dict({name: values for name, values in inputs.items() if name not in hidden})
    shown = [name for name in inputs.column_names if name not in hidden]
    return view.transform_arrow(inputs.select(shown), full_names)


def _columns(
    view: OnDemandFeatureView, answer: Any, outputs: set[str], kinds: Mapping[str, ValueType]
) -> Iterable[Column]:
    declared = {field.name: field.dtype.to_value_type() for field in view.schema}
    names = answer.column_names if isinstance(answer, pa.Table) else answer
    for name in [name for name in names if name in outputs]:
        values = answer[name]
        if not isinstance(values, list):
            values = [values] if view.mode == "python" else values.to_numpy()
        protos = python_values_to_proto_values(values, declared.get(name, ValueType.UNKNOWN))
        yield given_column(name, protos, kinds)


def given_column(name: str, protos: Sequence[ValueProto], kinds: Mapping[str, ValueType]) -> Column:
    """Values that are protobuf already."""
    kind = kinds.get(name)
    return name, [feast_value_type_to_python_type(value, kind) for value in protos], Given(lambda: protos), 0
