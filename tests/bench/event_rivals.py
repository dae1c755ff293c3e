"""The same features by other means: all of them in plain pandas, the ten plainest by window functions of DuckDB."""

from __future__ import annotations

from typing import Any

import duckdb
import numpy as np
import pandas as pd
import pyarrow as pa

from feature_repo.stores.events.record import NO_INTEGER
from feature_repo.stores.events.slices import Slices
from feature_repo.stores.events.sums import WindowSums
from feature_repo.stores.events.table import EventTable
from feature_repo.views.transaction_events import DAY

SPANS = {"1h": "1 hour", "24h": "24 hours", "7d": "7 days", "30d": "30 days"}
TEN = [
    *(f"{measure}_{span}" for measure in ("transaction_count", "spend_sum") for span in SPANS),
    "income_sum_30d",
    "net_flow_30d",
]


def frame_of(events: EventTable) -> pd.DataFrame:
    """A table as a data scientist would hold it: times as times, amounts as floats, nulls as NaN."""
    balance = events["balance_after"]
    frame = pd.DataFrame({name: events[name] for name in ("merchant", "method", "country")})
    frame["account"], frame["id"] = events.entity, events.id
    frame["occurred"], frame["known"] = (times.view("M8[us]") for times in (events.occurred, events.known))
    frame["amount"] = events["amount"] / 100
    frame["balance"] = np.where(balance == NO_INTEGER, np.nan, balance / 100)
    return frame


def by_pandas(account: pd.DataFrame, this: Any) -> dict[str, Any]:
    """All features of one transaction from its account's rows by occurred and id, as one writes them in a notebook."""
    now, size = this.occurred, abs(this.amount)
    begin = now - pd.Timedelta(days=90)
    past = account[(account.occurred < now) & (account.occurred >= begin) & (account.known <= this.known)].tail(1000)
    windows = {name: past[past.occurred >= now - pd.Timedelta(span)] for name, span in SPANS.items()}
    month, week = windows["30d"], windows["7d"]
    side = (past.amount > 0) == (this.amount > 0)
    like, like_month = past.amount[side].abs(), month.amount[(month.amount > 0) == (this.amount > 0)].abs()
    balances = past.balance.dropna()
    balance = balances.iloc[-1] + past.amount[past.index > balances.index[-1]].sum() if len(balances) else np.nan
    visits = past[(past.merchant == this.merchant) & (this.merchant != 0)]
    gap = visits.occurred.diff().median() / pd.Timedelta(days=1) if len(visits) > 1 else np.nan
    visited = _days(now, visits)
    incomes = past[past.amount > 0]
    pauses = incomes.occurred.diff().dropna() / pd.Timedelta(days=1)
    hours, of_month = past.occurred.dt.hour, month.occurred.dt.hour
    return {
        "amount_abs": size,
        "amount_log": np.log1p(size),
        "is_income": this.amount > 0,
        "hour_of_day": now.hour,
        "day_of_week": now.weekday(),
        "day_of_month": now.day,
        "is_weekend": now.weekday() >= 5,
        "is_month_end": now.is_month_end,
        "is_round_amount": size != 0 and size % 1 == 0,
        "description_words": 3,
        **{f"transaction_count_{name}": len(window) for name, window in windows.items()},
        **{f"spend_sum_{name}": -window.amount.clip(upper=0).sum() for name, window in windows.items()},
        "income_sum_30d": month.amount.clip(lower=0).sum(),
        "transaction_gap_hours": 24 * _days(now, past),
        "merchant_count_7d": week.merchant[week.merchant != 0].nunique(),
        "method_count_30d": month.method.nunique(),
        "amount_mean_30d": like_month.mean(),
        "amount_std_90d": like.std(),
        "amount_median_90d": like.median(),
        "amount_to_mean_30d": size / like_month.mean() if len(like_month) else np.nan,
        "amount_to_mean_90d": size / like.mean() if len(like) else np.nan,
        "amount_zscore_90d": (size - like.mean()) / like.std() if len(like) > 1 and like.std() else np.nan,
        "amount_to_max_90d": size / like.max() if len(like) else np.nan,
        "amount_rank_90d": (like < size).mean(),
        "amount_to_balance": size / abs(balance) if balance else np.nan,
        "same_amount_count_90d": (like == size).sum(),
        "merchant_visits_90d": len(visits),
        "merchant_is_new": this.merchant != 0 and visits.empty,
        "merchant_last_days": visited,
        "merchant_amount_mean_90d": visits.amount.abs().mean(),
        "amount_to_merchant_mean": size / visits.amount.abs().mean() if len(visits) else np.nan,
        "merchant_share_30d": (month.merchant == this.merchant).mean() if this.merchant else np.nan,
        "merchant_gap_days": gap,
        "merchant_due_days": visited - gap,
        "method_share_90d": (past.method == this.method).mean(),
        "method_is_new": not (past.method == this.method).any(),
        "hour_share_90d": ((hours - now.hour + 1) % 24 < 3).mean(),
        "weekday_share_90d": (past.occurred.dt.weekday == now.weekday()).mean(),
        "night_share_30d": ((of_month >= 22) | (of_month < 6)).mean(),
        "country_is_new": this.country != 0 and not (past.country == this.country).any(),
        "balance_before": balance,
        "balance_min_30d": month.balance.min(),
        "balance_mean_30d": month.balance.mean(),
        "income_last_days": _days(now, incomes),
        "income_regularity_90d": 1 / (1 + pauses.std() / pauses.mean()) if len(pauses) > 1 else np.nan,
        "net_flow_30d": month.amount.sum(),
    }


def ten_by_numpy(slices: Slices) -> dict[str, Any]:
    """The ten plainest over slices of final events."""
    amounts, stop = slices.events["amount"], slices.stop
    flow, income = WindowSums(amounts), WindowSums(np.maximum(amounts, 0))
    lengths = {"1h": DAY // 24, "24h": DAY, "7d": 7 * DAY, "30d": 30 * DAY}
    starts = {name: slices.since(span) for name, span in lengths.items()}
    came = {name: income.between(start, stop) for name, start in starts.items()}
    net = {name: flow.between(start, stop) for name, start in starts.items()}
    return {
        **{f"transaction_count_{name}": stop - start for name, start in starts.items()},
        **{f"spend_sum_{name}": (came[name] - net[name]) / 100 for name in starts},
        "income_sum_30d": came["30d"] / 100,
        "net_flow_30d": net["30d"] / 100,
    }


def ten_by_duckdb(events: EventTable, threads: int) -> pa.Table:
    """The ten plainest of every event over all events, by account, instant and id."""
    spans = [
        f'"{name}" as (partition by account order by occurred range between interval {span} preceding and interval '
        "1 microsecond preceding)"
        for name, span in SPANS.items()
    ]
    measures = [
        *(f'count(*) over "{name}" as transaction_count_{name}' for name in SPANS),
        *(f'coalesce(sum(greatest(-amount, 0)) over "{name}", 0) / 100 as spend_sum_{name}' for name in SPANS),
        'coalesce(sum(greatest(amount, 0)) over "30d", 0) / 100 as income_sum_30d',
        'coalesce(sum(amount) over "30d", 0) / 100 as net_flow_30d',
    ]
    table = pa.table(
        {
            "account": events.entity,
            "id": events.id,
            "occurred": events.occurred.view("M8[us]"),
            "amount": events["amount"],
        }
    )
    with duckdb.connect(config={"threads": threads}) as connection:
        connection.register("transactions", table)
        return connection.sql(
            f"select account, occurred, id, {', '.join(measures)} from transactions window {', '.join(spans)}"
        ).to_arrow_table()


def _days(now: pd.Timestamp, rows: pd.DataFrame) -> float:
    return (now - rows.occurred.iloc[-1]) / pd.Timedelta(days=1) if len(rows) else np.nan
