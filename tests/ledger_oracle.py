"""The features of accounts, row by row in plain Python: slow, and written from their descriptions alone."""

from __future__ import annotations

import re
import statistics
from collections import defaultdict
from collections.abc import Mapping, Sequence
from datetime import datetime, timedelta
from itertools import pairwise
from typing import Any

Row = Mapping[str, Any]
MONTH = timedelta(days=30)


def known_rows(rows: Sequence[Row], key: tuple[str, ...], known: str, instant: datetime) -> list[Row]:
    """Of each fact the version that was known before an instant."""
    versions: dict[tuple[Any, ...], Row] = {}
    for row in sorted((row for row in rows if row[known] < instant), key=lambda row: row[known]):
        versions[tuple(row[name] for name in key)] = row
    return list(versions.values())


def account_features(raw: Mapping[str, Sequence[Row]], account: Row, instant: datetime) -> dict[str, Any]:
    """The snapshot of an account at an instant."""
    since = instant - timedelta(days=366)
    history = sorted(
        (
            row
            for row in known_rows(raw["transactions"], ("transaction_id",), "ingested_at", instant)
            if row["account_id"] == account["account_id"] and since <= row["occurred_at"] < instant
        ),
        key=lambda row: (row["occurred_at"], row["transaction_id"]),
    )
    categories = {
        row["transaction_id"]: row["value"]
        for row in known_rows(raw["transaction_labels"], ("transaction_id", "kind"), "labelled_at", instant)
        if row["kind"] == "category"
    }

    def last(days: int) -> list[Row]:
        return [row for row in history if row["occurred_at"] >= instant - timedelta(days=days)]

    def money_in(rows: Sequence[Row]) -> float:
        return sum(row["amount"] for row in rows if row["amount"] > 0)

    def money_out(rows: Sequence[Row]) -> float:
        return -sum(row["amount"] for row in rows if row["amount"] < 0)

    balance = None
    for row in history:
        if row["balance_after"] is not None:
            balance = row["balance_after"]
        elif balance is not None:
            balance += row["amount"]
    balances = [row["balance_after"] for row in last(30) if row["balance_after"] is not None]
    overdrawn = {row["occurred_at"].date() for row in last(90) if (row["balance_after"] or 0) < 0}
    age = (instant - account["opened_at"]) / timedelta(days=1)
    months = [
        [row for row in history if instant - MONTH * (back + 1) <= row["occurred_at"] < instant - MONTH * back]
        for back in range(min(6, int(age // 30)))
    ]
    income, expense = [money_in(rows) for rows in months], [money_out(rows) for rows in months]
    by_category: dict[str, float] = defaultdict(float)
    for row in last(90):
        if row["amount"] < 0 and row["transaction_id"] in categories:
            by_category[categories[row["transaction_id"]]] -= row["amount"]
    incomes = [row["occurred_at"] for row in history if row["amount"] > 0]
    items = recurring(history, instant)
    return {
        "balance": balance,
        "balance_min_30d": min(balances, default=None),
        "balance_mean_30d": statistics.fmean(balances) if balances else None,
        "overdraft_days_90d": len(overdrawn),
        "credit_utilisation": (
            max(-balance, 0) / account["credit_limit"] if account["credit_limit"] and balance is not None else None
        ),
        "account_age_days": age,
        "income_sum_30d": money_in(last(30)),
        "expense_sum_30d": money_out(last(30)),
        "net_flow_30d": money_in(last(30)) - money_out(last(30)),
        "income_month_mean_6m": statistics.fmean(income) if income else None,
        "expense_month_mean_6m": statistics.fmean(expense) if expense else None,
        "expense_month_cv_6m": (
            statistics.stdev(expense) / statistics.fmean(expense) if len(expense) > 1 and sum(expense) else None
        ),
        "savings_rate_90d": (money_in(last(90)) - money_out(last(90))) / money_in(last(90))
        if money_in(last(90))
        else None,
        "recurring_income_month": sum(amount for amount in items if amount > 0),
        "recurring_expense_month": -sum(amount for amount in items if amount < 0),
        "transaction_count_30d": len(last(30)),
        "merchant_count_30d": len({normal(row["merchant"]) for row in last(30) if normal(row["merchant"] or "")}),
        "cash_share_30d": (
            money_out([row for row in last(30) if row["payment_method"] == "cash"]) / money_out(last(30))
            if money_out(last(30))
            else None
        ),
        "top_category_share_90d": (
            max(by_category.values()) / sum(by_category.values()) if sum(by_category.values()) else None
        ),
        "income_last_days": (instant - incomes[-1]) / timedelta(days=1) if incomes else None,
    }


def normal(text: str) -> str:
    """The words of a text."""
    return " ".join(re.findall(r"[^\W_]+", text.casefold()))


def recurring(history: Sequence[Row], instant: datetime) -> list[float]:
    """What each item that recurs at an instant comes to in 30 days."""
    series: dict[tuple[str, bool], list[Row]] = defaultdict(list)
    for row in history:
        words = [word for word in normal(row["merchant"] or row["description"]).split() if not re.search(r"\d", word)]
        if words and row["amount"]:
            series[" ".join(words), row["amount"] > 0].append(row)
    found = []
    for rows in series.values():
        newest = rows[-1]
        recent = [row for row in rows[-6:] if row["occurred_at"] >= newest["occurred_at"] - timedelta(days=200)]
        gaps = [(b["occurred_at"] - a["occurred_at"]) / timedelta(days=1) for a, b in pairwise(recent)]
        if len(recent) < 3:
            continue
        gap, amount = statistics.median(gaps), statistics.median([abs(row["amount"]) for row in recent])
        if (
            6 <= gap <= 35
            and all(abs(each - gap) <= max(gap / 5, 2) for each in gaps)
            and all(abs(abs(row["amount"]) - amount) <= amount / 4 for row in recent)
            and instant <= newest["occurred_at"] + timedelta(days=gap * 4 / 3)
        ):
            found.append(amount * 30 / gap * (1 if newest["amount"] > 0 else -1))
    return found
