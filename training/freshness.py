"""How fresh the values are that an answer about the past rests on, in the words that the scorer has for it."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace
from datetime import timedelta

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from feast import FeatureView
from feast.base_feature_view import BaseFeatureView

from training import past
from training.leakage import times_of
from training.metrics import Floats
from training.policy import FAIL, Policy, WhenMissing
from training.unknown_keys import unknown_keys

DAY = timedelta(days=1).total_seconds()


@dataclass(frozen=True)
class Freshness:
    """Of each row and stored view when its values stood; null where there are none."""

    rows: pa.Table
    """The entity's join keys, the row's moment, and a moment for each view."""
    keys: tuple[str, ...]
    ttl: Mapping[str, float]
    """Seconds, by view."""
    keys_of_views: Mapping[str, tuple[str, ...]]

    @classmethod
    def of(cls, features: pa.Table, views: Iterable[BaseFeatureView], keys: tuple[str, ...]) -> Freshness:
        """From rows as `past.lookup` gives them."""
        stored = [view for view in views if isinstance(view, FeatureView)]
        columns = {name: features[name] for name in (*keys, "event_timestamp")}
        columns |= {view.name: features[times_of(view.name)[0]].cast(past.MOMENT) for view in stored}
        limits = {view.name: view.ttl.total_seconds() if view.ttl else np.inf for view in stored}
        return cls(pa.table(columns), keys, limits, {view.name: tuple(view.join_keys) for view in stored})

    def where(self, chosen: pa.Array) -> Freshness:
        """Some of the rows."""
        return replace(self, rows=self.rows.filter(chosen))

    def ages(self, view: str) -> Floats:
        """How old each row's values were, in seconds; NaN where there are none."""
        passed = pc.subtract(self.rows["event_timestamp"].cast(pa.int64()), self.rows[view].cast(pa.int64()))
        return np.asarray(passed.cast(pa.float64()).fill_null(np.nan).to_numpy() / 1e6)

    def degraded(self, policy: Policy, views: Iterable[str]) -> list[list[str]]:
        """Of each row what its answer goes on with although it is old or missing."""
        notes: list[list[str]] = [[] for _ in range(len(self.rows))]
        for view in views:
            rule, ages = policy.get(view, FAIL), self.ages(view)
            for row in np.flatnonzero(~(ages <= self.ttl[view])).tolist():
                used = "used as last known" if _is_last_known(rule, ages[row]) else "taken as unknown"
                notes[row].append(f"{_described(view, ages[row])}, {used}")
        return notes

    def refusals(self, policy: Policy, model: str) -> list[str]:
        """Why the scorer does not answer for a row, for each of these rows, which it does not answer for."""
        ages = {view: self.ages(view) for view in self.ttl}
        reasons = []
        for row, entity in enumerate(self.rows.select(list(self.keys)).to_pylist()):
            missing = {view for view, of_view in ages.items() if np.isnan(of_view[row])}
            refused = [
                view
                for view, of_view in ages.items()
                if not of_view[row] <= self.ttl[view] and not _goes_on(policy.get(view, FAIL), of_view[row])
            ]
            unknown = self.keys
            if missing != set(ages):
                unknown = unknown_keys(self.keys, self.keys_of_views, missing, refused)
            if unknown:
                reasons.append(f"no view knows {', '.join(f'{key} {entity[key]}' for key in unknown)}")
                continue
            described = "; ".join(_described(view, ages[view][row]) for view in refused)
            reasons.append(f"{described}, and {model} does not answer from that")
        return reasons


def _goes_on(rule: WhenMissing, age: float) -> bool:
    return rule.policy == "default" or _is_last_known(rule, age)


def _is_last_known(rule: WhenMissing, age: float) -> bool:
    return rule.policy == "last_known" and age <= rule.up_to.total_seconds()


def _described(view: str, age: float) -> str:
    return f"{view}: missing" if np.isnan(age) else f"{view}: stale, {age / DAY:.1f} days old"
