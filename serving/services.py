"""The Feast service that a running model reads: compiled once, and watched for changes that it must not follow.

A model was trained on what its service gave then. A service that is applied anew while the model serves would give it
other inputs under the same names, or none: the plan stays, and the change is reported.
"""

from __future__ import annotations

import time

from feast import FeatureStore

from feature_repo.stores.wire.lookup import LookupPlan
from feature_repo.stores.wire.resolve import Resolved, resolved
from training.inputs import Inputs


class ServiceError(RuntimeError):
    """Feast's registry does not give the service that a model reads, or gives another than it did."""


class WatchedService:
    """A service as it is in Feast's registry now, looked at again every so many seconds."""

    def __init__(self, store: FeatureStore, name: str, every_seconds: float) -> None:
        self._store, self._name, self._every = store, name, every_seconds
        self._before = self._resolved()
        self._due = time.monotonic() + every_seconds
        self._problem = ""

    def plan(self, inputs: Inputs) -> LookupPlan:
        """How its features are looked up; all that the model reads is among them."""
        # Never refreshed by itself: see above.
        plan = LookupPlan.compile(self._store, self._name, refresh_seconds=0)
        needed = {each.name for each in inputs.each if each.view != "request"}
        leading = {feature.feature for feature in plan.leading}
        if missing := needed - set(plan.outputs):
            raise ServiceError(
                f"the model reads {', '.join(sorted(missing))}, which the service {self._name} in Feast's registry "
                "does not give. Apply the service that the model was trained with (`feast -c feature_repo apply`), or "
                "train the model anew."
            )
        if needed == set(plan.outputs) - leading:
            return plan
        # Trained without some features of the service: what it does not read must not make it refuse.
        keys = {key for feature in plan.stored if feature.column in needed for key in feature.view.asked_by}
        views = {each.name: each.view for each in inputs.each if each.view != "request"}
        views |= {each.feature: each.view.name for each in plan.leading if each.feature in keys}
        own = [f"{views[name]}:{name}" for name in plan.outputs if name in views]
        return LookupPlan.compile(self._store, own, refresh_seconds=0)

    def require_unchanged(self) -> None:
        """Raise while the registry has another service than the one that was compiled, or does not answer."""
        if time.monotonic() >= self._due:
            self._problem = self._change()
            self._due = time.monotonic() + self._every
        if self._problem:
            raise ServiceError(f"{self._problem} The version that serves goes on with the plan that it has.")

    def _change(self) -> str:
        try:
            present = self._resolved()
        except ServiceError as problem:
            return str(problem)
        if present == self._before:
            return ""
        before, now = set(self._before.outputs), set(present.outputs)
        changes = [
            *(f"{name} is gone" for name in sorted(before - now)),
            *(f"{name} is new" for name in sorted(now - before)),
        ]
        return (
            f"the service {self._name} in Feast's registry has changed since it was compiled: "
            f"{', '.join(changes) or 'its order, or the keys, types, TTLs or computations of its views'}. Apply it as "
            "it was, or train a version that reads the new one; a restart takes up what leaves the model its inputs."
        )

    def _resolved(self) -> Resolved:
        try:
            return resolved(self._store, self._name, full_names=False)[0]
        except Exception as problem:  # Feast's own errors and those of its registry's database have nothing in common
            raise ServiceError(
                f"the service {self._name} cannot be read from Feast's registry: {type(problem).__name__}: {problem}. "
                "If it was never applied: `feast -c feature_repo apply`."
            ) from problem
