"""What a customer has bought, sold, refinanced and invested in, as known each day.

A customer's deals change on few days, so they are summed once for each stretch between changes and then laid out
day by day; only the recencies move within a stretch.
"""

from __future__ import annotations

import ibis

from feature_repo.views.transactional import VIEW
from pipelines.computation.days import (
    MICROSECONDS_A_DAY,
    MICROSECONDS_A_YEAR,
    Days,
    microseconds_between,
    midnight,
)
from pipelines.computation.declared import as_declared
from pipelines.computation.population import population_of
from pipelines.computation.raw_tables import RawTables
from pipelines.computation.sums import MILLION, millionths
from pipelines.computation.versions import attach, daily, seen, states, versions
from pipelines.raw.tables.homes import CUSTOMERS, DEALS
from pipelines.view_pipeline import ViewPipeline

FIVE_YEARS = 1826
STRETCH = ["customer_id", "since"]


def snapshots(raw: RawTables, days: Days) -> ibis.Table:
    """A row for each customer and day from the day after joining."""
    members = versions(raw[CUSTOMERS], CUSTOMERS, days).select("customer_id", "shown_from", "shown_until")
    deals = versions(raw[DEALS], DEALS, days).filter(lambda t: t["customer_id"].notnull())
    recent_refinances = deals.filter(deals["kind"] == "REFINANCE").mutate(
        shown_until=lambda t: ibis.least(t["shown_until"], t["happened_day"] + FIVE_YEARS)
    )
    stretches = seen(states("customer_id", days, members, deals, recent_refinances), members, "customer_id").select(
        *STRETCH, "until"
    )
    rows = daily(attach(stretches, _histories(seen(stretches, deals, "customer_id")), STRETCH), days)
    instant = midnight(rows["day"] + 1)
    return as_declared(
        rows.select(
            "customer_id",
            "day",
            *(rows[name].fill_null(0).name(name) for name in _COUNTS),
            *_PATTERNS,
            deal_value_sum_total=rows["value"].fill_null(0) / MILLION,
            deal_last_days=microseconds_between(rows["last_at"], instant) / MICROSECONDS_A_DAY,
            agent_tenure_days=microseconds_between(rows["agent_since"], instant) / MICROSECONDS_A_DAY,
        ),
        VIEW,
    )


_COUNTS = (
    "deal_count_total",
    "deal_buy_count_total",
    "deal_sell_count_total",
    "deal_refinance_count_5y",
    "agent_count_total",
)
_PATTERNS = ("deal_value_avg_total", "deal_gap_days_avg", "hold_years_avg", "deal_value_trend", "agent_repeat_share")


def _histories(deals: ibis.Table) -> ibis.Table:
    """One row for each stretch with deals: what they come to."""
    in_time = ["occurred_at", "deal_id"]
    backwards = [ibis.desc(column) for column in in_time]
    has_agent = deals["agent_id"].notnull()
    traded = deals["kind"].isin(["BUY", "SELL"]) & deals["property_id"].notnull()
    trades = ibis.window(group_by=[*STRETCH, "property_id", traded], order_by=in_time)
    marked = deals.mutate(
        price=millionths(deals["price"]),
        is_last=ibis.row_number().over(group_by=STRETCH, order_by=backwards) == 0,
        bought_at=ibis.ifelse(
            traded & (deals["kind"] == "SELL") & (deals["kind"].lag().over(trades) == "BUY"),
            deals["occurred_at"].lag().over(trades),
            None,
        ),
        is_last_with_agent=has_agent
        & (ibis.row_number().over(group_by=[*STRETCH, has_agent], order_by=backwards) == 0),
        agent_is_new=has_agent & (ibis.row_number().over(group_by=[*STRETCH, "agent_id"], order_by=in_time) == 0),
        agent_since=deals["occurred_at"].min().over(group_by=[*STRETCH, "agent_id"]),
    )
    held = microseconds_between(marked["bought_at"], marked["occurred_at"])
    is_recent = marked["happened_day"] > marked["since"] - FIVE_YEARS
    sums = marked.group_by(STRETCH).aggregate(
        deal_count_total=marked.count(),
        deal_buy_count_total=marked.count(where=marked["kind"] == "BUY"),
        deal_sell_count_total=marked.count(where=marked["kind"] == "SELL"),
        deal_refinance_count_5y=marked.count(where=(marked["kind"] == "REFINANCE") & is_recent),
        value=marked["price"].sum(),
        last_value=marked["price"].sum(where=marked["is_last"]),
        first_at=marked["occurred_at"].min(),
        last_at=marked["occurred_at"].max(),
        held=held.sum(),
        holdings=held.count(),
        agent_count_total=marked.count(where=marked["agent_is_new"]),
        agent_deals=marked["agent_id"].count(),
        agent_since=marked["agent_since"].max(where=marked["is_last_with_agent"]),
    )
    gaps = (sums["deal_count_total"] - 1).nullif(0)
    repeats = sums["agent_deals"] - sums["agent_count_total"]
    return sums.mutate(
        deal_value_avg_total=sums["value"] / MILLION / sums["deal_count_total"],
        deal_gap_days_avg=microseconds_between(sums["first_at"], sums["last_at"]) / MICROSECONDS_A_DAY / gaps,
        hold_years_avg=sums["held"] / MICROSECONDS_A_YEAR / sums["holdings"].nullif(0),
        deal_value_trend=sums["last_value"] * gaps / (sums["value"] - sums["last_value"]).nullif(0),
        agent_repeat_share=ibis.ifelse(sums["agent_deals"] > 1, repeats / (sums["agent_deals"] - 1), None),
    )


PIPELINE = ViewPipeline(VIEW, reads=(CUSTOMERS, DEALS), transform=snapshots, population=population_of(CUSTOMERS))
