"""How a region's housing market stands, and in which season."""

from __future__ import annotations

from datetime import timedelta

from feast import FeatureView
from feast.types import Bool, Float64, Int32

from feature_repo.cadence import Cadence
from feature_repo.entities import REGION, join_key
from feature_repo.fields import feature
from feature_repo.sources import snapshots_of

VIEW = FeatureView(
    name="market",
    entities=[REGION],
    ttl=timedelta(days=62),
    source=snapshots_of("market"),
    description=(
        "A region's market as published: one snapshot of every region of which a month is published, at the end "
        "of the first of each month, and one of a region at the end of a day on which a row of region_market about it, "
        "or of macro, became known. The newest month, or observation, is the latest one published, in its latest "
        "revision. The season is that of the calendar month of the snapshot's instant, by the region's own months of "
        "the 36 calendar months before it, as far as published; null unless each of the 12 calendar months is among "
        "them."
    ),
    owner="data-engineering",
    tags={**Cadence("monthly-and-on-change", lag_hours=3).tags, "domain": "homes", "group": "market"},
    schema=[
        join_key(REGION),
        # conditions
        feature(
            "median_sale_price", Float64, "median price of the newest month's sales",
            unit="USD", ge=0, le=1e10,
        ),
        feature(
            "median_price_change_1y", Float64,
            "median_sale_price / that of 12 months before, - 1; null if that month is not published, or at 0",
            unit="ratio", ge=-1, null_share=1.0,
        ),
        feature(
            "days_on_market", Float64,
            "median days from listing to contract in the newest month; null if not published",
            unit="days", ge=0, le=5000, null_share=1.0,
        ),
        feature(
            "inventory_months", Float64,
            "homes for sale / monthly sales in the newest month; null if not published",
            unit="months", ge=0, le=1000, null_share=1.0,
        ),
        feature(
            "sale_to_list_ratio", Float64,
            "sale price / last list price in the newest month; null if not published",
            unit="ratio", ge=0, le=10, null_share=1.0,
        ),
        # economy
        feature(
            "mortgage_rate_30y", Float64, "newest rate of a 30-year mortgage; null if none is published",
            unit="percent", ge=0, le=30, null_share=1.0, severity="warning",
        ),
        feature(
            "mortgage_rate_change_90d", Float64,
            "mortgage_rate_30y - the newest rate observed 90 days before or earlier; null if either is missing",
            unit="percentage points", ge=-30, le=30, null_share=1.0, severity="warning",
        ),
        feature(
            "unemployment_rate", Float64, "newest unemployment rate; null if none is published",
            unit="percent", ge=0, le=100, null_share=1.0,
        ),
        # season
        feature(
            "sales_seasonal_index", Float64,
            "mean sales_count of this calendar month / mean of all months; null if the latter is 0",
            unit="ratio", ge=0, null_share=1.0,
        ),
        feature(
            "price_seasonal_index", Float64,
            "mean median_sale_price of this calendar month / mean of all months; null if the latter is 0",
            unit="ratio", ge=0, null_share=1.0,
        ),
        feature(
            "listings_seasonal_index", Float64,
            "mean new_listings of this calendar month / mean of all months, over the months that tell it; "
            "null if either mean is missing or the latter is 0",
            unit="ratio", ge=0, null_share=1.0,
        ),
        feature(
            "is_peak_season", Bool,
            "whether this calendar month is among the three with the highest sales index, the earlier in the year "
            "first on a tie; null if sales_seasonal_index is",
            unit="flag", null_share=1.0,
        ),
        feature(
            "days_to_peak_season", Int32,
            "days from the snapshot's instant to the first day of the next of those three months, 0 within one; "
            "null if is_peak_season is",
            unit="days", ge=0, le=276, null_share=1.0,
        ),
    ],
)  # fmt: skip
