"""What an operator watches."""

from __future__ import annotations

from prometheus_client import Counter, Gauge, Histogram

_FAST = (0.0002, 0.0005, 0.001, 0.002, 0.005, 0.01, 0.02, 0.05, 0.1, 0.25, 0.5, 1, 2.5)
_AGES = tuple(hours * 3600.0 for hours in (6, 12, 24, 36, 48, 96, 168, 336, 1000))

REQUESTS = Counter("tidemark_requests", "Requests answered.", ["route", "status"])
SECONDS = Histogram("tidemark_stage_seconds", "Time of a stage of an answer.", ["stage"], buckets=_FAST)
LOOKUPS = Counter("tidemark_lookups", "Views looked up, by what was found.", ["view", "status"])
AGE = Histogram("tidemark_feature_age_seconds", "Age of a view's values when served.", ["view"], buckets=_AGES)
DEGRADED = Counter("tidemark_degraded", "Answers given from less than was wanted.", ["model"])
LOGGED = Counter("tidemark_logged_predictions", "Answers for the log, by what became of them.", ["outcome"])
QUEUE = Gauge("tidemark_log_queue", "Answers that wait to be written.")
"""Set when it is asked for."""
