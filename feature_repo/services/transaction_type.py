"""What transaction_type reads: behaviour, deals, and of the calendar the season alone.

A model of months ahead takes no hour: the one at which it happens to be asked must not sway it.
"""

from __future__ import annotations

from feast import FeatureService

from feature_repo.views import BEHAVIOURAL, TEMPORAL, TRANSACTIONAL

TRANSACTION_TYPE_V1 = FeatureService(
    name="transaction_type_v1",
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
        TRANSACTIONAL[
            [
                "deal_count_total",
                "deal_buy_count_total",
                "deal_sell_count_total",
                "deal_value_sum_total",
                "deal_last_days",
                "deal_value_avg_total",
                "deal_gap_days_avg",
                "hold_years_avg",
                "deal_refinance_count_5y",
                "deal_value_trend",
                "agent_count_total",
                "agent_repeat_share",
                "agent_tenure_days",
            ]
        ],
        TEMPORAL[
            [
                "month_of_year",
                "month_sin",
                "month_cos",
            ]
        ],
    ],
    description="Which kind of deal comes next?",
    owner="data-science",
    tags={"domain": "homes"},
)
