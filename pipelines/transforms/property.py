"""What a home is, what it is worth, and how its owner stands, as known then.

What is seen of a home changes on few days, of its region's market once or twice a month. So every home is valued once
for each stretch between changes; the rank among the region's homes needs them all on each day that is asked for.
"""

from __future__ import annotations

import ibis
import ibis.expr.types as ir

from feature_repo.views.property import VIEW
from pipelines.computation.days import (
    MICROSECONDS_A_YEAR,
    Days,
    day_of,
    microseconds_between,
    midnight,
    month_of,
)
from pipelines.computation.declared import as_declared
from pipelines.computation.raw_tables import RawTables
from pipelines.computation.versions import FOREVER, attach, daily, newest, seen, states, turns, versions
from pipelines.raw.tables.homes import DEALS, PROPERTIES, REGION_MARKET
from pipelines.transforms.market import published_months
from pipelines.view_pipeline import ViewPipeline

STRETCH = ["property_id", "since"]
LOAN_YEARS = 30


def snapshots(raw: RawTables, days: Days) -> ibis.Table:
    """A row for each home on the first of a month and on each day when a fact about it became known."""
    homes = versions(raw[PROPERTIES], PROPERTIES, days)
    deals = versions(raw[DEALS], DEALS, days).filter(lambda t: t["property_id"].notnull())
    valued = _valued(_described(homes, deals, days), homes, published_months(raw, days), days)
    laid_out = daily(valued.select(*STRETCH, "until", "region_id", "estimated_value"), days).drop("until")
    news = turns(homes, "property_id").union(turns(deals, "property_id"), distinct=True)
    news = news.select("property_id", day="turn", is_news=True)
    asked = attach(laid_out, news, ["property_id", "day"]).filter(
        lambda t: t["day"].isin(days.firsts_of_months) | t["is_news"].notnull()
    )
    rows = asked.select(*STRETCH, "day").inner_join(valued, STRETCH)
    rows = attach(rows, _ranks(laid_out, asked), ["property_id", "day"])
    return as_declared(_features(rows), VIEW)


def _described(homes: ibis.Table, deals: ibis.Table, days: Days) -> ibis.Table:
    """A row for each stretch over which nothing changes that is seen of a home itself or of its deals."""
    # A sale is a year old at the first midnight that is 365 days after it, or more.
    deals = deals.mutate(
        is_sale=deals["kind"].isin(["BUY", "SELL"]) & (deals["price"] > 0),
        year_old_on=day_of(deals["occurred_at"] - ibis.interval(microseconds=1)) + 365,
    )
    year_old_sales = deals.filter("is_sale").mutate(
        shown_from=lambda t: ibis.greatest(t["shown_from"], t["year_old_on"])
    )
    stretches = states("property_id", days, homes, deals, year_old_sales)
    described = _homes(seen(stretches, homes, "property_id"))
    return attach(described, _deals(seen(stretches, deals, "property_id")), STRETCH)


def _homes(shown: ibis.Table) -> ibis.Table:
    """The newest row of each home, and since when all rows name its owner."""
    in_time = ibis.window(group_by=STRETCH, order_by="valid_from")
    same_owner = shown["owner_id"].identical_to(shown["owner_id"].lag().over(in_time))
    is_taken_over = (ibis.row_number().over(in_time) == 0) | ~same_owner
    taken_over = shown.mutate(taken_over_at=ibis.ifelse(is_taken_over, shown["valid_from"], None))
    owned = taken_over.mutate(
        owned_since=ibis.ifelse(
            taken_over["owner_id"].notnull(), taken_over["taken_over_at"].max().over(group_by=STRETCH), None
        )
    )
    return newest(owned, STRETCH, ["valid_from"])


def _deals(shown: ibis.Table) -> ibis.Table:
    """The newest sale, the newest a year before, and the newest loan and refinancing."""

    def is_newest(of: ir.BooleanValue) -> ir.BooleanValue:
        order = [ibis.desc("occurred_at"), ibis.desc("deal_id")]
        return of & (ibis.row_number().over(group_by=[*STRETCH, of], order_by=order) == 0)

    is_year_old = shown["is_sale"] & (shown["year_old_on"] <= shown["since"])
    marked = shown.mutate(
        month=month_of(shown["occurred_at"]),
        is_last_sale=is_newest(shown["is_sale"]),
        is_year_old_sale=is_newest(is_year_old),
        is_last_loan=is_newest((shown["loan_amount"] > 0).fill_null(False)),
    )
    sale, year_old_sale, loan = (marked[name] for name in ("is_last_sale", "is_year_old_sale", "is_last_loan"))
    return marked.group_by(STRETCH).aggregate(
        deals=marked.count(),
        last_sale_price=marked["price"].max(where=sale),
        sale_month=marked["month"].max(where=sale),
        sale_day=marked["happened_day"].max(where=sale),
        year_old_sale_price=marked["price"].max(where=year_old_sale),
        year_old_sale_month=marked["month"].max(where=year_old_sale),
        loan_amount=marked["loan_amount"].max(where=loan),
        loan_at=marked["occurred_at"].max(where=loan),
        loan_day=marked["happened_day"].max(where=loan),
        refinanced_at=marked["occurred_at"].max(where=marked["kind"] == "REFINANCE"),
    )


def _valued(described: ibis.Table, homes: ibis.Table, months: ibis.Table, days: Days) -> ibis.Table:
    """The described stretches, cut further where the region's market changes, with its figures and the estimates."""
    places = homes.select("region_id").distinct()
    always = places.mutate(shown_from=ibis.literal(days.start, "int64"), shown_until=ibis.literal(FOREVER, "int64"))
    stretches = states("region_id", days, months, always).rename(market_since="since", market_until="until")
    shown = seen(stretches.mutate(since="market_since"), months, "region_id")
    moment = ["region_id", "market_since"]
    now = newest(shown, moment, ["month"]).rename(region_median="median_sale_price")
    markets = attach(
        stretches,
        now.select(*moment, "month", "region_median", "days_on_market", "inventory_months", "sale_to_list_ratio"),
        moment,
    )
    cut = described.inner_join(
        markets,
        [
            described["region_id"] == markets["region_id"],
            described["since"] < markets["market_until"],
            described["until"] > markets["market_since"],
        ],
    ).drop("region_id_right")
    rows = cut.mutate(
        since=ibis.greatest(cut["since"], cut["market_since"]),
        until=ibis.least(cut["until"], cut["market_until"]),
        base_month=ibis.least(cut["sale_month"], cut["month"]),
        year_before_month=cut["month"] - 12,
        year_old_base_month=ibis.least(cut["year_old_sale_month"], cut["month"] - 12),
    )
    for name in ("base", "year_before", "year_old_base"):
        medians = shown.select(*moment, **{f"{name}_month": "month", f"{name}_median": "median_sale_price"})
        rows = attach(rows, medians, [*moment, f"{name}_month"])
    return rows.mutate(
        estimated_value=rows["last_sale_price"] * rows["region_median"] / rows["base_median"].nullif(0),
        year_old_value=rows["year_old_sale_price"]
        * rows["year_before_median"]
        / rows["year_old_base_median"].nullif(0),
    )


def _ranks(laid_out: ibis.Table, asked: ibis.Table) -> ibis.Table:
    """Where each home's estimate stands among its region's, on the days asked for."""
    estimated = laid_out.semi_join(asked, ["region_id", "day"]).filter(lambda t: t["estimated_value"].notnull())
    lower = ibis.rank().over(group_by=["region_id", "day"], order_by="estimated_value")
    others = estimated.count().over(group_by=["region_id", "day"]) - 1
    return estimated.select("property_id", "day", region_price_rank=lower / others.nullif(0))


def _features(rows: ibis.Table) -> ibis.Table:
    instant = midnight(rows["day"] + 1)
    year = instant.date().year()
    balance_left = 1 - _years(rows["loan_at"], instant) / LOAN_YEARS
    is_open = rows["loan_at"].notnull() & (rows["sale_day"].isnull() | (rows["loan_day"] >= rows["sale_day"]))
    balance = ibis.cases(
        (is_open, rows["loan_amount"] * ibis.greatest(balance_left, 0.0)), (rows["deals"].notnull(), 0.0)
    )
    estimate = rows["estimated_value"]
    loan_to_value = balance / estimate.nullif(0)
    return rows.select(
        *("property_id", "day", "bedrooms", "bathrooms", "living_area_sqft", "lot_area_sqft", "condition_grade"),
        *("latitude", "longitude", "last_sale_price", "estimated_value", "region_price_rank"),
        property_kind="kind",
        age_years=_at_least_0(year - rows["year_built"]),
        renovated_years_ago=_at_least_0(year - rows["year_renovated"]),
        price_per_sqft=estimate / rows["living_area_sqft"].nullif(0),
        loan_balance=balance,
        loan_to_value=loan_to_value,
        equity_share=1 - loan_to_value,
        value_change_1y=estimate / rows["year_old_value"].nullif(0) - 1,
        value_to_region_median=estimate / rows["region_median"].nullif(0),
        region_days_on_market="days_on_market",
        region_inventory_months="inventory_months",
        region_sale_to_list_ratio="sale_to_list_ratio",
        tenure_years=_years(rows["owned_since"], instant),
        refinance_last_years=_years(rows["refinanced_at"], instant),
        mortgage_age_years=ibis.ifelse(is_open, _years(rows["loan_at"], instant), None),
    )


def _years(start: ir.Value, end: ir.Value) -> ir.FloatingValue:
    return microseconds_between(start, end) / MICROSECONDS_A_YEAR


def _at_least_0(value: ir.IntegerValue) -> ir.IntegerValue:
    # Not greatest(value, 0), which makes 0 of null.
    return ibis.ifelse(value < 0, 0, value)


PIPELINE = ViewPipeline(VIEW, reads=(PROPERTIES, DEALS, REGION_MARKET), transform=snapshots)
