"""What rows of a customer's behaviour keep."""

from __future__ import annotations

from expectations.rule import Rule, nested, null_unless, rate_of_count, recent, trend_of_counts, trend_shows

RULES = (
    *nested("doc_access_count", 7, 30, 90),
    *nested("session_count", 7, 30),
    trend_of_counts("doc_access_trend", "doc_access_count_30d", "doc_access_count_90d"),
    trend_shows("session_trend", "session_count_30d"),
    *recent(
        "doc_last_access_days",
        trend="doc_access_trend",
        doc_access_count_7d=7,
        doc_access_count_30d=30,
        doc_access_count_90d=90,
    ),
    *recent("email_last_open_days", trend="email_open_trend"),
    *recent("session_last_days", trend="session_trend", session_count_7d=7, session_count_30d=30),
    rate_of_count("email_open_rate_30d", "email_delivered_count_30d"),
    rate_of_count("email_click_rate_30d", "email_delivered_count_30d"),
    rate_of_count("alert_open_rate_30d", "alert_sent_count_30d"),
    rate_of_count("alert_dismiss_rate_30d", "alert_sent_count_30d"),
    Rule(
        "documents_within_opens",
        "{doc_unique_count_30d} <= {doc_access_count_30d}",
        "each document is counted once, each open of it anew",
    ),
    Rule(
        "dwell_needs_opens",
        "{doc_access_count_30d} > 0 OR {doc_dwell_minutes_30d} = 0",
        "minutes are spent in documents opened in the same window",
    ),
    Rule(
        "regions_within_searches",
        "{search_region_count_30d} <= {search_count_30d}",
        "each region is counted once, each search of it anew",
    ),
    Rule(
        "session_minutes_need_sessions",
        null_unless("session_minutes_avg_30d", "{session_count_30d} > 0"),
        "a mean over no session is null",
    ),
    Rule(
        "response_hours_need_opens",
        null_unless("alert_response_hours_avg_30d", "{alert_sent_count_30d} = 0 OR {alert_open_rate_30d} > 0"),
        "the hours from send to open are told by the alert opens of the same window",
    ),
    Rule(
        "email_opens_agree",
        "{email_open_rate_30d} IS NULL OR ({email_open_rate_30d} > 0) = (coalesce({email_open_trend}, 0) > 0)",
        "both are above 0 exactly where an email was opened in 30 days",
    ),
    Rule(
        "acts_make_active_days",
        "{active_days_30d} > 0 OR {doc_access_count_30d} + {session_count_30d} + {search_count_30d} "
        "+ {listing_view_count_30d} = 0",
        "a day with a document, session, search or listing is an active day",
    ),
)
