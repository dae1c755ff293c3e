"""The assets, by domain: raw tables, feature views, and what is made of them for Feast and for readers."""

import warnings

import dagster as dg

# Chosen knowingly; the lock keeps its behaviour still.
warnings.filterwarnings("ignore", category=dg.BetaWarning, message="Parameter `(backfill_policy|freshness_policy)`")
