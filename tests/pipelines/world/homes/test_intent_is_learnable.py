"""The world must be worth learning from, and not give its answer away."""

from __future__ import annotations

from datetime import date, timedelta

import numpy as np
import pytest
from sklearn.linear_model import LogisticRegression
from sklearn.metrics import roc_auc_score
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

HORIZON = 180
TRAIN_DAYS = (100, 140, 180, 220, 260)
TEST_DAYS = (450, 480, 510, 540)

MEASURES = {
    "sessions": "channel = 'platform'",
    "searches": "action = 'search'",
    "views": "action = 'view_listing'",
    "saves": "action = 'save_search'",
    "documents": "channel = 'document'",
    "opens": "channel = 'email' and action = 'open'",
}

ROWS = """
    with behaviour as (
        select customer_id, {counts} from daily where day < {t} and day >= {t} - 90 group by 1),
    known as (
        select distinct on (customer_id) customer_id, birth_year, household_size from good_customers
        where joined_at < {t} order by customer_id, ingested_at desc),
    home as (
        select owner_id as customer_id, count(*) as homes from (
            select distinct on (property_id) * from good_properties
            where valid_from < {t} and ingested_at < {t} order by property_id, valid_from desc)
        where owner_id is not null group by 1),
    bought as (
        select customer_id, max(occurred_at) as since from good_deals
        where kind = 'BUY' and occurred_at < {t} and ingested_at < {t} group by 1),
    sold as (
        select distinct customer_id, 1 as label from good_deals
        where kind = 'SELL' and occurred_at >= {t} and occurred_at < {t} + {horizon})
    select behaviour.* exclude (customer_id), birth_year, household_size, coalesce(homes, 0) as homes,
        datediff('day', since, {t}) as tenure, coalesce(label, 0) as label
    from known left join behaviour using (customer_id) left join home using (customer_id)
        left join bought using (customer_id) left join sold using (customer_id)
    order by known.customer_id
"""


@pytest.fixture(scope="module")
def rows(world, sql):
    filters = ", ".join(f"count(*) filter ({what}) as {name}" for name, what in MEASURES.items())
    sql.execute(
        f"create temp table daily as select customer_id, occurred_at::date as day, {filters} from engagement "
        "where customer_id is not null and occurred_at <= ingested_at group by 1, 2"
    )
    counts = ", ".join(
        f"coalesce(sum({name}) filter (day >= {{t}} - {days}), 0) as {name}_{days}"
        for name in MEASURES
        for days in (7, 30, 90)
    )

    def at(moments: tuple[int, ...]) -> tuple[dict[str, np.ndarray], np.ndarray]:
        parts = []
        for moment in moments:
            t = f"date '{world.plan.start + timedelta(days=moment)}'"
            parts.append(sql.execute(ROWS.format(counts=counts.format(t=t), t=t, horizon=HORIZON)).fetchnumpy())
        table = {
            name: np.nan_to_num(np.ma.filled(np.ma.concatenate([p[name] for p in parts]).astype(float), 0))
            for name in parts[0]
        }
        for name in MEASURES:
            table[f"{name}_trend"] = table[f"{name}_30"] / (table[f"{name}_90"] + 1)
        return table, table.pop("label")

    assert max(TRAIN_DAYS) + HORIZON <= min(TEST_DAYS)
    assert world.plan.start + timedelta(days=max(TEST_DAYS) + HORIZON) <= date(2025, 12, 31)
    return at(TRAIN_DAYS), at(TEST_DAYS)


def test_a_plain_model_foresees_sales_well_but_not_perfectly(rows) -> None:
    (train, label), (test, truth) = rows
    model = make_pipeline(StandardScaler(), LogisticRegression(max_iter=2_000))
    model.fit(np.log1p(np.stack(list(train.values()), axis=1)), label)
    auc = roc_auc_score(truth, model.predict_proba(np.log1p(np.stack(list(test.values()), axis=1)))[:, 1])
    assert 0.80 < auc < 0.90


def test_no_single_column_gives_the_answer_away(rows) -> None:
    _, (test, truth) = rows
    aucs = {name: roc_auc_score(truth, values) for name, values in test.items()}
    assert max(max(auc, 1 - auc) for auc in aucs.values()) < 0.8


def test_some_customers_in_a_hundred_sell_within_half_a_year(rows) -> None:
    for _, label in rows:
        assert 0.03 < label.mean() < 0.09
