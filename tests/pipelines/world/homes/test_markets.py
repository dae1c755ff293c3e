from __future__ import annotations

import numpy as np

from pipelines.world.clock import month_of
from pipelines.world.homes.economy import economy_of
from pipelines.world.homes.markets import markets_of
from pipelines.world.homes.plan import WorldPlan


def test_every_region_has_four_years_of_history_before_the_start(world, sql) -> None:
    regions, least = sql.execute(
        "select count(*), min(n) from (select region_id, count(distinct observed_on) as n from good_region_market "
        f"where published_at < '{world.plan.start}' group by 1)"
    ).fetchone()
    assert regions == world.plan.regions
    assert least >= 48


def test_every_series_has_four_years_of_history_before_the_start(world, sql) -> None:
    found = dict(
        sql.execute(
            "select series, min(observed_on) < date '2020-01-01' from good_macro "
            f"where published_at < '{world.plan.start}' group by 1"
        ).fetchall()
    )
    assert found == {"mortgage_rate_30y": True, "unemployment_rate": True, "cpi": True}


def test_figures_are_published_when_they_are_due(sql) -> None:
    lag, rate_days, jobs_weekday, cpi_day = sql.execute("""
        select
            (select array[min(lag), max(lag)] from (
                select min(published_at)::date - (observed_on + interval 1 month)::date as lag
                from region_market where region_id is not null group by region_id, observed_on)),
            (select max(published_at::date - observed_on) from macro where series = 'mortgage_rate_30y'
                and published_at < observed_on + interval 1 day),
            (select mode(isodow(published_at)) from macro where series = 'unemployment_rate'),
            (select mode(day(published_at)) between 10 and 14 from macro where series = 'cpi')
    """).fetchone()
    assert lag[0] >= 21
    assert lag[1] <= 36 + 63
    assert (rate_days, jobs_weekday, cpi_day) == (0, 5, True)


def test_a_tight_market_sells_fast_and_near_the_asking_price(sql) -> None:
    days, ratio = sql.execute(
        "select corr(inventory_months, days_on_market), corr(inventory_months, sale_to_list_ratio) "
        "from good_region_market"
    ).fetchone()
    assert days > 0.5
    assert ratio < -0.5


def test_sales_peak_in_spring_or_summer_and_sag_in_winter(sql) -> None:
    months = dict(
        sql.execute("select month(observed_on), avg(sales_count) from good_region_market group by 1").fetchall()
    )
    assert max(months, key=months.__getitem__) in {5, 6, 7}
    assert months[6] > 1.25 * months[1]


def test_sales_fall_where_rates_have_risen() -> None:
    slopes = []
    for seed in range(5):
        plan = WorldPlan(customers=1_000, days=365, seed=seed)
        economy = economy_of(plan)
        markets = markets_of(plan, economy)
        months = economy.months[24:-3]
        at = months + 15 - economy.origin
        rate, year_before = economy.rate[at], economy.rate[at - 365]
        demand = (markets.log_demand[:, at] - markets.season[:, month_of(months)]).mean(axis=0)
        slopes.append(np.corrcoef(rate - year_before, demand)[0, 1])
    assert np.mean(slopes) < -0.1
