"""What a customer reads, opens, clicks and searches for."""

from __future__ import annotations

from datetime import timedelta

from feast import FeatureView
from feast.types import Float64, Int64

from feature_repo.cadence import Cadence
from feature_repo.entities import CUSTOMER, join_key
from feature_repo.fields import feature
from feature_repo.sources import snapshots_of

VIEW = FeatureView(
    name="behavioural",
    entities=[CUSTOMER],
    ttl=timedelta(days=7),
    source=snapshots_of("behavioural"),
    description=(
        "How a customer engages: one snapshot a day for each customer who has joined. Windows end at the snapshot's "
        "instant and span exactly that many days before it. Rates divide the events of one window, so that one may "
        "exceed 1 where the later act can repeat, or answer something sent before the window. A trend is 1 where "
        "the pace of the last 30 days is that of the last 90."
    ),
    owner="data-engineering",
    tags={**Cadence("daily", lag_hours=3).tags, "domain": "homes", "group": "customer"},
    schema=[
        join_key(CUSTOMER),
        # documents
        feature("doc_access_count_7d", Int64, "document opens in 7 days", unit="events", ge=0),
        feature("doc_access_count_30d", Int64, "document opens in 30 days", unit="events", ge=0),
        feature("doc_access_count_90d", Int64, "document opens in 90 days", unit="events", ge=0),
        feature(
            "doc_unique_count_30d", Int64,
            "distinct documents opened in 30 days; opens that name no document are not counted",
            unit="documents", ge=0,
        ),
        feature(
            "doc_dwell_minutes_30d", Float64,
            "sum of the minutes spent in documents opened in 30 days; an open without a dwell time adds 0",
            unit="minutes", ge=0,
        ),
        feature(
            "doc_last_access_days", Float64, "days since the latest document open within 90 days; null if none",
            unit="days", ge=0, null_share=1.0,
        ),
        feature(
            "doc_access_trend", Float64,
            "3 x document opens in 30 days / document opens in 90 days; null if there were none in 90 days",
            unit="ratio", ge=0, le=3, null_share=1.0,
        ),
        # email
        feature("email_delivered_count_30d", Int64, "emails delivered in 30 days", unit="events", ge=0),
        feature(
            "email_open_rate_30d", Float64,
            "email opens / emails delivered, both in 30 days; may exceed 1; null if none was delivered",
            unit="ratio", ge=0, null_share=1.0,
        ),
        feature(
            "email_click_rate_30d", Float64,
            "email clicks / emails delivered, both in 30 days; may exceed 1; null if none was delivered",
            unit="ratio", ge=0, null_share=1.0,
        ),
        feature("email_reply_count_90d", Int64, "email replies in 90 days", unit="events", ge=0),
        feature(
            "email_last_open_days", Float64, "days since the latest email open within 90 days; null if none",
            unit="days", ge=0, null_share=1.0,
        ),
        feature(
            "email_open_trend", Float64,
            "3 x email opens in 30 days / email opens in 90 days; null if there were none in 90 days",
            unit="ratio", ge=0, le=3, null_share=1.0,
        ),
        # platform
        feature("session_count_7d", Int64, "platform sessions in 7 days", unit="events", ge=0),
        feature("session_count_30d", Int64, "platform sessions in 30 days", unit="events", ge=0),
        feature(
            "session_minutes_avg_30d", Float64,
            "mean length of the platform sessions in 30 days whose length is known; null if there is none",
            unit="minutes", ge=0, null_share=1.0,
        ),
        feature(
            "active_days_30d", Int64,
            "UTC days, of 30, with any event of the customer's own doing: all but email deliver and alert send",
            unit="days", ge=0, le=30,
        ),
        feature(
            "session_last_days", Float64, "days since the latest session within 90 days; null if none",
            unit="days", ge=0, null_share=1.0,
        ),
        feature(
            "session_trend", Float64,
            "3 x platform sessions in 30 days / platform sessions in 90 days; null if there were none in 90 days",
            unit="ratio", ge=0, le=3, null_share=1.0,
        ),
        # alerts
        feature("alert_sent_count_30d", Int64, "alerts sent in 30 days", unit="events", ge=0),
        feature(
            "alert_open_rate_30d", Float64,
            "alert opens / alerts sent, both in 30 days; may exceed 1; null if none was sent",
            unit="ratio", ge=0, null_share=1.0,
        ),
        feature(
            "alert_response_hours_avg_30d", Float64,
            "mean hours from send to open, over the alert opens in 30 days that tell it; null if there is none",
            unit="hours", ge=0, null_share=1.0,
        ),
        feature(
            "alert_dismiss_rate_30d", Float64,
            "alert dismissals / alerts sent, both in 30 days; may exceed 1; null if none was sent",
            unit="ratio", ge=0, null_share=1.0,
        ),
        # search
        feature("search_count_30d", Int64, "searches run in 30 days", unit="events", ge=0),
        feature("listing_view_count_30d", Int64, "listings viewed in 30 days", unit="events", ge=0),
        feature("saved_search_count_90d", Int64, "searches saved in 90 days", unit="events", ge=0),
        feature(
            "search_region_count_30d", Int64,
            "distinct regions searched in 30 days; searches that name no region are not counted",
            unit="regions", ge=0,
        ),
    ],
)  # fmt: skip
