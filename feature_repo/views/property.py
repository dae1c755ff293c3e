"""What a home is, what it is worth, and how its owner stands."""

from __future__ import annotations

from datetime import timedelta

from feast import FeatureView
from feast.types import Float64, Int32, String

from feature_repo.cadence import Cadence
from feature_repo.entities import PROPERTY, join_key
from feature_repo.fields import feature
from feature_repo.sources import snapshots_of

VIEW = FeatureView(
    name="property",
    entities=[PROPERTY],
    ttl=timedelta(days=32),
    source=snapshots_of("property"),
    description=(
        "A home at an instant: one snapshot of every home at the end of the first of each month, and one of a home "
        "at the end of a day on which a row of properties or deals about it became known. What the home is, its "
        "newest row by valid_from tells. A sale is a deal of kind BUY or SELL with a price above 0, whoever dealt; a "
        "loan is a loan_amount above 0 of any deal; deals are ordered by the time they closed and then by deal_id. "
        "The region's figures are those of the newest month published, in its latest revision. A year is 365.25 days."
    ),
    owner="data-engineering",
    tags={**Cadence("monthly-and-on-change", lag_hours=6).tags, "domain": "homes", "group": "property"},
    schema=[
        join_key(PROPERTY),
        # characteristics
        feature("bedrooms", Int32, "bedrooms; null if unknown", unit="rooms", ge=0, le=20, null_share=1.0),
        feature(
            "bathrooms", Float64, "bathrooms, a half for one without a bath; null if unknown",
            unit="rooms", ge=0, le=20, null_share=1.0,
        ),
        feature(
            "living_area_sqft", Float64, "living area; null if unknown",
            unit="sqft", ge=0, le=100_000, null_share=1.0,
        ),
        feature(
            "lot_area_sqft", Float64, "area of the lot; null if unknown",
            unit="sqft", ge=0, le=100_000_000, null_share=1.0,
        ),
        feature(
            "age_years", Int32,
            "year of the snapshot's instant - year built, 0 if that is still to come; null if unknown",
            unit="years", ge=0, le=500, null_share=1.0,
        ),
        feature(
            "condition_grade", Int32, "the assessor's, from 1 to 13; null if unknown",
            unit="grade", ge=1, le=13, null_share=1.0,
        ),
        feature("property_kind", String, "what it is", unit="kind", allowed=("house", "condo", "townhouse", "land")),
        feature(
            "renovated_years_ago", Int32,
            "year of the snapshot's instant - year of the last renovation, 0 if that is still to come; null if never",
            unit="years", ge=0, le=500, null_share=1.0,
        ),
        feature(
            "latitude", Float64, "north of the equator; null if unknown",
            unit="degrees", ge=-90, le=90, null_share=1.0,
        ),
        feature(
            "longitude", Float64, "east of Greenwich; null if unknown",
            unit="degrees", ge=-180, le=180, null_share=1.0,
        ),
        # finance
        feature(
            "last_sale_price", Float64, "price of the latest sale; null without a sale",
            unit="USD", ge=0, null_share=1.0,
        ),
        feature(
            "estimated_value", Float64,
            "price of the latest sale x the region's median sale price of the newest month published / that of the "
            "month of the sale (of the newest month, if that is earlier); null without a sale, or if the region's "
            "published history lacks the month or its median is 0",
            unit="USD", ge=0, null_share=1.0,
        ),
        feature(
            "price_per_sqft", Float64,
            "estimated_value / living_area_sqft; null if either is, or if the area is 0",
            unit="USD/sqft", ge=0, null_share=1.0,
        ),
        feature(
            "loan_balance", Float64,
            "amount of the newest loan x (1 - years since / 30), at least 0. A loan taken before the day of the "
            "latest sale is paid off; 0 if deals are known but no open loan; null without a deal",
            unit="USD", ge=0, null_share=1.0,
        ),
        feature(
            "loan_to_value", Float64, "loan_balance / estimated_value, above 1 under water; null if either is, or at 0",
            unit="ratio", ge=0, null_share=1.0,
        ),
        feature(
            "equity_share", Float64, "1 - loan_to_value, below 0 under water; null if that is",
            unit="share", le=1, null_share=1.0,
        ),
        feature(
            "value_change_1y", Float64,
            "estimated_value / what it was a year earlier, - 1: then the latest sale 365 days before or earlier, and "
            "the region's median 12 months before the newest month; null if either estimate is, or at 0",
            unit="ratio", ge=-1, null_share=1.0,
        ),
        # market context
        feature(
            "value_to_region_median", Float64,
            "estimated_value / the region's median sale price; null if either is, or if the median is 0",
            unit="ratio", ge=0, null_share=1.0,
        ),
        feature(
            "region_price_rank", Float64,
            "share of the other homes of the region, as far as they have an estimate, whose estimate is lower: "
            "0 cheapest, 1 dearest; null without an estimate or without another",
            unit="share", ge=0, le=1, null_share=1.0,
        ),
        feature(
            "region_days_on_market", Float64, "the region's median days from listing to contract; null if unpublished",
            unit="days", ge=0, le=5000, null_share=1.0,
        ),
        feature(
            "region_inventory_months", Float64, "the region's homes for sale / monthly sales; null if unpublished",
            unit="months", ge=0, le=1000, null_share=1.0,
        ),
        feature(
            "region_sale_to_list_ratio", Float64, "the region's sale price / last list price; null if unpublished",
            unit="ratio", ge=0, le=10, null_share=1.0,
        ),
        # life cycle
        feature(
            "tenure_years", Float64,
            "years since the valid_from from which on every row names the present owner; null without an owner",
            unit="years", ge=0, null_share=1.0,
        ),
        feature(
            "refinance_last_years", Float64,
            "years since the latest deal of kind REFINANCE, whoever owned the home; null if never",
            unit="years", ge=0, null_share=1.0,
        ),
        feature(
            "mortgage_age_years", Float64,
            "years since the loan behind loan_balance was taken; null without one, or if it was paid off by a sale",
            unit="years", ge=0, null_share=1.0,
        ),
    ],
)  # fmt: skip
