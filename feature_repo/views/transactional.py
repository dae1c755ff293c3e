"""What a customer has bought, sold, refinanced and invested in."""

from __future__ import annotations

from datetime import timedelta

from feast import FeatureView
from feast.types import Float64, Int64

from feature_repo.cadence import Cadence
from feature_repo.entities import CUSTOMER, join_key
from feature_repo.fields import feature
from feature_repo.sources import snapshots_of

VIEW = FeatureView(
    name="transactional",
    entities=[CUSTOMER],
    ttl=timedelta(days=7),
    source=snapshots_of("transactional"),
    description=(
        "A customer's deals: one snapshot a day for each customer who has joined, with or without deals. Deals are "
        "all four kinds and as far back as known, unless a feature says otherwise, ordered by the time they closed "
        "and then by deal_id. A year is 365.25 days."
    ),
    owner="data-engineering",
    tags={**Cadence("daily", lag_hours=3).tags, "domain": "homes", "group": "customer"},
    schema=[
        join_key(CUSTOMER),
        # history
        feature("deal_count_total", Int64, "deals of any kind", unit="deals", ge=0),
        feature("deal_buy_count_total", Int64, "deals of kind BUY", unit="deals", ge=0),
        feature("deal_sell_count_total", Int64, "deals of kind SELL", unit="deals", ge=0),
        feature("deal_value_sum_total", Float64, "sum of the prices of all deals", unit="USD", ge=0),
        feature(
            "deal_last_days", Float64, "days since the latest deal; null without deals",
            unit="days", ge=0, null_share=1.0,
        ),
        # patterns
        feature(
            "deal_value_avg_total", Float64, "mean price of all deals; null without deals",
            unit="USD", ge=0, null_share=1.0,
        ),
        feature(
            "deal_gap_days_avg", Float64, "mean days between one deal and the next; null with fewer than two",
            unit="days", ge=0, null_share=1.0,
        ),
        feature(
            "hold_years_avg", Float64,
            "mean years from a BUY to the SELL of the same property. A SELL pairs with the latest BUY before it if no "
            "other SELL of the property lies between; all else is left out; null without a pair",
            unit="years", ge=0, null_share=1.0,
        ),
        feature("deal_refinance_count_5y", Int64, "deals of kind REFINANCE in 1826 days", unit="deals", ge=0),
        feature(
            "deal_value_trend", Float64,
            "price of the latest deal / mean price of those before; null with fewer than two, or if that mean is 0",
            unit="ratio", ge=0, null_share=1.0,
        ),
        # agents
        feature(
            "agent_count_total", Int64, "distinct agents over all deals; a deal without an agent counts for none",
            unit="agents", ge=0,
        ),
        feature(
            "agent_repeat_share", Float64,
            "of the deals with an agent but the first, the share whose agent brokered an earlier one; "
            "null with fewer than two deals with an agent",
            unit="share", ge=0, le=1, null_share=1.0,
        ),
        feature(
            "agent_tenure_days", Float64,
            "days since the first deal with the agent of the latest deal that had one; null without an agent",
            unit="days", ge=0, null_share=1.0,
        ),
    ],
)  # fmt: skip
