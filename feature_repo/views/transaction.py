"""A transaction against the account's recent ones: real-time features, by one function in training and in an answer."""

from __future__ import annotations

from datetime import timedelta

import pyarrow as pa
from feast import FeatureView, Field
from feast.types import Bool, Float64, Int64

from feature_repo.cadence import Cadence
from feature_repo.entities import ACCOUNT, TRANSACTION, join_key
from feature_repo.event_view import EventView
from feature_repo.fields import feature
from feature_repo.sources import snapshots_of
from feature_repo.stores.events.record import Integers
from feature_repo.views.transaction_events import (
    COUNTRY,
    CURRENCY,
    MERCHANT,
    METHOD,
    WINDOW,
    Transactions,
    cents,
    description_words,
)
from feature_repo.views.transaction_events import TRANSACTION as TRANSACTION_RECORD
from feature_repo.views.transaction_features import transaction_features


def _count(name: str, description: str) -> Field:
    return feature(name, Int64, description, unit="count", ge=0)


def _flag(name: str, description: str) -> Field:
    return feature(name, Bool, description, unit="flag")


def _amount(name: str, description: str, *, ge: float | None = None, null_share: float = 0.0) -> Field:
    return feature(name, Float64, description, unit="currency", ge=ge, null_share=null_share)


def _number(name: str, description: str, unit: str, *, ge: float | None = None, le: float | None = None) -> Field:
    """A number that is null where there is nothing to divide by, or nothing to look back to."""
    return feature(name, Float64, description, unit=unit, ge=ge, le=le, null_share=1)


def _share(name: str, description: str) -> Field:
    return _number(name, description, "share", ge=0, le=1)


_ITSELF = (
    _amount("amount_abs", "size of the amount", ge=0),
    feature("amount_log", Float64, "ln(1 + amount_abs)", unit="log", ge=0),
    _flag("is_income", "amount above 0"),
    feature("hour_of_day", Int64, "hour begun, UTC", unit="hour", ge=0, le=23),
    feature("day_of_week", Int64, "weekday, Monday is 0", unit="weekday", ge=0, le=6),
    feature("day_of_month", Int64, "day of the month", unit="day", ge=1, le=31),
    _flag("is_weekend", "Saturday or Sunday"),
    _flag("is_month_end", "last day of its month"),
    _flag("is_round_amount", "whole units, and not 0"),
    _count("description_words", "words of the description"),
)
_VELOCITY = (
    *(_count(f"transaction_count_{name}", f"transactions in {name} before") for name in ("1h", "24h", "7d", "30d")),
    *(_amount(f"spend_sum_{name}", f"money out in {name} before", ge=0) for name in ("1h", "24h", "7d", "30d")),
    _amount("income_sum_30d", "money in in 30 d before", ge=0),
    _number("transaction_gap_hours", "hours since the transaction before", "hours", ge=0, le=2160),
    _count("merchant_count_7d", "different merchants in 7 d before"),
    _count("method_count_30d", "different payment methods in 30 d before"),
)
_AMOUNTS = (
    _number("amount_mean_30d", "mean size of amounts of this side (in, out) in 30 d before", "currency", ge=0),
    _number("amount_std_90d", "their sample deviation in 90 d; null for fewer than two", "currency", ge=0),
    _number("amount_median_90d", "their median in 90 d", "currency", ge=0),
    _number("amount_to_mean_30d", "amount_abs / amount_mean_30d", "ratio", ge=0),
    _number("amount_to_mean_90d", "amount_abs / their mean in 90 d", "ratio", ge=0),
    _number("amount_zscore_90d", "(amount_abs - mean) / amount_std_90d", "deviations"),
    _number("amount_to_max_90d", "amount_abs / the greatest of them in 90 d", "ratio", ge=0),
    _share("amount_rank_90d", "share of them in 90 d that are less"),
    _number("amount_to_balance", "amount_abs / size of balance_before", "ratio", ge=0),
    _count("same_amount_count_90d", "how many of them in 90 d are the same"),
)
_MERCHANT = (
    _count("merchant_visits_90d", "transactions with this merchant in 90 d before; 0 without a merchant"),
    _flag("merchant_is_new", "a merchant is known, and none of the 90 d before was with it"),
    _number("merchant_last_days", "days since the last one with it", "days", ge=0, le=90),
    _number("merchant_amount_mean_90d", "mean size of amounts with it", "currency", ge=0),
    _number("amount_to_merchant_mean", "amount_abs / merchant_amount_mean_90d", "ratio", ge=0),
    _share("merchant_share_30d", "share of the transactions in 30 d before that were with it"),
    _number("merchant_gap_days", "median days from one with it to the next; null for fewer than two", "days", ge=0),
    _number("merchant_due_days", "merchant_last_days - merchant_gap_days", "days", ge=-90, le=90),
)
_HABITS = (
    _share("method_share_90d", "share of the 90 d before by this payment method; null if it is not known"),
    _flag("method_is_new", "a payment method is known, and none of the 90 d before was by it"),
    _share("hour_share_90d", "share of the 90 d before within an hour of this hour of day"),
    _share("weekday_share_90d", "share of the 90 d before on this weekday"),
    _share("night_share_30d", "share of the 30 d before from 22:00 to 06:00 UTC"),
    _flag("country_is_new", "a country is known, and none of the 90 d before was in it"),
)
_STANDING = (
    _amount("balance_before", "newest known balance and all amounts since; null if none is known", null_share=1),
    _amount("balance_min_30d", "least known balance in 30 d before", null_share=1),
    _amount("balance_mean_30d", "mean known balance in 30 d before", null_share=1),
    _number("income_last_days", "days since money came in", "days", ge=0, le=90),
    _share("income_regularity_90d", "1 / (1 + deviation / mean of the times between incomes); null for fewer than 3"),
    _amount("net_flow_30d", "sum of amounts in 30 d before"),
)

VIEW = FeatureView(
    name="transaction",
    entities=[ACCOUNT, TRANSACTION],
    ttl=timedelta(days=92),
    source=snapshots_of("transaction"),
    online=False,
    description=(
        "A transaction, and how it compares with the account's transactions of the 90 days before it (at most 1,000, "
        "the newest), as they were known when it became known. One row for each version of a transaction."
    ),
    owner="data-engineering",
    tags={**Cadence("event").tags, "domain": "ledger", "group": "account"},
    schema=[
        join_key(ACCOUNT),
        join_key(TRANSACTION),
        *(*_ITSELF, *_VELOCITY, *_AMOUNTS, *_MERCHANT, *_HABITS, *_STANDING),
    ],
)


def _encode(rows: pa.Table) -> dict[str, Integers]:
    return {
        "amount": cents(rows["amount"].to_numpy()),
        "balance_after": cents(rows["balance_after"].to_numpy(), "balance_after"),
        "merchant": MERCHANT.encode(rows["merchant"]),
        "method": METHOD.encode(rows["payment_method"]),
        "country": COUNTRY.encode(rows["country"]),
        "currency": CURRENCY.encode(rows["currency"]),
    }


def _describe(rows: pa.Table) -> Transactions:
    encoded = _encode(rows)
    return Transactions(
        amount=encoded["amount"],
        merchant=encoded["merchant"],
        method=encoded["method"],
        country=encoded["country"],
        description_words=description_words(rows["description"]),
    )


EVENTS = EventView(VIEW, TRANSACTION_RECORD, WINDOW, _encode, _describe, transaction_features)
