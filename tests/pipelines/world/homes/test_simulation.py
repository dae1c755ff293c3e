from __future__ import annotations

import numpy as np

from pipelines.world.clock import DAY
from pipelines.world.homes.neighbourhood import town_of
from pipelines.world.homes.plan import WorldPlan
from pipelines.world.homes.simulation import REFINANCE, lives_of


def test_a_sale_is_followed_by_a_change_of_owner(world, sql) -> None:
    changed, sold = sql.execute(
        "select count(p.property_id), count(*) from good_deals d left join good_properties p "
        "on p.property_id = d.property_id and p.valid_from = d.occurred_at and p.owner_id is null "
        f"where d.kind = 'SELL' and d.occurred_at between '{world.plan.start}' and '2025-11-15'"
        # Who joins midway was no known owner before.
        "and d.customer_id in (select customer_id from good_customers where joined_at < d.occurred_at)"
    ).fetchone()
    assert sold > 300
    assert changed > 0.97 * sold


def test_a_purchase_makes_the_customer_the_owner(world, sql) -> None:
    owns, bought = sql.execute(
        "select count(p.property_id), count(*) from good_deals d left join good_properties p "
        "on p.property_id = d.property_id and p.valid_from = d.occurred_at and p.owner_id = d.customer_id "
        "join good_customers c on c.customer_id = d.customer_id and c.joined_at < d.occurred_at "
        f"where d.kind = 'BUY' and d.occurred_at between '{world.plan.start}' and '2025-11-15'"
    ).fetchone()
    assert bought > 300
    assert owns > 0.97 * bought


def test_sellers_mostly_buy_again_within_months(sql) -> None:
    (share,) = sql.execute(
        "select avg((exists (from good_deals b where b.customer_id = s.customer_id and b.kind = 'BUY' "
        "and b.occurred_at between s.occurred_at and s.occurred_at + interval 270 day))::int) "
        "from good_deals s where s.kind = 'SELL' and s.occurred_at between '2012-01-01' and '2024-12-31'"
    ).fetchone()
    assert 0.6 < share < 0.95


def test_only_an_investment_may_lack_a_property(sql) -> None:
    found = dict(sql.execute("select kind, count(property_id) / count(*) from good_deals group by 1").fetchall())
    assert {kind: share == 1 for kind, share in found.items()} == {
        "BUY": True, "SELL": True, "REFINANCE": True, "INVESTMENT": False,
    }  # fmt: skip


def test_loans_bear_about_the_market_rate_of_their_day(sql) -> None:
    (apart,) = sql.execute("""
        select quantile_cont(abs(loan_rate - value), 0.95)
        from good_deals asof join (from good_macro where series = 'mortgage_rate_30y') on occurred_at >= observed_on
        where loan_amount > 0 and occurred_at > '2020-01-01'
    """).fetchone()
    assert apart < 0.6


def test_refinances_rise_when_rates_have_fallen() -> None:
    fallen, risen = [], []
    for seed in range(4):
        neighbourhood = town_of(WorldPlan(customers=1_200, days=365, seed=seed), WorldPlan(1_200, 365, seed).blocks[0])
        deals = lives_of(neighbourhood).deals
        days = deals["time"][deals["kind"] == REFINANCE] // DAY
        weeks = np.arange(neighbourhood.plan.start_day - 14 * 365, neighbourhood.plan.start_day + 365, 7)
        counts = np.histogram(days, np.append(weeks, weeks[-1] + 7))[0]
        change = neighbourhood.economy.rate_on(weeks) - neighbourhood.economy.rate_on(weeks - 2 * 365)
        fallen.append(counts[change < -0.5])
        risen.append(counts[change > 0.5])
    assert np.concatenate(fallen).mean() > 2 * np.concatenate(risen).mean()
