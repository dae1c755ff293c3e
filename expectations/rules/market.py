"""What rows of a region's market keep."""

from __future__ import annotations

from expectations.rule import Rule, null_unless

RULES = (
    Rule(
        "within_season_0_days",
        "({days_to_peak_season} = 0) IS NOT DISTINCT FROM {is_peak_season}",
        "0 days exactly within the peak season, null where that is",
    ),
    Rule(
        "peak_needs_index",
        "({is_peak_season} IS NULL) = ({sales_seasonal_index} IS NULL)",
        "the peak is told by the sales index",
    ),
    Rule(
        "rate_change_needs_rate",
        null_unless("mortgage_rate_change_90d", "{mortgage_rate_30y} IS NOT NULL"),
        "null if either rate is missing",
    ),
)
