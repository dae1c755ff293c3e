"""The ledger must be worth learning from, and not give its answers away."""

from __future__ import annotations

import numpy as np
import pytest
from lightgbm import LGBMClassifier
from sklearn.feature_extraction.text import TfidfVectorizer
from sklearn.linear_model import SGDClassifier
from sklearn.metrics import roc_auc_score
from sklearn.pipeline import make_pipeline, make_union

TRAIN_UNTIL = "2025-04-01"
"""The last half of a year is the test."""

VELOCITY = """
    select *, amount_mean_30d > 0 and amount > 3 * amount_mean_30d as is_large from (
        select occurred_at, is_fraud, -amount as amount, ln(1 - amount) as amount_log,
            hour(occurred_at) as hour, dayofweek(occurred_at) as weekday,
            hash(payment_method) % 7 as method, country = mode(country) over (partition by customer) as at_home,
            count(*) over one_hour as count_1h, count(*) over day as count_24h, sum(-amount) over day as spent_24h,
            count(*) over week as count_7d, avg(-amount) over month as amount_mean_30d,
            row_number() over (partition by customer, coalesce(merchant, description) order by occurred_at) = 1 as is_new,
            epoch(occurred_at - lag(occurred_at) over in_time) as gap
        from spent
        window in_time as (partition by account_id order by occurred_at),
            one_hour as (in_time range between interval 1 hour preceding and current row),
            day as (in_time range between interval 1 day preceding and current row),
            week as (in_time range between interval 7 days preceding and current row),
            month as (in_time range between interval 30 days preceding and interval 1 second preceding))
"""


@pytest.fixture(scope="module")
def spent(ledger_sql):
    ledger_sql.execute(
        "create or replace temp table spent as select good_transactions.*, account_id // 10 as customer, "
        "transaction_id in (select transaction_id from good_labels where kind = 'fraud' and value = 'fraud') as is_fraud "
        "from good_transactions where amount < 0"
    )
    return ledger_sql


def test_a_linear_model_of_words_and_letters_tells_most_categories(ledger_sql) -> None:
    rows = ledger_sql.execute(
        "select description, value, occurred_at < date '" + TRAIN_UNTIL + "' as train from good_transactions "
        "join good_labels using (transaction_id) where kind = 'category' order by transaction_id"
    ).df()
    train, test = rows[rows["train"]].sample(12_000, random_state=1), rows[~rows["train"]].head(6_000)
    model = make_pipeline(
        make_union(
            TfidfVectorizer(min_df=2, sublinear_tf=True),
            TfidfVectorizer(analyzer="char_wb", ngram_range=(2, 4), min_df=3, sublinear_tf=True),
        ),
        SGDClassifier(loss="log_loss", alpha=1e-5, random_state=1),
    )
    accuracy = model.fit(train["description"], train["value"]).score(test["description"], test["value"])
    assert 0.85 <= accuracy <= 0.95, accuracy


def test_boosted_trees_on_velocity_and_amount_tell_most_frauds(spent) -> None:
    rows = spent.execute(VELOCITY + " order by occurred_at, amount").df()
    features = rows.drop(columns=["occurred_at", "is_fraud"]).astype(float)
    train = (rows["occurred_at"] < TRAIN_UNTIL).to_numpy()
    model = LGBMClassifier(
        n_estimators=120, num_leaves=15, learning_rate=0.05, min_child_samples=40, n_jobs=1, verbose=-1
    )
    model.fit(features[train], rows["is_fraud"][train])
    scores = model.predict_proba(features[~train])[:, 1]
    auc = roc_auc_score(rows["is_fraud"][~train], scores)
    assert 0.90 <= auc <= 0.97, auc


@pytest.mark.parametrize(
    "feature", ["amount", "-amount", "count_1h", "count_24h", "spent_24h", "is_new", "not at_home"]
)
def test_no_single_figure_tells_frauds(spent, feature: str) -> None:
    rows = spent.execute(f"select ({feature})::double as figure, is_fraud from ({VELOCITY})").df()
    assert roc_auc_score(rows["is_fraud"], np.nan_to_num(rows["figure"])) < 0.88
