"""Each rule as a truth table: of a good row, what may change and what may not."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterator
from datetime import UTC, datetime
from typing import Any

import duckdb
import pyarrow as pa
import pytest

from expectations.rule import Rule
from expectations.rules import RULES
from expectations.view_rules import rules_of
from feature_repo.views import VIEWS, View

# Changes to the lively row of conftest.py that break a rule.
BREAKS: dict[str, list[dict[str, Any]]] = {
    # behavioural, by name
    "doc_access_count_7d_within_30d": [{"doc_access_count_7d": 5}],
    "doc_access_count_30d_within_90d": [{"doc_access_count_30d": 7}],
    "session_count_7d_within_30d": [{"session_count_7d": 2}],
    "doc_access_trend_of_counts": [{"doc_access_trend": 2.1}, {"doc_access_trend": None}, {"doc_access_count_90d": 0}],
    "session_trend_of_counts": [{"session_trend": 0.0}, {"session_trend": None}, {"session_count_30d": 0}],
    "doc_access_count_7d_agrees_with_recency": [{"doc_last_access_days": 7.1}, {"doc_access_count_7d": 0}],
    "doc_access_count_30d_agrees_with_recency": [{"doc_last_access_days": 30.1}, {"doc_last_access_days": None}],
    "doc_access_count_90d_agrees_with_recency": [{"doc_last_access_days": 90.1}, {"doc_last_access_days": None}],
    "doc_access_trend_agrees_with_recency": [{"doc_last_access_days": 91.0}, {"doc_access_trend": None}],
    "email_open_trend_agrees_with_recency": [{"email_last_open_days": None}, {"email_open_trend": None}],
    "session_count_7d_agrees_with_recency": [{"session_last_days": 7.0}],
    "session_count_30d_agrees_with_recency": [{"session_last_days": 31.0}],
    "session_trend_agrees_with_recency": [{"session_last_days": 91.0}, {"session_trend": None}],
    "email_open_rate_30d_of_count": [{"email_open_rate_30d": 0.5}, {"email_open_rate_30d": None}],
    "email_click_rate_30d_of_count": [{"email_click_rate_30d": None}, {"email_delivered_count_30d": 0}],
    "alert_open_rate_30d_of_count": [{"alert_open_rate_30d": 0.5}, {"alert_sent_count_30d": 0}],
    "alert_dismiss_rate_30d_of_count": [{"alert_dismiss_rate_30d": 0.1}],
    # behavioural, stated
    "documents_within_opens": [{"doc_unique_count_30d": 5}],
    "dwell_needs_opens": [{"doc_access_count_30d": 0}],
    "regions_within_searches": [{"search_region_count_30d": 3}],
    "session_minutes_need_sessions": [{"session_count_30d": 0}],
    "response_hours_need_opens": [{"alert_open_rate_30d": 0.0}, {"alert_open_rate_30d": None}],
    "email_opens_agree": [{"email_open_trend": 0.0}, {"email_open_trend": None}, {"email_open_rate_30d": 0.0}],
    "acts_make_active_days": [{"active_days_30d": 0}],
    # transactional
    "kinds_within_deals": [{"deal_buy_count_total": 2}, {"deal_refinance_count_5y": 2}],
    "mean_value_times_deals": [{"deal_value_avg_total": 3e5}, {"deal_value_avg_total": None}],
    "mean_value_needs_deals": [{"deal_value_avg_total": None}, {"deal_count_total": 0}],
    "recency_needs_deals": [{"deal_last_days": None}, {"deal_count_total": 0}],
    "gaps_need_two_deals": [{"deal_gap_days_avg": None}, {"deal_count_total": 1}],
    "trend_needs_two_deals": [{"deal_count_total": 1}],
    "holding_needs_buy_and_sell": [{"deal_buy_count_total": 0}, {"deal_sell_count_total": 0}],
    "agents_within_deals": [{"agent_count_total": 4}],
    "tenure_needs_agent": [{"agent_tenure_days": None}, {"agent_count_total": 0}],
    "tenure_spans_recency": [{"agent_tenure_days": 9.0}],
    "repeats_need_two_deals_with_agents": [
        {"agent_count_total": 2, "agent_repeat_share": None}, {"agent_count_total": 0}, {"deal_count_total": 1},
    ],
    # property
    "equity_is_the_rest": [{"equity_share": 0.7}, {"equity_share": None}, {"loan_to_value": None}],
    "loan_over_value": [{"loan_to_value": 0.3}, {"estimated_value": 0.0}, {"loan_to_value": None}],
    "value_over_area": [{"price_per_sqft": 1.0}, {"living_area_sqft": 0.0}, {"living_area_sqft": None}],
    "estimate_needs_sale": [{"last_sale_price": None}],
    "change_needs_estimate": [{"estimated_value": None}],
    "comparison_needs_estimate": [{"estimated_value": None}],
    "rank_needs_estimate": [{"estimated_value": None}],
    "balance_needs_mortgage": [{"mortgage_age_years": None}],
    "mortgage_has_balance": [{"loan_balance": 0.0}, {"loan_balance": None}, {"mortgage_age_years": 30.5}],
    # market
    "within_season_0_days": [{"days_to_peak_season": 3}, {"is_peak_season": False}, {"days_to_peak_season": None}],
    "peak_needs_index": [{"is_peak_season": None}, {"sales_seasonal_index": None}],
    "rate_change_needs_rate": [{"mortgage_rate_30y": None}],
    # temporal
    "hour_on_the_circle": [{"hour_sin": 0.5}],
    "weekday_on_the_circle": [{"weekday_cos": 0.0}],
    "month_on_the_circle": [{"month_sin": 0.5}],
    "weekend_is_saturday_and_sunday": [{"is_weekend": True}, {"day_of_week": 6}],
    "hour_sin_of_hour": [{"hour_of_day": 8}, {"hour_sin": None}],
    "hour_cos_of_hour": [{"hour_cos": -1.0}],
    "weekday_sin_of_weekday": [{"weekday_sin": 0.0}],
    "weekday_cos_of_weekday": [{"day_of_week": 0}],
    "month_sin_of_month": [{"month_sin": 1.0}],
    "month_cos_of_month": [{"month_of_year": 7}],
    # every view of snapshots
    "stands_at_midnight": [{"event_timestamp": datetime(2024, 1, 6, 1, tzinfo=UTC)}, {"event_timestamp": None}],
    "created_when_promised": [{"created_timestamp": datetime(2024, 1, 6, 2, tzinfo=UTC)}, {"created_timestamp": None}],
}  # fmt: skip
# Rows at the edges, which all rules of the view allow.
KEEPS: dict[str, list[dict[str, Any]]] = {
    "behavioural": [
        {"doc_last_access_days": 7.0},
        {"doc_access_count_7d": 0, "doc_last_access_days": 7.01},
        {"session_count_30d": 0, "session_trend": 0.0, "session_last_days": 90.0, "session_minutes_avg_30d": None},
        {"session_minutes_avg_30d": None},
        {"alert_sent_count_30d": 0, "alert_open_rate_30d": None, "alert_dismiss_rate_30d": None},
        {"email_last_open_days": 400.0, "email_open_trend": None, "email_open_rate_30d": 0.0},
    ],
    "transactional": [
        {"deal_value_trend": None},
        {"agent_count_total": 0, "agent_repeat_share": None, "agent_tenure_days": None},
        {"agent_repeat_share": None},
    ],
    "property": [
        {"loan_balance": 0.0, "loan_to_value": 0.0, "equity_share": 1.0, "mortgage_age_years": None},
        {"loan_balance": 0.0, "loan_to_value": 0.0, "equity_share": 1.0, "mortgage_age_years": 30.0},
        {"living_area_sqft": None, "price_per_sqft": None},
        {"living_area_sqft": 0.0, "price_per_sqft": None},
    ],
    "location": [{"region_id": 0}],
    "market": [{"is_peak_season": False, "days_to_peak_season": 20}, {"mortgage_rate_change_90d": None}],
    "temporal": [],
}
CASES = [(view, rule) for view in VIEWS for rule in rules_of(view)]
each_rule = pytest.mark.parametrize(("view", "rule"), CASES, ids=[f"{view.name}-{rule.name}" for view, rule in CASES])
by_view = pytest.mark.parametrize("view", VIEWS, ids=lambda view: view.name)


Kept = Callable[[Rule, pa.Table], list[bool]]


@pytest.fixture(scope="module")
def kept() -> Iterator[Kept]:
    """Of each row of a table, whether it keeps a rule."""
    with duckdb.connect() as connection:
        connection.execute("SET TimeZone = 'UTC'")

        def of(rule: Rule, table: pa.Table) -> list[bool]:
            connection.register("batch", table)
            found = connection.execute(f"SELECT ({rule.condition}) IS TRUE FROM batch")
            return [value for (value,) in found.fetchall()]

        yield of


def changed(table: pa.Table, change: dict[str, Any]) -> pa.Table:
    return pa.Table.from_pylist([table.to_pylist()[1] | change], schema=table.schema)


@each_rule
def test_a_quiet_and_a_lively_row_keep_every_rule(
    view: View, rule: Rule, kept: Kept, good: Callable[..., pa.Table]
) -> None:
    table = good(view)
    assert kept(rule, table) == [True] * table.num_rows


@each_rule
def test_what_breaks_a_rule(view: View, rule: Rule, kept: Kept, good: Callable[..., pa.Table]) -> None:
    for change in BREAKS[rule.name]:
        assert kept(rule, changed(good(view), change)) == [False], change


@by_view
def test_edges_keep_every_rule(view: View, kept: Kept, good: Callable[..., pa.Table]) -> None:
    for change in KEEPS[view.name]:
        broken = [rule.name for rule in rules_of(view) if kept(rule, changed(good(view), change)) != [True]]
        assert not broken, change


@by_view
def test_rules_have_names_of_their_own_and_say_why(view: View) -> None:
    rules = rules_of(view)
    assert not [name for name, count in Counter(rule.name for rule in rules).items() if count > 1]
    assert all(rule.why and rule.columns for rule in rules)


def test_every_stated_rule_belongs_to_a_view() -> None:
    assert set(RULES) <= {view.name for view in VIEWS}


def test_a_rule_about_no_feature_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(RULES, "market", (Rule("old", "{renamed} > 0", "long ago"),))  # type: ignore[arg-type]
    with pytest.raises(ValueError, match=r"rule 'old' of view 'market' names \['renamed'\]"):
        rules_of(next(view for view in VIEWS if view.name == "market"))


def test_null_breaks_a_rule_that_does_not_allow_for_it(kept: Kept, good: Callable[..., pa.Table]) -> None:
    table = good(VIEWS[0])
    rule = next(rule for rule in rules_of(VIEWS[0]) if rule.name == "documents_within_opens")
    assert kept(rule, changed(table, {"doc_unique_count_30d": None})) == [False]
