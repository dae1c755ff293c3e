"""What no single column can say: facts about rows that the features' definitions make true.

Those that names do not tell are stated here, view by view. A rule about a feature that the view has not is an error, so
that none falls silent after a rename.
"""

from __future__ import annotations

from collections.abc import Mapping

from expectations.patterns import rules_by_name
from expectations.rule import CREATED, EVENT, Rule, null_unless, same, there_iff
from feature_repo.views import View


def rules_of(view: View) -> tuple[Rule, ...]:
    """The rules that the rows of a view keep: first those that follow from names, then the stated ones."""
    rules = (*rules_by_name(view), *STATED.get(view.name, ()))
    known = {EVENT, CREATED, *(field.name for field in view.features)}
    for rule in rules:
        if unknown := {*rule.columns} - known:
            raise ValueError(f"rule {rule.name!r} of view {view.name!r} names {sorted(unknown)}, no features of it")
    return rules


BEHAVIOURAL = (
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

TRANSACTIONAL = (
    Rule(
        "kinds_within_deals",
        "{deal_buy_count_total} + {deal_sell_count_total} + {deal_refinance_count_5y} <= {deal_count_total}",
        "a deal is of one kind",
    ),
    Rule(
        "mean_value_times_deals",
        same("{deal_value_sum_total}", "coalesce({deal_value_avg_total}, 0) * {deal_count_total}"),
        "the mean price is the sum of prices / deals, and the sum over none is 0",
    ),
    Rule("mean_value_needs_deals", there_iff("deal_value_avg_total", "{deal_count_total} > 0"), "null without deals"),
    Rule("recency_needs_deals", there_iff("deal_last_days", "{deal_count_total} > 0"), "null without deals"),
    Rule("gaps_need_two_deals", there_iff("deal_gap_days_avg", "{deal_count_total} > 1"), "null with fewer than two"),
    Rule("trend_needs_two_deals", null_unless("deal_value_trend", "{deal_count_total} > 1"), "null with fewer"),
    Rule(
        "holding_needs_buy_and_sell",
        null_unless("hold_years_avg", "{deal_buy_count_total} > 0 AND {deal_sell_count_total} > 0"),
        "a holding lasts from a BUY to a SELL",
    ),
    Rule("agents_within_deals", "{agent_count_total} <= {deal_count_total}", "a deal has one agent or none"),
    Rule("tenure_needs_agent", there_iff("agent_tenure_days", "{agent_count_total} > 0"), "null without an agent"),
    Rule(
        "tenure_spans_recency",
        "{agent_tenure_days} IS NULL OR {agent_tenure_days} >= {deal_last_days}",
        "the first deal with an agent is not after the latest deal of all",
    ),
    Rule(
        "repeats_need_two_deals_with_agents",
        "CASE WHEN {agent_count_total} > 1 THEN {agent_repeat_share} IS NOT NULL "
        "WHEN {agent_count_total} = 0 OR {deal_count_total} < 2 THEN {agent_repeat_share} IS NULL ELSE true END",
        "null with fewer than two deals with an agent; two agents have brokered two deals at least",
    ),
)

PROPERTY = (
    Rule("equity_is_the_rest", same("{equity_share}", "1 - {loan_to_value}"), "equity_share = 1 - loan_to_value"),
    Rule(
        "loan_over_value",
        same("{loan_to_value}", "{loan_balance} / nullif({estimated_value}, 0)"),
        "loan_to_value = loan_balance / estimated_value",
    ),
    Rule(
        "value_over_area",
        same("{price_per_sqft}", "{estimated_value} / nullif({living_area_sqft}, 0)"),
        "price_per_sqft = estimated_value / living_area_sqft",
    ),
    Rule("estimate_needs_sale", null_unless("estimated_value", "{last_sale_price} IS NOT NULL"), "null without a sale"),
    Rule(
        "change_needs_estimate",
        null_unless("value_change_1y", "{estimated_value} IS NOT NULL"),
        "null without an estimate",
    ),
    Rule(
        "comparison_needs_estimate",
        null_unless("value_to_region_median", "{estimated_value} IS NOT NULL"),
        "null without an estimate",
    ),
    Rule(
        "rank_needs_estimate",
        null_unless("region_price_rank", "{estimated_value} IS NOT NULL"),
        "null without an estimate",
    ),
    Rule(
        "balance_needs_mortgage",
        "{mortgage_age_years} IS NOT NULL OR coalesce({loan_balance}, 0) = 0",
        "what is owed is owed on a loan that was taken at some time",
    ),
    Rule(
        "mortgage_has_balance",
        null_unless(
            "mortgage_age_years", "{loan_balance} IS NOT NULL AND ({mortgage_age_years} < 30) = ({loan_balance} > 0)"
        ),
        "a loan is paid back over 30 years",
    ),
)

MARKET = (
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

TEMPORAL = (
    Rule("weekend_is_saturday_and_sunday", "{is_weekend} = ({day_of_week} >= 5)", "Monday is 0"),
    *(
        Rule(
            f"{part}_{function}_of_{part}",
            f"abs({{{part}_{function}}} - {function}(2 * pi() * {turns})) <= 1e-9",
            f"{part}_{function} = {function}(2 pi {turns})".replace("{", "").replace("}", ""),
        )
        for part, turns in (
            ("hour", "{hour_of_day} / 24.0"),
            ("weekday", "{day_of_week} / 7.0"),
            ("month", "({month_of_year} - 1) / 12.0"),
        )
        for function in ("sin", "cos")
    ),
)

STATED: Mapping[str, tuple[Rule, ...]] = {
    "behavioural": BEHAVIOURAL,
    "transactional": TRANSACTIONAL,
    "property": PROPERTY,
    "market": MARKET,
    "temporal": TEMPORAL,
}
