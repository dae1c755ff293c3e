"""What an operator watches."""

from __future__ import annotations

from collections.abc import Sequence
from functools import cache

from prometheus_client import Counter, Gauge, Histogram

from feature_repo.stores.wire.lookup_result import LookupResult, Status
from feature_repo.stores.wire.times import ABSENT

_FAST = (0.0002, 0.0005, 0.001, 0.002, 0.005, 0.01, 0.02, 0.05, 0.1, 0.25, 0.5, 1, 2.5)
_AGES = tuple(hours * 3600.0 for hours in (6, 12, 24, 36, 48, 96, 168, 336, 1000))

REQUESTS = Counter("tidemark_requests", "Requests answered.", ["route", "status"])
SECONDS = Histogram("tidemark_stage_seconds", "Time of a stage of an answer.", ["stage"], buckets=_FAST)
LOOKUPS = Counter("tidemark_lookups", "Views looked up, by what was found.", ["view", "status"])
AGE = Histogram("tidemark_feature_age_seconds", "Age of a view's values when served.", ["view"], buckets=_AGES)
DEGRADED = Counter("tidemark_degraded", "Answers given from less than was wanted.", ["model"])
LOGGED = Counter("tidemark_logged_predictions", "Answers for the log, by what became of them.", ["outcome"])
QUEUE = Gauge("tidemark_log_queue", "Answers that wait to be written.")
"""Set when the metrics are read."""
MODEL_SERVES = Gauge("tidemark_model_serves", "1 while a version of the model answers.", ["model"])
MODEL_FAULT = Gauge("tidemark_model_fault", "1 while this keeps a model from its champion.", ["model", "kind"])
REFRESHED_AT = Gauge("tidemark_models_refreshed_at_seconds", "When the registry was last looked at, in Unix seconds.")
REFRESH_OVERDUE = Gauge("tidemark_models_refresh_overdue", "1 while no look at the registry comes to its end.")
ONLINE_STORE_UP = Gauge("tidemark_online_store_up", "1 if the online store answered the last ping.")


def count_lookups(lookup: LookupResult) -> None:
    """Count the views by their status, and observe how old they were."""
    for view, states, times in zip(lookup.views, lookup.states.T.tolist(), lookup.times.T.tolist(), strict=True):
        for state in set(states):
            _lookups(view, state).inc(states.count(state))
        if (newest := max(times)) != ABSENT:
            _age(view).observe((lookup.asked_at - newest) / 1e6)


def count_model(model: str, kinds: Sequence[str], fault: str | None, *, serves: bool) -> None:
    """Show whether a model answers, and which of the kinds of faults it has."""
    MODEL_SERVES.labels(model).set(serves)
    for kind in kinds:
        MODEL_FAULT.labels(model, kind).set(kind == fault)


# To find the series of some labels takes longer than to count in it.
@cache
def seconds(stage: str) -> Histogram:
    """The times of a stage: `with seconds("lookup").time():`."""
    return SECONDS.labels(stage)


@cache
def requests(route: str, status: int) -> Counter:
    """The requests of a route that ended so."""
    return REQUESTS.labels(route, status)


@cache
def _lookups(view: str, state: int) -> Counter:
    return LOOKUPS.labels(view, Status(state).name)


@cache
def _age(view: str) -> Histogram:
    return AGE.labels(view)
