"""What an account holds, what comes and goes on it, and how regularly, as known at the end of each day."""

from __future__ import annotations

import re
from collections.abc import Mapping
from datetime import datetime, timedelta
from itertools import pairwise

import ibis
import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.compute as pc

from feature_repo.cadence import cadence_of
from feature_repo.stores.events.as_known import Columns
from feature_repo.stores.events.extremes import greatest, last_where
from feature_repo.stores.events.occurrences import KeyOrder
from feature_repo.stores.events.record import NO_INTEGER, HashField, Integers
from feature_repo.stores.events.slices import EventRequests, EventWindow, Slices
from feature_repo.stores.events.sums import Floats, WindowSums, ratio
from feature_repo.stores.events.table import EventTable
from feature_repo.stores.events.versions import versions_of
from feature_repo.views.account import VIEW
from feature_repo.views.transaction_events import DAY, MERCHANT, METHOD, cents, normal_merchant
from feature_repo.views.transaction_history import balance_of, days_since
from pipelines.computation.days import Days
from pipelines.computation.declared import declared_arrays, declared_schema
from pipelines.computation.event_history import EventSource, features_of_requests, midnight_of
from pipelines.computation.population import population_of
from pipelines.computation.raw_tables import RawTables
from pipelines.computation.recurring_items import monthly_sum, recurring_items
from pipelines.computation.versions import daily, versions
from pipelines.raw.tables.ledger import ACCOUNTS, TRANSACTION_LABELS, TRANSACTIONS
from pipelines.view_pipeline import ViewPipeline

WINDOW = EventWindow(span=366 * DAY, cap=2**40)
MONTH, MONTHS = 30 * DAY, 6


def item_of(text: str) -> str:
    """What the transactions of a series have in common: the words of a merchant or description, without numbers.

    >>> item_of("SEPA-DD Rent 2024/03, ref. 4711") == item_of("SEPA-DD Rent 2024/04, ref. 4799")
    True
    """
    return re.sub(r"\b\w*\d\w*\b", "", normal_merchant(text)).strip()


ITEM = HashField("item", 40, item_of)
CATEGORY = HashField("category", 40)


def _encode(rows: pa.Table) -> Mapping[str, Integers]:
    merchant = pc.if_else(pc.equal(pc.fill_null(rows["merchant"], ""), ""), None, rows["merchant"])
    return {
        "amount": cents(rows["amount"].to_numpy()),
        "balance_after": cents(rows["balance_after"].to_numpy(), "balance_after"),
        "merchant": MERCHANT.encode(rows["merchant"]),
        "method": METHOD.encode(rows["payment_method"]),
        "item": ITEM.encode(pc.coalesce(merchant, rows["description"])),
    }


SOURCE = EventSource(TRANSACTIONS, "account_id", "transaction_id", _encode)


def snapshots(raw: RawTables, days: Days) -> pa.Table:
    """A row for each account and day from the day on which it was opened."""
    accounts = _accounts(raw, days)
    if not len(accounts):
        return declared_schema(VIEW).empty_table()
    first = midnight_of(days.first) - timedelta(microseconds=WINDOW.span)
    until = midnight_of(days.last + timedelta(days=1))
    rows = SOURCE.rows(raw[TRANSACTIONS], first, until)
    events = SOURCE.events(rows)
    instant = (accounts["day"].to_numpy() + 1) * DAY
    requests = EventRequests(accounts["account_id"].to_numpy(), instant, instant - 1)
    age = (instant - accounts["opened_at"].cast(pa.int64()).to_numpy()) / DAY
    credit_limit = np.array(accounts["credit_limit"].to_numpy(), np.float64)

    def compute(slices: Slices, places: Integers) -> Columns:
        return _features(slices, age[places], credit_limit[places])

    columns = features_of_requests(versions_of(events), requests, WINDOW, compute)
    labelled = _labelled(events, _category_labels(raw, first, until))
    columns |= features_of_requests(versions_of(labelled), requests, WINDOW, _top_category)
    lag = cadence_of(VIEW).lag // timedelta(microseconds=1)
    keys = {"account_id": requests.entity, "event_timestamp": instant, "created_timestamp": instant + lag}
    return declared_arrays({**keys, **columns}, VIEW)


def _accounts(raw: RawTables, days: Days) -> pa.Table:
    """Each account on each day, as it was known."""
    known = versions(raw[ACCOUNTS], ACCOUNTS, days)
    spans = known.select(
        *("account_id", "credit_limit", "opened_at"),
        since=ibis.greatest(known["shown_from"], days.start),
        until=ibis.least(known["shown_until"], days.stop),
    ).filter(lambda t: t["since"] < t["until"])
    return daily(spans, days).to_pyarrow().sort_by([("account_id", "ascending"), ("day", "ascending")])


def _features(slices: Slices, age: Floats, credit_limit: Floats) -> Columns:
    amount, balances = slices.events["amount"], slices.events["balance_after"]
    start, stop, since_30d, since_90d = slices.start, slices.stop, slices.since(MONTH), slices.since(3 * MONTH)
    is_income, has_balance = amount > 0, balances != NO_INTEGER
    income, expense = (WindowSums(np.where(side, np.abs(amount), 0)) for side in (is_income, amount < 0))
    income_30d, expense_30d = income.between(since_30d, stop), expense.between(since_30d, stop)
    income_90d, expense_90d = income.between(since_90d, stop), expense.between(since_90d, stop)

    balance = balance_of(slices, WindowSums(amount))
    known = WindowSums(has_balance).between(since_30d, stop)
    least = -greatest(np.where(has_balance, -balances, NO_INTEGER), since_30d, stop)
    mean = ratio(WindowSums(np.where(has_balance, balances, 0)).between(since_30d, stop) / 100, known)
    overdrawn = np.where(has_balance & (balances < 0), slices.events.occurred // DAY + 1, 0)

    months = np.clip(np.floor(age / 30), 0, MONTHS).astype(np.int64)
    income_mean, _ = _by_month(slices, income, months)
    expense_mean, expense_variation = _by_month(slices, expense, months)
    items = recurring_items(slices.events)
    by_cash = WindowSums(np.where(slices.events["method"] == METHOD.code_of("cash"), np.minimum(amount, 0), 0))
    newest_income = last_where(is_income, start, stop)
    return {
        "balance": balance,
        "balance_min_30d": np.where(known > 0, least / 100, np.nan),
        "balance_mean_30d": mean,
        "overdraft_days_90d": KeyOrder(overdrawn).distinct(since_90d, stop),
        "credit_utilisation": ratio(np.maximum(-balance, 0), credit_limit),
        "account_age_days": age,
        "income_sum_30d": income_30d / 100,
        "expense_sum_30d": expense_30d / 100,
        "net_flow_30d": (income_30d - expense_30d) / 100,
        "income_month_mean_6m": income_mean,
        "expense_month_mean_6m": expense_mean,
        "expense_month_cv_6m": expense_variation,
        "savings_rate_90d": ratio(income_90d - expense_90d, income_90d),
        "recurring_income_month": monthly_sum(slices, items, items.amount > 0) / 100,
        "recurring_expense_month": monthly_sum(slices, items, items.amount < 0) / 100,
        "transaction_count_30d": stop - since_30d,
        "merchant_count_30d": KeyOrder(slices.events["merchant"]).distinct(since_30d, stop),
        "cash_share_30d": ratio(-by_cash.between(since_30d, stop), expense_30d),
        "income_last_days": days_since(slices, newest_income),
    }


def _by_month(slices: Slices, sums: WindowSums, months: Integers) -> tuple[Floats, Floats]:
    """The mean of the last months' sums, and their sample deviation by that; NaN for fewer than one, or two."""
    bounds = [slices.stop, *(slices.since(number * MONTH) for number in range(1, MONTHS + 1))]
    by_month = np.stack([sums.between(older, newer) for newer, older in pairwise(bounds)])
    counts = np.arange(MONTHS)[:, None] < months
    total = np.where(counts, by_month, 0).sum(axis=0)
    mean = ratio(total / 100, months)
    off = np.where(counts, by_month / 100 - np.nan_to_num(mean), 0.0)
    deviation = np.sqrt((off * off).sum(axis=0) / np.maximum(months - 1, 1))
    return mean, np.where(months < 2, np.nan, ratio(deviation, np.nan_to_num(mean)))


def _category_labels(raw: RawTables, first: datetime, until: datetime) -> pd.DataFrame:
    """Which category each transaction was said to be of, and when."""
    table = raw[TRANSACTION_LABELS]
    known = table[TRANSACTION_LABELS.known]
    rows = table.filter((table["kind"] == "category") & (known >= first) & (known < until)).to_pyarrow()
    return pd.DataFrame(
        {
            "id": rows["transaction_id"].to_numpy(),
            "known": rows[TRANSACTION_LABELS.known].cast(pa.int64()).to_numpy(),
            "category": CATEGORY.encode(rows["value"]),
        }
    )


def _labelled(events: EventTable, labels: pd.DataFrame) -> EventTable:
    """The transactions whose category is known; a version from each moment at which either became known otherwise."""
    frame = pd.DataFrame({"id": events.id, "known": events.known, "row": np.arange(len(events))})
    frame = frame[frame["id"].isin(labels["id"])].sort_values(["known", "row"])
    labels = labels.sort_values("known", kind="stable")
    moments = pd.concat([frame[["id", "known"]], labels[["id", "known"]]]).drop_duplicates().sort_values("known")
    joined = pd.merge_asof(pd.merge_asof(moments, frame, on="known", by="id"), labels, on="known", by="id").dropna()
    known_rows = events.take(joined["row"].to_numpy(np.int64))
    columns = {"amount": known_rows["amount"], "category": joined["category"].to_numpy(np.int64)}
    return EventTable(
        known_rows.entity, known_rows.id, known_rows.occurred, joined["known"].to_numpy(np.int64), columns
    )


def _top_category(slices: Slices, _: Integers) -> Columns:
    since, stop = slices.since(3 * MONTH), slices.stop
    expense, category = np.maximum(-slices.events["amount"], 0), slices.events["category"]
    top = np.zeros(len(slices), np.int64)
    for code in np.unique(category).tolist():
        top = np.maximum(top, WindowSums(np.where(category == code, expense, 0)).between(since, stop))
    return {"top_category_share_90d": ratio(top, WindowSums(expense).between(since, stop))}


PIPELINE = ViewPipeline(
    VIEW,
    reads=(ACCOUNTS, TRANSACTIONS, TRANSACTION_LABELS),
    transform=snapshots,
    population=population_of(ACCOUNTS),
)
