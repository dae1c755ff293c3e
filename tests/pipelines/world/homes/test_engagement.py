from __future__ import annotations

import numpy as np
import pytest

from pipelines.world.homes.neighbourhood import town_of


@pytest.mark.parametrize(
    ("channel", "earlier", "later"),
    [
        ("email", "deliver", "open"),
        ("email", "open", "click"),
        ("email", "click", "reply"),
        ("alert", "send", "open"),
        ("alert", "send", "dismiss"),
    ],
)
def test_answers_follow_their_message(sql, channel: str, earlier: str, later: str) -> None:
    orphans, answers = sql.execute(
        f"with rows as (select * from good_engagement where channel = '{channel}' and object_id is not null) "
        "select count(*) filter (e.object_id is null), count(*) "
        f"from (from rows where action = '{later}') l left join (from rows where action = '{earlier}') e "
        "on l.object_id = e.object_id and l.customer_id = e.customer_id and l.occurred_at > e.occurred_at"
    ).fetchone()
    # A message may be known later than its answer, be broken, or not be known yet.
    assert orphans < 0.01 * answers
    assert answers > 800


def test_an_alerts_value_is_the_hours_from_send_to_open(sql) -> None:
    (apart,) = sql.execute(
        "select quantile_cont(abs(o.value - epoch(o.occurred_at - s.occurred_at) / 3600), 0.95) "
        "from (from good_engagement where channel = 'alert' and action = 'open') o "
        "join (from good_engagement where channel = 'alert' and action = 'send') s using (object_id)"
    ).fetchone()
    assert apart < 0.01


def test_customers_act_in_hours_of_their_own(sql, world) -> None:
    habits = town_of(world.plan, world.plan.blocks[0]).people.habits
    rows = sql.execute(
        "select customer_id, hour(occurred_at) + minute(occurred_at) / 60 as hour, isodow(occurred_at) > 5 as weekend "
        "from good_engagement where channel = 'platform'"
    ).fetchnumpy()
    who, weekend = rows["customer_id"] - 1, rows["weekend"].astype(int)
    apart = [np.abs(rows["hour"] - peaks[who, weekend]) for peaks in (habits.first, habits.second)]
    nearest = np.minimum.reduce([np.minimum(gap, 24 - gap) for gap in apart])
    assert (nearest < 2 * habits.width[who]).mean() > 0.8


def test_whether_a_message_is_opened_depends_on_the_customers_hour(sql) -> None:
    """What the contact-timing model is to learn: a customer's past opens by hour tell the later ones."""
    gain = sql.execute("""
        with message as (
            select s.customer_id, hour(s.occurred_at) // 2 as slot, s.occurred_at < '2025-03-01' as past,
                coalesce(o.occurred_at < s.occurred_at + interval 24 hour, false)::int as opened
            from (from good_engagement where action in ('deliver', 'send')) s
            left join (from good_engagement where action = 'open' and channel in ('email', 'alert')) o
            using (channel, object_id)),
        slots as (
            select customer_id, slot, avg(opened) filter (past) as before, avg(opened) filter (not past) as after
            from message group by all having count(*) filter (past) >= 15),
        ranked as (select *, ntile(4) over (partition by customer_id order by before) as quarter from slots)
        select avg(after) filter (quarter = 4) / avg(after) filter (quarter = 1) from ranked
    """).fetchone()[0]
    assert gain > 2


def test_a_customer_does_nothing_before_joining(sql) -> None:
    (early,) = sql.execute(
        "select count(*) from good_engagement e join good_customers c using (customer_id) "
        "where e.occurred_at < c.joined_at"
    ).fetchone()
    assert early == 0


def test_events_number_three_to_four_a_customer_and_day(world) -> None:
    rate = world.report.tables["engagement"].rows / (world.plan.customers * world.plan.days)
    assert 3 < rate < 4.2
