"""How often a failed asset is tried again, and how long a run may take."""

import os

import dagster as dg

MINUTES_BETWEEN = float(os.environ.get("TIDEMARK_RETRY_MINUTES") or 5)
RETRIES = dg.RetryPolicy(max_retries=int(os.environ.get("TIDEMARK_RETRIES") or 3), delay=60 * MINUTES_BETWEEN)

# Dagster's run monitoring ends a run that takes longer.
LIMITS = {"dagster/max_runtime": 2 * 60 * 60}
