"""What contact_timing reads: behaviour, and the calendar of each hour that it is asked about."""

from __future__ import annotations

from feast import FeatureService

from feature_repo.views import BEHAVIOURAL, TEMPORAL

CONTACT_TIMING_V1 = FeatureService(
    name="contact_timing_v1",
    features=[
        BEHAVIOURAL[
            [
                "doc_access_count_7d",
                "doc_access_count_30d",
                "doc_access_count_90d",
                "doc_unique_count_30d",
                "doc_dwell_minutes_30d",
                "doc_last_access_days",
                "doc_access_trend",
                "email_delivered_count_30d",
                "email_open_rate_30d",
                "email_click_rate_30d",
                "email_reply_count_90d",
                "email_last_open_days",
                "email_open_trend",
                "session_count_7d",
                "session_count_30d",
                "session_minutes_avg_30d",
                "active_days_30d",
                "session_last_days",
                "session_trend",
                "alert_sent_count_30d",
                "alert_open_rate_30d",
                "alert_response_hours_avg_30d",
                "alert_dismiss_rate_30d",
                "search_count_30d",
                "listing_view_count_30d",
                "saved_search_count_90d",
                "search_region_count_30d",
            ]
        ],
        TEMPORAL[
            [
                "hour_of_day",
                "day_of_week",
                "month_of_year",
                "is_weekend",
                "hour_sin",
                "hour_cos",
                "weekday_sin",
                "weekday_cos",
                "month_sin",
                "month_cos",
            ]
        ],
    ],
    description="When to reach this customer? One row per hour of the week, which is its request_timestamp.",
    owner="data-science",
    tags={"domain": "homes"},
)
