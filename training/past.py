"""What was known of entities at moments in the past, under a model's policy for values that are old or missing.

Training sets and answers about the past look features up here, so that a model is trained on what the scorer would have
answered from: values past their time to live where the policy takes the last known ones, unknown where it goes on
without them, and no row where the scorer would have refused to answer.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Sequence
from copy import copy
from datetime import timedelta

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.compute as pc
from feast import FeatureStore, FeatureView
from feast.base_feature_view import BaseFeatureView
from feast.infra.offline_stores.offline_utils import get_offline_store_from_config

from training.leakage import times_of
from training.policy import FAIL, Policy, WhenMissing

MOMENT = pa.timestamp("us", "UTC")


def lookup(
    store: FeatureStore, views: Sequence[BaseFeatureView], rows: pa.Table, policy: Policy, *, with_ages: bool = False
) -> pa.Table:
    """The rows with the features of the views (as projected), and when those of each stored view stood and were known.

    A view may have a key that is a feature of another one: that of the row's moment leads to it.

    Values are as old as the policy may take them; those of entities that no view knows by then are looked for however
    old they are, to tell who was never seen from who was seen too long ago. `with_ages` does so for each view that has
    none, so that what is stale is not called missing. What is made of them is `apply`'s affair.
    """
    keys = leading_keys(views)
    within = [
        _looking_back(view, policy.get(view.name, FAIL), is_leading=not keys.isdisjoint(_features_of(view)))
        for view in views
    ]
    features = _retrieved(store, within, rows)
    own = [view for view in views if keys.isdisjoint(_features_and_keys(view))] or views
    sought = _without_any(features, views) if with_ages else _without_all(features, own)
    if not sought.any():
        return features
    places = np.concatenate([np.flatnonzero(~sought), np.flatnonzero(sought)])
    older = _retrieved(store, [_without_limit(view) for view in views], rows.filter(pa.array(sought)))
    return pa.concat_tables([features.filter(pa.array(~sought)), older]).take(np.argsort(places))


def leading_keys(views: Iterable[BaseFeatureView]) -> frozenset[str]:
    """The features of the views that are the keys of others among them, and so no inputs of a model."""
    views = list(views)
    features = {field.name for view in views for field in view.projection.features}
    return frozenset(key for view in views if isinstance(view, FeatureView) for key in view.join_keys) & features


def with_leading(views: Sequence[BaseFeatureView], names: Collection[str]) -> list[BaseFeatureView]:
    """The views of these names, and those that lead to one of them."""
    keys = leading_keys(views)
    needed = {key for view in views if view.name in names and isinstance(view, FeatureView) for key in view.join_keys}
    return [
        view
        for view in views
        if view.name in names or keys & needed & {field.name for field in view.projection.features}
    ]


def _features_of(view: BaseFeatureView) -> list[str]:
    return [field.name for field in view.projection.features]


def _features_and_keys(view: BaseFeatureView) -> list[str]:
    return [*_features_of(view), *(view.join_keys if isinstance(view, FeatureView) else ())]


def _retrieved(store: FeatureStore, views: Sequence[BaseFeatureView], rows: pa.Table) -> pa.Table:
    """The rows with the features of the views: first of those whose keys the rows have, then of those they lead to."""
    keys = leading_keys(views)
    led = [view for view in views if isinstance(view, FeatureView) and keys & {*view.join_keys}]
    features = _joined(store, [view for view in views if view not in led], rows)
    while led:
        ready = next((view for view in led if keys & {*view.join_keys} <= {*features.column_names}), led[0])
        features = _with_led(store, ready, features)
        led = [view for view in led if view is not ready]
    return features


def _with_led(store: FeatureStore, view: FeatureView, rows: pa.Table) -> pa.Table:
    """The rows with a view whose key is among their features; null where that is."""
    columns = [*(field.name for field in view.projection.features), *times_of(view.name)]
    asked = rows.select([*view.join_keys, "event_timestamp"])
    has_key = np.all([asked[key].is_valid().to_numpy() for key in view.join_keys], axis=0)
    found = _joined(store, [view], asked.filter(pa.array(has_key))).select(columns)
    places = np.where(has_key, np.cumsum(has_key) - 1, -1)
    placed = found.take(pa.array(places, mask=~has_key))
    for name in columns:
        rows = rows.append_column(name, placed[name])
    return rows


def _joined(store: FeatureStore, views: Sequence[BaseFeatureView], rows: pa.Table) -> pa.Table:
    job = get_offline_store_from_config(store.config.offline_store).get_historical_features(
        config=store.config,
        feature_views=[view for view in views if isinstance(view, FeatureView)],
        feature_refs=[f"{view.name}:{feature.name}" for view in views for feature in view.projection.features],
        entity_df=rows,
        registry=store.registry,
        project=store.project,
    )
    return job.to_arrow_with_times() if hasattr(job, "to_arrow_with_times") else job.to_arrow()


def _looking_back(view: BaseFeatureView, rule: WhenMissing, *, is_leading: bool) -> BaseFeatureView:
    """The view with a time to live that lasts as long as the policy takes its last known values.

    A key leads on however old it is, as it does online, where the policy goes on without the view's values.
    """
    if is_leading and rule.policy == "default":
        return _without_limit(view)
    if not isinstance(view, FeatureView) or not view.ttl or rule.policy != "last_known":
        return view
    further = copy(view)
    further.ttl = max(view.ttl, rule.up_to)
    return further


def _without_limit(view: BaseFeatureView) -> BaseFeatureView:
    if not isinstance(view, FeatureView):
        return view
    further = copy(view)
    further.ttl = timedelta(0)  # what Feast takes for no limit
    return further


def _without_all(features: pa.Table, views: Iterable[BaseFeatureView]) -> npt.NDArray[np.bool_]:
    """The rows for which none of these views that are stored has values."""
    absent = _absent(features, views)
    return np.asarray(absent.all(axis=0)) if len(absent) else np.zeros(len(features), bool)


def _without_any(features: pa.Table, views: Iterable[BaseFeatureView]) -> npt.NDArray[np.bool_]:
    """The rows for which some of these views that are stored has no values."""
    return np.asarray(_absent(features, views).any(axis=0))


def _absent(features: pa.Table, views: Iterable[BaseFeatureView]) -> npt.NDArray[np.bool_]:
    """Of each stored view, a row each, which rows it has no values for; no view where the times were not told."""
    columns = [times_of(view.name)[0] for view in views if isinstance(view, FeatureView)]
    if not set(columns) <= set(features.column_names):
        columns = []
    absent = [features[column].is_null().to_numpy() for column in columns]
    return np.array(absent, bool).reshape(len(columns), len(features))


def ages(features: pa.Table, view: str) -> npt.NDArray[np.float64]:
    """How old each row's values of a view are, in seconds; NaN where there are none."""
    stood = features[times_of(view)[0]].cast(MOMENT)
    old = pc.subtract(features["event_timestamp"].cast(MOMENT).cast(pa.int64()), stood.cast(pa.int64()))
    return np.asarray(old.cast(pa.float64()).fill_null(np.nan).to_numpy(zero_copy_only=False) / 1e6)


def apply(
    features: pa.Table, views: Iterable[BaseFeatureView], policy: Policy
) -> tuple[pa.Table, npt.NDArray[np.bool_]]:
    """The rows as the scorer would see them, and which of them it would answer.

    It refuses an entity that no view knows, and values that are older or fewer than the policy allows. Where the policy
    goes on without values, those past their time to live are unknown.
    """
    stored = [view for view in views if isinstance(view, FeatureView)]
    answered = np.ones(len(features), bool)
    known = np.zeros(len(features), bool)
    for view in stored:
        age, rule = ages(features, view.name), policy.get(view.name, FAIL)
        known |= ~np.isnan(age)
        fresh = age <= (view.ttl.total_seconds() if view.ttl else np.inf)  # NaN is not
        match rule.policy:
            case "fail":
                answered &= fresh
            case "last_known":
                answered &= fresh | (age <= rule.up_to.total_seconds())
            case "default":
                features = _forget(features, view, ~fresh)
    return features, answered & (known if stored else True)


def _forget(features: pa.Table, view: FeatureView, rows: npt.NDArray[np.bool_]) -> pa.Table:
    if not rows.any():
        return features
    for field in view.projection.features:
        column = features[field.name]
        emptied = pc.if_else(pa.array(rows), pa.scalar(None, column.type), column)
        features = features.set_column(features.column_names.index(field.name), field.name, emptied)
    return features
