"""What rows of a home keep."""

from __future__ import annotations

from expectations.rule import Rule, null_unless, same

RULES = (
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
