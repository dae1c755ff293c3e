"""The features of one transaction in plain Python, event by event: slow, exact, and written apart from the NumPy code."""

from __future__ import annotations

import math
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from fractions import Fraction
from itertools import pairwise
from statistics import median

NAN = math.nan
HOUR = 3_600_000_000
DAY = 24 * HOUR


@dataclass(frozen=True)
class Row:
    """A raw row of a transaction; amounts in cents, times in microseconds, 0 for no merchant, method or country."""

    id: int
    account: int
    occurred: int
    known: int
    amount: int
    balance_after: int | None = None
    merchant: int = 0
    method: int = 1
    country: int = 0
    words: int = 0


def as_known(rows: list[Row], known: int) -> list[Row]:
    """Of each id the row that became known last by then; rows that came in the same instant in the order given."""
    latest: dict[int, Row] = {}
    for row in sorted(rows, key=lambda row: row.known):
        if row.known <= known:
            latest[row.id] = row
    return list(latest.values())


def history_of(rows: list[Row], this: Row, cap: int) -> tuple[list[Row], bool]:
    before = [
        row
        for row in as_known(rows, this.known)
        if row.account == this.account and this.occurred - 90 * DAY <= row.occurred < this.occurred
    ]
    before.sort(key=lambda row: (row.occurred, row.id))
    return before[-cap:], len(before) > cap


def over(numerator, denominator) -> float:
    return float(Fraction(numerator) / Fraction(denominator)) if denominator else NAN


def root(value: Fraction) -> float:
    """A square root that does not lose what is small beside what is large."""
    scale = 10**40
    return math.isqrt(value.numerator * scale**2 // value.denominator) / scale


def variance(values: list[int]) -> Fraction:
    mean = Fraction(sum(values), len(values))
    return sum((value - mean) ** 2 for value in values) / (len(values) - 1)


def features(rows: list[Row], this: Row, cap: int = 1_000) -> dict[str, object]:
    past, _ = history_of(rows, this, cap)
    when = datetime(1970, 1, 1, tzinfo=UTC) + timedelta(microseconds=this.occurred)

    def last(hours: int) -> list[Row]:
        return [row for row in past if row.occurred >= this.occurred - hours * HOUR]

    def clock(row: Row) -> datetime:
        return datetime(1970, 1, 1, tzinfo=UTC) + timedelta(microseconds=row.occurred)

    month, week, quarter_balances = last(720), last(168), [row for row in past if row.balance_after is not None]
    windows = {"1h": last(1), "24h": last(24), "7d": week, "30d": month}
    size = abs(this.amount)
    like = [abs(row.amount) for row in past if (row.amount > 0) == (this.amount > 0)]
    like_month = [abs(row.amount) for row in month if (row.amount > 0) == (this.amount > 0)]
    deviation = root(variance(like)) if len(like) > 1 else NAN

    balance = NAN
    if quarter_balances:
        newest = quarter_balances[-1]
        since = past[past.index(newest) + 1 :]
        balance = (newest.balance_after + sum(row.amount for row in since)) / 100
    recent_balances = [row.balance_after for row in month if row.balance_after is not None]

    visits = [row for row in past if this.merchant and row.merchant == this.merchant]
    gaps = [later.occurred - row.occurred for row, later in pairwise(visits)]
    merchant_last = (this.occurred - visits[-1].occurred) / DAY if visits else NAN
    merchant_gap = float(median(map(Fraction, gaps)) / DAY) if gaps else NAN

    incomes = [row for row in past if row.amount > 0]
    pauses = [later.occurred - row.occurred for row, later in pairwise(incomes)]
    regularity = NAN
    if len(pauses) >= 2 and sum(pauses):
        regularity = 1 / (1 + root(variance(pauses)) * len(pauses) / sum(pauses))

    near_hours = [row for row in past if (clock(row).hour - when.hour) % 24 in (23, 0, 1)]
    nights = [row for row in month if clock(row).hour in (22, 23, 0, 1, 2, 3, 4, 5)]
    tomorrow = when + timedelta(days=1)
    return {
        "amount_abs": size / 100,
        "amount_log": math.log1p(size / 100),
        "is_income": this.amount > 0,
        "hour_of_day": when.hour,
        "day_of_week": when.weekday(),
        "day_of_month": when.day,
        "is_weekend": when.weekday() in (5, 6),
        "is_month_end": tomorrow.day == 1,
        "is_round_amount": size != 0 and size % 100 == 0,
        "description_words": this.words,
        **{f"transaction_count_{name}": len(window) for name, window in windows.items()},
        **{
            f"spend_sum_{name}": sum(-row.amount for row in window if row.amount < 0) / 100
            for name, window in windows.items()
        },
        "income_sum_30d": sum(row.amount for row in month if row.amount > 0) / 100,
        "transaction_gap_hours": (this.occurred - past[-1].occurred) / HOUR if past else NAN,
        "merchant_count_7d": len({row.merchant for row in week} - {0}),
        "method_count_30d": len({row.method for row in month} - {0}),
        "amount_mean_30d": over(sum(like_month), 100 * len(like_month)),
        "amount_std_90d": deviation / 100,
        "amount_median_90d": float(median(map(Fraction, like)) / 100) if like else NAN,
        "amount_to_mean_30d": over(size * len(like_month), sum(like_month)),
        "amount_to_mean_90d": over(size * len(like), sum(like)),
        "amount_zscore_90d": float(size - Fraction(sum(like), len(like))) / deviation if deviation > 0 else NAN,
        "amount_to_max_90d": over(size, max(like, default=0)),
        "amount_rank_90d": over(sum(other < size for other in like), len(like)),
        "amount_to_balance": size / 100 / abs(balance) if balance else NAN,
        "same_amount_count_90d": like.count(size),
        "merchant_visits_90d": len(visits),
        "merchant_is_new": this.merchant != 0 and not visits,
        "merchant_last_days": merchant_last,
        "merchant_amount_mean_90d": over(sum(abs(row.amount) for row in visits), 100 * len(visits)),
        "amount_to_merchant_mean": over(size * len(visits), sum(abs(row.amount) for row in visits)),
        "merchant_share_30d": over(sum(row in month for row in visits), len(month)) if this.merchant else NAN,
        "merchant_gap_days": merchant_gap,
        "merchant_due_days": merchant_last - merchant_gap,
        "method_share_90d": over(sum(row.method == this.method for row in past), len(past)) if this.method else NAN,
        "method_is_new": this.method != 0 and all(row.method != this.method for row in past),
        "hour_share_90d": over(len(near_hours), len(past)),
        "weekday_share_90d": over(sum(clock(row).weekday() == when.weekday() for row in past), len(past)),
        "night_share_30d": over(len(nights), len(month)),
        "country_is_new": this.country != 0 and all(row.country != this.country for row in past),
        "balance_before": balance,
        "balance_min_30d": min(recent_balances) / 100 if recent_balances else NAN,
        "balance_mean_30d": over(sum(recent_balances), 100 * len(recent_balances)),
        "income_last_days": (this.occurred - incomes[-1].occurred) / DAY if incomes else NAN,
        "income_regularity_90d": regularity,
        "net_flow_30d": sum(row.amount for row in month) / 100,
    }
