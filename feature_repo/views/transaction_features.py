"""The 52 features of a transaction, as one function of the account's events before it: offline, in a stream, online.

HISTORY is the account's transactions of the 90 days before this one's `occurred_at`, strictly before it, at most
1,000, the newest, each as it was known when this one became known (`ingested_at`; what became known in the same instant
counts). LIKE is those of the history on the same side: money in (amount > 0), or all others. The last N days are those
of the history that occurred at or after N days before. All times are UTC. Amounts are units of the currency, not cents.
Deviations are of samples. What divides by nothing or by 0, and what asks of an empty history, is NaN; counts and sums
are 0, flags false, unless it says otherwise.

itself
    amount_abs             |amount|
    amount_log             ln(1 + |amount|)
    is_income              amount > 0; an amount of 0 is none
    hour_of_day            the hour begun, 0 to 23
    day_of_week            Monday is 0
    day_of_month           1 to 31
    is_weekend             Saturday or Sunday
    is_month_end           the last day of its month
    is_round_amount        whole units, and not 0
    description_words      words of the description, parted by white space; 0 without one
velocity
    transaction_count_W    transactions of the last hour, day, 7 and 30 days
    spend_sum_W            sum of -amount over those with amount < 0
    income_sum_30d         sum of amounts > 0 of the last 30 days
    transaction_gap_hours  since the newest of the history
    merchant_count_7d      distinct merchants of the last 7 days; transactions without one do not count
    method_count_30d       distinct payment methods of the last 30 days
amount against history
    amount_mean_30d        mean |amount| of LIKE, last 30 days
    amount_std_90d         sample deviation of |amount| of LIKE; NaN for fewer than two
    amount_median_90d      median |amount| of LIKE
    amount_to_mean_30d     |amount| / amount_mean_30d
    amount_to_mean_90d     |amount| / mean |amount| of LIKE
    amount_zscore_90d      (|amount| - mean |amount| of LIKE) / amount_std_90d
    amount_to_max_90d      |amount| / greatest |amount| of LIKE
    amount_rank_90d        share of LIKE with a lesser |amount|
    amount_to_balance      |amount| / |balance_before|
    same_amount_count_90d  how many of LIKE have the same |amount|
merchant: NaN, 0 and false where this transaction's is not known
    merchant_visits_90d    transactions of the history with this merchant
    merchant_is_new        none of them
    merchant_last_days     days since the newest of them
    merchant_amount_mean_90d  mean |amount| of them, money in or out
    amount_to_merchant_mean   |amount| / that
    merchant_share_30d     share of the last 30 days' transactions with this merchant
    merchant_gap_days      median of the days between one of them and the next; NaN for fewer than two
    merchant_due_days      merchant_last_days - merchant_gap_days
habits
    method_share_90d       share of the history with this payment method; NaN where it is not known
    method_is_new          known, and none of the history has it
    hour_share_90d         share of the history in this hour of day, the one before or the one after (23 and 0 meet)
    weekday_share_90d      share of the history on this weekday
    night_share_30d        share of the last 30 days' transactions of 22:00 to 06:00
    country_is_new         known, and none of the history has it
standing
    balance_before         the newest balance_after of the history that is known, and all amounts since
    balance_min_30d        least known balance_after of the last 30 days
    balance_mean_30d       mean of them, each transaction counting once
    income_last_days       days since the newest with amount > 0
    income_regularity_90d  1 / (1 + deviation / mean of the times between incomes); NaN for fewer than three incomes
    net_flow_30d           sum of amounts of the last 30 days
"""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from feature_repo.stores.events.extremes import greatest, last_where
from feature_repo.stores.events.occurrences import KeyOrder, Occurrences
from feature_repo.stores.events.order import order_of, twice_median
from feature_repo.stores.events.record import NO_CODE, NO_HASH, NO_INTEGER
from feature_repo.stores.events.slices import Slices
from feature_repo.stores.events.sums import WindowSpread, WindowSums, gaps_of, or_nan, ratio
from feature_repo.views.transaction_events import DAY, Transactions
from feature_repo.views.transaction_history import TransactionHistory

Features = dict[str, npt.NDArray[np.generic]]


def transaction_features(slices: Slices, transactions: Transactions) -> Features:
    """The features of transactions over the slices of events before them, a column each, in the order of the table."""
    history = TransactionHistory(slices, transactions)
    return {
        **_itself(history),
        **_velocity(history),
        **_amounts(history),
        **_merchant(history),
        **_habits(history),
        **_standing(history),
    }


def _itself(history: TransactionHistory) -> Features:
    amount, size = history.transactions.amount, history.size
    days = history.slices.instant // DAY
    date = days.view("datetime64[D]")
    month = date.astype("datetime64[M]")
    return {
        "amount_abs": size / 100,
        "amount_log": np.log1p(size / 100),
        "is_income": history.is_income,
        "hour_of_day": history.hour,
        "day_of_week": history.weekday,
        "day_of_month": (date - month.astype("datetime64[D]")).view(np.int64) + 1,
        "is_weekend": history.weekday >= 5,
        "is_month_end": (date + 1).astype("datetime64[M]") != month,
        "is_round_amount": (amount % 100 == 0) & (amount != 0),
        "description_words": history.transactions.description_words,
    }


def _velocity(history: TransactionHistory) -> Features:
    starts, stop = history.starts, history.slices.stop
    spent = {name: history.income_sum(at) - history.flow_sum(at) for name, at in starts.items()}
    newest = np.where(history.slices.count > 0, stop - 1, -1)
    return {
        **{f"transaction_count_{name}": stop - at for name, at in starts.items()},
        **{f"spend_sum_{name}": total / 100 for name, total in spent.items()},
        "income_sum_30d": history.income_sum(starts["30d"]) / 100,
        "transaction_gap_hours": 24 * history.days_since(newest),
        "merchant_count_7d": history.merchants.distinct(starts["7d"], stop),
        "method_count_30d": history.methods.distinct(starts["30d"], stop),
    }


def _amounts(history: TransactionHistory) -> Features:
    size, split = history.size, history.sides
    start, since_30d, stop = (
        split.place(bound, history.is_income)
        for bound in (history.slices.start, history.starts["30d"], history.slices.stop)
    )
    sizes = history.sizes[split.order]
    spread = WindowSpread(sizes)
    all_90d, order = spread.between(start, stop), order_of(sizes, start, stop, size)
    count, deviation = all_90d.count, np.where(all_90d.count < 2, np.nan, all_90d.deviation)
    mean_30d = ratio(spread.total(since_30d, stop) / 100, stop - since_30d)
    return {
        "amount_mean_30d": mean_30d,
        "amount_std_90d": deviation / 100,
        "amount_median_90d": np.where(count > 0, order.twice_median / 200, np.nan),
        "amount_to_mean_30d": ratio(size / 100, mean_30d),
        "amount_to_mean_90d": ratio(size * count, all_90d.total),
        "amount_zscore_90d": ratio(size * count - all_90d.total, count * deviation),
        "amount_to_max_90d": ratio(size, order.greatest),
        "amount_rank_90d": ratio(order.less, count),
        "amount_to_balance": ratio(size / 100, np.abs(history.balance_before)),
        "same_amount_count_90d": order.equal,
    }


def _merchant(history: TransactionHistory) -> Features:
    slices, merchant = history.slices, history.transactions.merchant
    is_known = merchant != NO_HASH
    visits = Occurrences(history.merchants, merchant, slices.start, slices.stop)
    count = np.where(is_known, visits.count, 0)
    # Of an unknown merchant there are no visits, so that everything below is NaN.
    first, last = visits.first, np.where(is_known, visits.last, visits.first)
    gaps = gaps_of(slices.events.occurred[history.merchants.places])
    total = WindowSums(history.sizes[history.merchants.places]).between(first, last)
    newest = np.where(is_known, history.days_since(visits.newest), np.nan)
    recent = np.where(is_known, visits.last - visits.since(history.starts["30d"]), 0)
    after_first = np.minimum(first + 1, last)
    gap = np.where(count > 1, twice_median(gaps, after_first, last) / (2 * DAY), np.nan)
    return {
        "merchant_visits_90d": count,
        "merchant_is_new": is_known & (count == 0),
        "merchant_last_days": newest,
        "merchant_amount_mean_90d": ratio(total / 100, count),
        "amount_to_merchant_mean": ratio(history.size * count, total),
        "merchant_share_30d": np.where(is_known, ratio(recent, history.count_30d), np.nan),
        "merchant_gap_days": gap,
        "merchant_due_days": newest - gap,
    }


def _habits(history: TransactionHistory) -> Features:
    slices, transactions = history.slices, history.transactions
    start, stop, count = slices.start, slices.stop, slices.count
    of_method = history.methods.of([transactions.method], start, stop)
    has_method, has_country = transactions.method != NO_CODE, transactions.country != NO_HASH
    near = history.near_hours(start, stop)
    share = or_nan(count)
    of_country = Occurrences(KeyOrder(slices.events["country"]), transactions.country, start, stop).count
    return {
        "method_share_90d": np.where(has_method, of_method / share, np.nan),
        "method_is_new": has_method & (of_method == 0),
        "hour_share_90d": near / share,
        "weekday_share_90d": history.same_weekdays(start, stop) / share,
        "night_share_30d": ratio(history.nights(history.starts["30d"], stop), history.count_30d),
        "country_is_new": has_country & (of_country == 0),
    }


def _standing(history: TransactionHistory) -> Features:
    slices, since = history.slices, history.starts["30d"]
    balances = slices.events["balance_after"]
    has_balance = balances != NO_INTEGER
    known = WindowSums(has_balance).between(since, slices.stop)
    least = -greatest(np.where(has_balance, -balances, NO_INTEGER), since, slices.stop)
    total = WindowSums(np.where(has_balance, balances, 0)).between(since, slices.stop)
    return {
        "balance_before": history.balance_before,
        "balance_min_30d": np.where(known > 0, least / 100, np.nan),
        "balance_mean_30d": ratio(total / 100, known),
        "income_last_days": history.days_since(last_where(history.was_income, slices.start, slices.stop)),
        "income_regularity_90d": history.income_regularity(),
        "net_flow_30d": history.flow_sum(since) / 100,
    }
