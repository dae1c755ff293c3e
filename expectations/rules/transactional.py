"""What rows of a customer's deals keep."""

from __future__ import annotations

from expectations.rule import Rule, null_unless, same, there_iff

RULES = (
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
