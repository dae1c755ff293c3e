"""How a region's housing market stands, as published by then."""

from __future__ import annotations

import ibis
import ibis.expr.types as ir

from feature_repo.views.market import VIEW
from pipelines.computation.days import Days, first_day_of, midnight, month_of, numbers
from pipelines.computation.declared import as_declared
from pipelines.computation.raw_tables import RawTables
from pipelines.computation.sums import millionths
from pipelines.computation.versions import attach, newest, seen, turns, versions
from pipelines.raw.tables.homes import MACRO, REGION_MARKET
from pipelines.view_pipeline import ViewPipeline

MOMENT = ["region_id", "since"]
SEASON_MONTHS = 36
PEAK_MONTHS = 3


def snapshots(raw: RawTables, days: Days) -> ibis.Table:
    """A row for each published region on the first of a month and on each day with news of it or of the economy."""
    months = published_months(raw, days)
    macro = versions(raw[MACRO], MACRO, days)
    moments = _moments(months, macro, days)
    shown = seen(moments, months, "region_id")
    now = newest(shown, MOMENT, ["month"]).mutate(month_a_year_before=lambda t: t["month"] - 12)
    before = shown.select(*MOMENT, month_a_year_before="month", median_before="median_sale_price")
    rows = attach(now, before, [*MOMENT, "month_a_year_before"])
    rows = attach(rows, _economy(moments, macro), ["since"])
    rows = attach(rows, _season(shown), MOMENT)
    return as_declared(
        rows.select(
            *("region_id", "median_sale_price", "days_on_market", "inventory_months", "sale_to_list_ratio"),
            *("mortgage_rate_30y", "unemployment_rate"),
            *("sales_seasonal_index", "price_seasonal_index", "listings_seasonal_index"),
            *("is_peak_season", "days_to_peak_season"),
            day="since",
            median_price_change_1y=rows["median_sale_price"] / rows["median_before"].nullif(0) - 1,
            mortgage_rate_change_90d=rows["mortgage_rate_30y"] - rows["mortgage_rate_before"],
        ),
        VIEW,
    )


def published_months(raw: RawTables, days: Days) -> ibis.Table:
    """The versions of the regions' months, with the `month` as a number."""
    return versions(raw[REGION_MARKET], REGION_MARKET, days).mutate(month=lambda t: month_of(t["observed_on"]))


def _moments(months: ibis.Table, macro: ibis.Table, days: Days) -> ibis.Table:
    regions = months.select("region_id").distinct()
    calendar = regions.cross_join(numbers(days.start, days.stop)).select("region_id", since="day")
    news = turns(months, "region_id").select("region_id", since="turn", is_news=True)
    news_of_economy = turns(macro, "series").select(since="turn", is_economy=True).distinct()
    return (
        attach(attach(calendar, news, MOMENT), news_of_economy, ["since"])
        .filter(lambda t: t["since"].isin(days.firsts_of_months) | t["is_news"].notnull() | t["is_economy"].notnull())
        .select(*MOMENT)
    )


def _economy(moments: ibis.Table, macro: ibis.Table) -> ibis.Table:
    """One row for each moment's day: the newest figures."""
    days = moments.select("since").distinct()
    shown = days.inner_join(macro, [macro["shown_from"] <= days["since"], macro["shown_until"] > days["since"]])
    value, observed = shown["value"], shown["happened_day"]
    is_mortgage = shown["series"] == "mortgage_rate_30y"
    # The instant is the midnight after the day.
    is_old = observed <= shown["since"] + 1 - 90
    return shown.group_by("since").aggregate(
        mortgage_rate_30y=value.argmax(observed, where=is_mortgage),
        mortgage_rate_before=value.argmax(observed, where=is_mortgage & is_old),
        unemployment_rate=value.argmax(observed, where=shown["series"] == "unemployment_rate"),
    )


def _season(shown: ibis.Table) -> ibis.Table:
    """One row for each moment by which every calendar month has been published within the past 36 months."""
    past = shown.mutate(now=month_of(midnight(shown["since"] + 1))).filter(
        lambda t: (t["month"] < t["now"]) & (t["month"] >= t["now"] - SEASON_MONTHS)
    )
    calendar = past.group_by(*MOMENT, "now", ahead=(past["month"] - past["now"] + SEASON_MONTHS) % 12).aggregate(
        months=past.count(),
        sales=past["sales_count"].sum(),
        price=millionths(past["median_sale_price"]).sum(),
        listings=past["new_listings"].sum(),
        listings_months=past["new_listings"].count(),
    )
    calendar_month = (calendar["now"] + calendar["ahead"]) % 12
    place = ibis.row_number().over(
        group_by=MOMENT, order_by=[ibis.desc(calendar["sales"] / calendar["months"]), calendar_month]
    )
    ranked = calendar.mutate(is_peak=place < PEAK_MONTHS)
    year = ranked.group_by(*MOMENT, "now").aggregate(
        calendar_months=ranked.count(),
        sales_seasonal_index=_index(ranked, "sales", "months"),
        price_seasonal_index=_index(ranked, "price", "months"),
        listings_seasonal_index=_index(ranked, "listings", "listings_months"),
        next_peak=ranked["ahead"].min(where=ranked["is_peak"]),
    )
    to_peak = ibis.ifelse(
        year["next_peak"] == 0, 0, first_day_of(year["now"] + year["next_peak"]) - (year["since"] + 1)
    )
    has_index = year["sales_seasonal_index"].notnull()
    return year.filter(year["calendar_months"] == 12).mutate(
        is_peak_season=ibis.ifelse(has_index, year["next_peak"] == 0, None),
        days_to_peak_season=ibis.ifelse(has_index, to_peak, None),
    )


def _index(calendar: ibis.Table, total: str, months: str) -> ir.FloatingValue:
    """This calendar month's mean over the mean of all."""
    here = calendar["ahead"] == 0
    mean_here = calendar[total].sum(where=here) / calendar[months].sum(where=here).nullif(0)
    mean = calendar[total].sum() / calendar[months].sum().nullif(0)
    return mean_here / mean.nullif(0)


PIPELINE = ViewPipeline(VIEW, reads=(REGION_MARKET, MACRO), transform=snapshots)
