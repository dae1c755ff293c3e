"""Feast's `get_online_features` by a compiled lookup, for as long as the request and the views are of the usual kind.

What the request means is Feast's to say, by the very function that its own stores ask (`_get_cached_request_context`),
so that whatever it refuses is refused in its words. Feast's own way, over protobuf, remains for all that is unusual:
join keys of other types than int and str, keys that are missing, precomputed vectors, on-demand views that are stored
or aggregate. `prepared` returns None for these; that is never an error.
"""

from __future__ import annotations

import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from typing import Any

from feast import FeatureService, FeatureView, RepoConfig, utils
from feast.infra.registry.base_registry import BaseRegistry
from feast.metrics import track_feature_statuses
from feast.type_map import python_values_to_proto_values
from feast.value_type import ValueType

from feature_repo.stores.wire.columnar_response import Column, ColumnarResponse, Given, ReadView
from feature_repo.stores.wire.compiled import CompiledLookup, KeyRequest, by_lookup
from feature_repo.stores.wire.diagnosis import entity_of
from feature_repo.stores.wire.entity_lookup import Reply, micros_of_stored
from feature_repo.stores.wire.errors import CorruptValueError
from feature_repo.stores.wire.on_demand_columns import computed, given_column, is_computable
from feature_repo.stores.wire.resolve import Resolved, StoredFeature, stored_features
from feature_repo.stores.wire.times import ABSENT
from feature_repo.stores.wire.typed_columns import typed_columns

_PYTHON_TYPES = {ValueType.INT64: int, ValueType.INT32: int, ValueType.STRING: str}
_BOUNDS = {ValueType.INT64: 1 << 63, ValueType.INT32: 1 << 31}


@dataclass(frozen=True)
class RequestPlan:
    """What does not depend on the rows: of a service, or of references to features."""

    compiled: CompiledLookup
    # the column in the response, its lookup, its place among the values of that, its view, its place in a reply
    outputs: tuple[tuple[str, int, int, int, int], ...]
    on_demand: tuple[Any, ...]
    refs: tuple[str, ...]
    names: frozenset[str]
    request_fields: frozenset[str]
    join_keys: frozenset[str]
    entity_names: frozenset[str]
    # a view's own name of a key, and the one that it is asked by
    aliases: tuple[tuple[str, str], ...]
    entity_kinds: Mapping[str, ValueType]
    feature_kinds: dict[str, ValueType]
    versions: tuple[tuple[str, int], ...]
    full_names: bool
    config: RepoConfig

    def prepared(self, rows: Mapping[str, Sequence[Any]], *, with_versions: bool) -> PreparedRequest | None:
        """The request for some rows; None if it is Feast's to answer."""
        names = set(rows)
        counts = {len(values) for values in rows.values()}
        if len(counts) != 1 or 0 in counts or not names.isdisjoint(self.entity_names):
            return None
        places = {name: place for place, name in enumerate(rows)}
        # Of both names Feast takes the one that comes last.
        if any(places.get(own, -1) > places.get(alias, -1) for own, alias in self.aliases):
            return None
        keys: list[Column] = []
        request: list[Column] = []
        needed = set(self.compiled.join_keys)
        for name, values in rows.items():
            kind = self.entity_kinds.get(name, ValueType.UNKNOWN)
            if name in needed:
                if not _is_usual(values, kind):
                    return None
                given = list(values)
                keys.append((name, given, Given(partial(python_values_to_proto_values, given, kind), is_plain=True), 0))
                continue
            # Feast converts what nobody needs, too, and refuses what it cannot convert.
            column = given_column(name, python_values_to_proto_values(list(values), kind), self.feature_kinds)
            if name in self.request_fields:
                request.append(column)
            elif name in self.join_keys:
                keys.append(column)
        if not needed <= names:
            return None
        utils.ensure_request_data_values_exist(set(self.request_fields), {name: values for name, values, *_ in request})
        return PreparedRequest(self, self.compiled.key_request(rows), (*keys, *request), with_versions=with_versions)


@dataclass(frozen=True)
class PreparedRequest:
    """A request, and the commands that answer it."""

    plan: RequestPlan
    keys: KeyRequest
    given: tuple[Column, ...]
    with_versions: bool

    def response(self, replies: Sequence[Reply]) -> ColumnarResponse:
        """What the replies say."""
        try:
            columns = [*self.given, *self._read(replies)]
        except CorruptValueError as fault:
            raise self._named(fault, replies) from None
        plan = self.plan
        if plan.on_demand:
            columns += computed(plan.on_demand, plan.refs, columns, plan.feature_kinds, full_names=plan.full_names)
            kept = plan.names | (plan.join_keys & {name for name, *_ in self.given})
            columns = [column for column in columns if column[0] in kept]
        return ColumnarResponse(columns, plan.feature_kinds, plan.versions if self.with_versions else ())

    def _read(self, replies: Sequence[Reply]) -> list[Column]:
        plan, now = self.plan, time.time_ns() // 1000
        if set(map(type, replies)) - {list}:
            raise CorruptValueError("expected a hash at each key, found something else")
        parts = list(by_lookup(self.keys, replies))
        values: list[list[list[Any]]] = []
        views: list[ReadView] = []
        for lookup, mine in zip(plan.compiled.lookups, parts, strict=True):
            values.append(typed_columns(lookup, mine, plan.feature_kinds))
            for place, view in enumerate(lookup.views):
                times = [micros_of_stored(reply[place]) for reply in mine]
                views.append(ReadView(mine, times, view.ttl_micros, now))
                # Feast's count of what was found, which its feature server shows.
                absent, width = times.count(ABSENT), len(lookup.places[place])
                track_feature_statuses(view.name, width * (len(times) - absent), width * absent)
        return [(name, values[lookup][place], views[view], at) for name, lookup, place, view, at in plan.outputs]

    def _named(self, fault: CorruptValueError, replies: Sequence[Reply]) -> CorruptValueError:
        """The same fault, with the entity that it concerns."""
        _, corrupt = self.plan.compiled.diagnosed(self.keys, replies)
        if not corrupt:
            return fault
        first = corrupt[0]
        number = next(
            n for n, lookup in enumerate(self.plan.compiled.lookups) if first.view in {v.name for v in lookup.views}
        )
        places = self.keys.places[number]
        key = sum(self.keys.counts[:number]) + (first.row if places is None else places[first.row])
        entity = entity_of(self.keys.batch.keys[key], self.plan.config.project)
        more = f" (and {len(corrupt) - 1} more)" if len(corrupt) > 1 else ""
        return CorruptValueError(f"{entity}, view {first.view!r}: {first.reason}{more}")


class RequestPlans:
    """The plans of one online store, each for as long as Feast's registry cache holds what it was made of."""

    _LIMIT = 256

    def __init__(self) -> None:
        self._plans: dict[tuple[object, ...], tuple[object, RequestPlan | None]] = {}

    def prepared(
        self, config: RepoConfig, features: list[str] | FeatureService, entity_rows: Any, registry: BaseRegistry,
        project: str, *, full_names: bool, with_versions: bool,
    ) -> PreparedRequest | None:  # fmt: skip
        """The request, if it is of the usual kind."""
        rows = _columns(entity_rows)
        if rows is None or not features or not isinstance(features, (list, FeatureService)):
            return None
        plan = self._plan(config, features, registry, project, full_names=full_names)
        return None if plan is None else plan.prepared(rows, with_versions=with_versions)

    def _plan(
        self, config: RepoConfig, features: list[str] | FeatureService, registry: BaseRegistry, project: str,
        *, full_names: bool,
    ) -> RequestPlan | None:  # fmt: skip
        # A service goes by its name, as in Feast's own cache.
        what = features.name if isinstance(features, FeatureService) else tuple(features)
        key = (what, project, full_names)
        created = getattr(registry, "cached_registry_proto_created", None)
        known = self._plans.get(key)
        if known is not None and created is not None and known[0] is created and registry.is_cache_valid():
            return known[1]
        context = utils._get_cached_request_context(registry, project, features, full_names)
        is_precomputed = isinstance(features, FeatureService) and bool(getattr(features, "precompute_online", False))
        plan = None if is_precomputed else _compiled(config, context, full_names=full_names)
        if len(self._plans) >= self._LIMIT:
            self._plans.clear()
        self._plans[key] = (created, plan)
        return plan


def _compiled(config: RepoConfig, context: tuple[Any, ...], *, full_names: bool) -> RequestPlan | None:
    refs, on_demand, key_of_entity, kinds, join_keys, grouped, names, request_fields, _ = context
    if not all(isinstance(view, FeatureView) for view, _ in grouped) or not all(map(is_computable, on_demand)):
        return None
    stored: list[StoredFeature] = []
    versions: dict[str, int] = {}
    for view, features in grouped:
        prefix = f"{view.projection.name_to_use()}__" if full_names else ""
        pairs = [(feature, f"{prefix}{feature}") for feature in features]
        stored += stored_features(view, pairs, versioned=config.registry.enable_online_feature_view_versioning)
        place = stored[-1].view
        if {name for name, _ in place.join_keys} != {key_of_entity[name] for name in view.entities}:
            return None
        if any(
            kinds.get(column) is not kind for column, (_, kind) in zip(place.asked_by, place.join_keys, strict=True)
        ):
            return None
        name = view.projection.name_alias or view.projection.name
        versions.setdefault(name, getattr(view, "current_version_number", 0) or 0)
    null = config.online_store.unwritten_features == "null"
    compiled = CompiledLookup.of(config.project, Resolved((), tuple(stored), ()), unwritten_is_null=null)
    views = [view for lookup in compiled.lookups for view in lookup.views]
    places = {
        feature: (number, place, views.index(feature.view), place + len(lookup.views))
        for number, lookup in enumerate(compiled.lookups)
        for place, feature in enumerate((*lookup.numbers, *lookup.others))
    }
    keys = {
        (own, column)
        for lookup in compiled.lookups
        for (own, _), column in zip(lookup.layout.join_keys, lookup.asked_by, strict=True)
    }
    aliases = [(own, column) for own, column in keys if own != column]
    return RequestPlan(
        compiled=compiled,
        outputs=tuple((feature.column, *places[feature]) for feature in stored),
        on_demand=tuple(on_demand),
        refs=tuple(refs),
        names=frozenset(names),
        request_fields=frozenset(request_fields),
        join_keys=frozenset(join_keys),
        entity_names=frozenset(key_of_entity) - frozenset(join_keys) - frozenset(request_fields),
        aliases=tuple(aliases),
        entity_kinds=dict(kinds),
        feature_kinds=_feature_kinds(grouped),
        versions=tuple(versions.items()),
        full_names=full_names,
        config=config,
    )


def _feature_kinds(grouped: Sequence[tuple[FeatureView, list[str]]]) -> dict[str, ValueType]:
    """By the names that Feast looks types up by: bare, and with the view's name before them."""
    kinds: dict[str, ValueType] = {}
    for view, features in grouped:
        projection: Any = view.projection
        for field in view.features:
            if field.name in features:
                kind = field.dtype.to_value_type()
                kinds[field.name] = kinds[f"{projection.name_to_use()}__{field.name}"] = kind
    return kinds


def _columns(rows: Any) -> Mapping[str, Sequence[Any]] | None:
    """Rows as columns; None if they are not all of one kind."""
    if isinstance(rows, list):
        if not rows or not isinstance(rows[0], dict) or any(len(row) != len(rows[0]) for row in rows):
            return None
        try:
            return {name: [row[name] for row in rows] for name in rows[0]}
        except KeyError:
            return None
    if isinstance(rows, Mapping) and all(isinstance(values, (list, tuple)) for values in rows.values()):
        return rows
    return None


def _is_usual(values: Sequence[Any], kind: ValueType) -> bool:
    """Whether each value is of the very type that Feast makes of it, and fits."""
    python = _PYTHON_TYPES.get(kind)
    if python is None or set(map(type, values)) != {python}:
        return False
    bound = _BOUNDS.get(kind)
    return bound is None or (-bound <= min(values) and max(values) < bound)
