"""What an account holds, what comes and goes on it, and how regularly."""

from __future__ import annotations

from datetime import timedelta

from feast import FeatureView
from feast.types import Float64, Int64

from feature_repo.cadence import Cadence
from feature_repo.entities import ACCOUNT, join_key
from feature_repo.fields import feature
from feature_repo.sources import snapshots_of

VIEW = FeatureView(
    name="account",
    entities=[ACCOUNT],
    ttl=timedelta(days=7),
    source=snapshots_of("account"),
    description=(
        "An account at the end of a day: one snapshot a day for each account that was opened, from its transactions "
        "of the 366 days before. A month is 30 days. Amounts are in the account's currency."
    ),
    owner="data-engineering",
    tags={**Cadence("daily", lag_hours=3).tags, "domain": "ledger", "group": "account"},
    schema=[
        join_key(ACCOUNT),
        # standing
        feature(
            "balance", Float64, "newest known balance and all amounts since; null if none is known",
            unit="currency", null_share=1,
        ),
        feature("balance_min_30d", Float64, "least known balance in 30 d; null if none", unit="currency", null_share=1),
        feature("balance_mean_30d", Float64, "mean known balance in 30 d; null if none", unit="currency", null_share=1),
        feature(
            "overdraft_days_90d", Int64, "days of 90 on which a known balance was below 0", unit="days", ge=0, le=91
        ),
        feature(
            "credit_utilisation", Float64, "what is owed / credit limit; null without a limit or a known balance",
            unit="ratio", ge=0, null_share=1,
        ),
        feature("account_age_days", Float64, "days since it was opened", unit="days", ge=0),
        # flow
        feature("income_sum_30d", Float64, "money in in 30 d", unit="currency", ge=0),
        feature("expense_sum_30d", Float64, "money out in 30 d", unit="currency", ge=0),
        feature("net_flow_30d", Float64, "income_sum_30d - expense_sum_30d", unit="currency"),
        feature(
            "income_month_mean_6m", Float64,
            "mean money in of the last 6 months, of younger accounts of their whole months; null for less than one",
            unit="currency", ge=0, null_share=1,
        ),
        feature(
            "expense_month_mean_6m", Float64, "mean money out of the same months; null for less than one",
            unit="currency", ge=0, null_share=1,
        ),
        feature(
            "expense_month_cv_6m", Float64,
            "sample deviation of money out by month / expense_month_mean_6m; null for less than two months, or none",
            unit="ratio", ge=0, null_share=1,
        ),
        feature(
            "savings_rate_90d", Float64, "(money in - money out) / money in of 90 d; null without money in",
            unit="ratio", le=1, null_share=1,
        ),
        # what recurs
        feature(
            "recurring_income_month", Float64, "money in a month by items that recur (docs/ledger.md)",
            unit="currency", ge=0,
        ),
        feature("recurring_expense_month", Float64, "money out a month by such items", unit="currency", ge=0),
        # habits
        feature("transaction_count_30d", Int64, "transactions in 30 d", unit="count", ge=0),
        feature("merchant_count_30d", Int64, "different merchants in 30 d", unit="count", ge=0),
        feature(
            "cash_share_30d", Float64, "share of the money out in 30 d that was cash; null without any",
            unit="share", ge=0, le=1, null_share=1,
        ),
        feature(
            "top_category_share_90d", Float64,
            "of the money out in 90 d whose category is known by then, the share of the largest; null without any",
            unit="share", ge=0, le=1, null_share=1,
        ),
        feature(
            "income_last_days", Float64, "days since money came in; null if none did in 366 d",
            unit="days", ge=0, le=366, null_share=1,
        ),
    ],
)  # fmt: skip
