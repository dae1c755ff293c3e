"""The features once more, the slow and obvious way: one entity, one instant, raw rows as dicts.

Written from the views' descriptions and not from the transforms, and sharing nothing with them. Every function takes
all rows of all tables and an instant, and looks only at what had happened and was known before that instant.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from datetime import UTC, date, datetime, time, timedelta
from itertools import pairwise
from statistics import fmean
from typing import Any

Row = dict[str, Any]
Rows = Mapping[str, list[Row]]
DAY = timedelta(days=1)
YEAR = timedelta(days=365.25)
TABLES = {
    "customers": (("customer_id",), "joined_at", "ingested_at"),
    "properties": (("property_id", "valid_from"), "valid_from", "ingested_at"),
    "deals": (("deal_id",), "occurred_at", "ingested_at"),
    "engagement": (("event_id",), "occurred_at", "ingested_at"),
    "region_market": (("region_id", "observed_on"), "observed_on", "published_at"),
    "macro": (("series", "observed_on"), "observed_on", "published_at"),
}


def instant_after(day: date) -> datetime:
    return datetime.combine(day, time(), UTC) + DAY


def visible(rows: Rows, table: str, instant: datetime) -> list[Row]:
    """Of each fact the version that was known last, if it has happened."""
    key, happened, known = TABLES[table]
    newest: dict[tuple[Any, ...], Row] = {}
    for row in sorted(rows[table], key=lambda row: row[known]):
        if row[known] < instant:
            newest[tuple(row[column] for column in key)] = row
    return [row for row in newest.values() if _moment(row[happened]) < instant]


def became_known(rows: Rows, table: str, day: date) -> list[Row]:
    """The rows that became known on a day, and the ones they replaced."""
    key, _, known = TABLES[table]
    found = []
    for row in rows[table]:
        if row[known].date() == day:
            before = [o for o in rows[table] if all(o[k] == row[k] for k in key) and o[known] < row[known]]
            found += [row, *sorted(before, key=lambda o: o[known])[-1:]]
    return found


def customers(rows: Rows, day: date) -> set[int]:
    return {row["customer_id"] for row in visible(rows, "customers", instant_after(day))}


def homes(rows: Rows, day: date) -> set[int]:
    """The homes that have a snapshot."""
    known = {row["property_id"] for row in visible(rows, "properties", instant_after(day))}
    news = [row for table in ("properties", "deals") for row in became_known(rows, table, day)]
    return known if day.day == 1 else known & {row["property_id"] for row in news}


def homes_themselves(rows: Rows, day: date) -> set[int]:
    """The homes that have a snapshot of what concerns no deal."""
    known = {row["property_id"] for row in visible(rows, "properties", instant_after(day))}
    news = {row["property_id"] for row in became_known(rows, "properties", day)}
    return known if day.day == 1 else known & news


def regions(rows: Rows, day: date) -> set[int]:
    """The regions that have a snapshot."""
    known = {row["region_id"] for row in visible(rows, "region_market", instant_after(day))}
    if day.day == 1 or became_known(rows, "macro", day):
        return known
    return known & {row["region_id"] for row in became_known(rows, "region_market", day)}


def behavioural(rows: Rows, customer_id: int, instant: datetime) -> Row:
    events = [row for row in visible(rows, "engagement", instant) if row["customer_id"] == customer_id]

    def within(days: int, channel: str, action: str) -> list[Row]:
        return [
            e for e in events
            if e["channel"] == channel and e["action"] == action and e["occurred_at"] >= instant - days * DAY
        ]  # fmt: skip

    def rate(action: str, channel: str, of: str) -> float | None:
        return _ratio(len(within(30, channel, action)), len(within(30, channel, of)))

    def trend(channel: str, action: str) -> float | None:
        return _ratio(len(within(30, channel, action)) / 30, len(within(90, channel, action)) / 90)

    def last(channel: str, action: str) -> float | None:
        times = [e["occurred_at"] for e in within(90, channel, action)]
        return (instant - max(times)) / DAY if times else None

    def values(channel: str, action: str) -> list[float]:
        return [e["value"] for e in within(30, channel, action) if e["value"] is not None]

    def objects(channel: str, action: str) -> set[int]:
        return {e["object_id"] for e in within(30, channel, action)} - {None}

    own = [e for e in events if (e["channel"], e["action"]) not in {("email", "deliver"), ("alert", "send")}]
    return {
        "doc_access_count_7d": len(within(7, "document", "open")),
        "doc_access_count_30d": len(within(30, "document", "open")),
        "doc_access_count_90d": len(within(90, "document", "open")),
        "doc_unique_count_30d": len(objects("document", "open")),
        "doc_dwell_minutes_30d": sum(values("document", "open")),
        "doc_last_access_days": last("document", "open"),
        "doc_access_trend": trend("document", "open"),
        "email_delivered_count_30d": len(within(30, "email", "deliver")),
        "email_open_rate_30d": rate("open", "email", "deliver"),
        "email_click_rate_30d": rate("click", "email", "deliver"),
        "email_reply_count_90d": len(within(90, "email", "reply")),
        "email_last_open_days": last("email", "open"),
        "email_open_trend": trend("email", "open"),
        "session_count_7d": len(within(7, "platform", "session")),
        "session_count_30d": len(within(30, "platform", "session")),
        "session_minutes_avg_30d": _mean(values("platform", "session")),
        "active_days_30d": len({e["occurred_at"].date() for e in own if e["occurred_at"] >= instant - 30 * DAY}),
        "session_last_days": last("platform", "session"),
        "session_trend": trend("platform", "session"),
        "alert_sent_count_30d": len(within(30, "alert", "send")),
        "alert_open_rate_30d": rate("open", "alert", "send"),
        "alert_response_hours_avg_30d": _mean(values("alert", "open")),
        "alert_dismiss_rate_30d": rate("dismiss", "alert", "send"),
        "search_count_30d": len(within(30, "search", "search")),
        "listing_view_count_30d": len(within(30, "search", "view_listing")),
        "saved_search_count_90d": len(within(90, "search", "save_search")),
        "search_region_count_30d": len(objects("search", "search")),
    }


def transactional(rows: Rows, customer_id: int, instant: datetime) -> Row:
    deals = _in_time(row for row in visible(rows, "deals", instant) if row["customer_id"] == customer_id)
    times, prices = [d["occurred_at"] for d in deals], [d["price"] for d in deals]
    agents = [d["agent_id"] for d in deals if d["agent_id"] is not None]
    first_with_latest_agent = next((d["occurred_at"] for d in deals if agents and d["agent_id"] == agents[-1]), None)
    holds = []
    for position, sale in enumerate(deals):
        if sale["kind"] == "SELL" and sale["property_id"] is not None:
            trades = [
                d for d in deals[:position] if d["property_id"] == sale["property_id"] and d["kind"] in ("BUY", "SELL")
            ]
            if trades and trades[-1]["kind"] == "BUY":
                holds.append((sale["occurred_at"] - trades[-1]["occurred_at"]) / YEAR)
    repeats = [agent for position, agent in enumerate(agents) if agent in agents[:position]]
    return {
        "deal_count_total": len(deals),
        "deal_buy_count_total": sum(d["kind"] == "BUY" for d in deals),
        "deal_sell_count_total": sum(d["kind"] == "SELL" for d in deals),
        "deal_value_sum_total": sum(prices),
        "deal_last_days": (instant - times[-1]) / DAY if deals else None,
        "deal_value_avg_total": _mean(prices),
        "deal_gap_days_avg": _mean([(b - a) / DAY for a, b in pairwise(times)]),
        "hold_years_avg": _mean(holds),
        "deal_refinance_count_5y": sum(
            d["kind"] == "REFINANCE" and d["occurred_at"] >= instant - 1826 * DAY for d in deals
        ),
        "deal_value_trend": _ratio(prices[-1], fmean(prices[:-1])) if len(deals) > 1 else None,
        "agent_count_total": len(set(agents)),
        "agent_repeat_share": _ratio(len(repeats), len(agents) - 1) if agents else None,
        "agent_tenure_days": (instant - first_with_latest_agent) / DAY if first_with_latest_agent else None,
    }


def property_(rows: Rows, property_id: int, instant: datetime) -> Row:
    versions = sorted(
        (row for row in visible(rows, "properties", instant) if row["property_id"] == property_id),
        key=lambda row: row["valid_from"],
    )
    home = versions[-1]
    deals = _in_time(row for row in visible(rows, "deals", instant) if row["property_id"] == property_id)
    market = _newest_month(rows, home["region_id"], instant) or {}
    sales = [d for d in deals if _is_sale(d)]
    estimate = _estimate(rows, property_id, instant)
    a_year_before = _estimate(rows, property_id, instant, years_before=1)
    loans = [d for d in deals if (d["loan_amount"] or 0) > 0]
    loan = (
        loans[-1]
        if loans and (not sales or loans[-1]["occurred_at"].date() >= sales[-1]["occurred_at"].date())
        else None
    )
    balance = 0.0 if deals else None
    if loan:
        balance = loan["loan_amount"] * max(0.0, 1 - (instant - loan["occurred_at"]) / (30 * YEAR))
    loan_to_value = _ratio(balance, estimate)
    same_owner = []
    for version in reversed(versions):
        if version["owner_id"] != home["owner_id"]:
            break
        same_owner.append(version)
    others = [_estimate(rows, other, instant) for other in _neighbours(rows, home, instant)]
    others = [value for value in others if value is not None]
    refinances = [d["occurred_at"] for d in deals if d["kind"] == "REFINANCE"]
    return {
        "bedrooms": home["bedrooms"],
        "bathrooms": home["bathrooms"],
        "living_area_sqft": home["living_area_sqft"],
        "lot_area_sqft": home["lot_area_sqft"],
        "age_years": _years_ago(home["year_built"], instant),
        "condition_grade": home["condition_grade"],
        "property_kind": home["kind"],
        "renovated_years_ago": _years_ago(home["year_renovated"], instant),
        "latitude": home["latitude"],
        "longitude": home["longitude"],
        "last_sale_price": sales[-1]["price"] if sales else None,
        "estimated_value": estimate,
        "price_per_sqft": _ratio(estimate, home["living_area_sqft"]),
        "loan_balance": balance,
        "loan_to_value": loan_to_value,
        "equity_share": None if loan_to_value is None else 1 - loan_to_value,
        "value_change_1y": _change(estimate, a_year_before),
        "value_to_region_median": _ratio(estimate, market.get("median_sale_price")),
        "region_price_rank": (
            None if estimate is None else _ratio(sum(other < estimate for other in others), len(others))
        ),
        "region_days_on_market": market.get("days_on_market"),
        "region_inventory_months": market.get("inventory_months"),
        "region_sale_to_list_ratio": market.get("sale_to_list_ratio"),
        "tenure_years": None if home["owner_id"] is None else (instant - same_owner[-1]["valid_from"]) / YEAR,
        "refinance_last_years": (instant - refinances[-1]) / YEAR if refinances else None,
        "mortgage_age_years": (instant - loan["occurred_at"]) / YEAR if loan else None,
    }


def location(rows: Rows, property_id: int, instant: datetime) -> Row:
    known = [row for row in visible(rows, "properties", instant) if row["property_id"] == property_id]
    return {"region_id": max(known, key=lambda row: row["valid_from"])["region_id"]}


def market(rows: Rows, region_id: int, instant: datetime) -> Row:
    months = {m["observed_on"]: m for m in visible(rows, "region_market", instant) if m["region_id"] == region_id}
    newest = months[max(months)]
    year_before = months.get(_months_later(newest["observed_on"], -12), {})
    macro = sorted(visible(rows, "macro", instant), key=lambda row: row["observed_on"])
    mortgage = [m for m in macro if m["series"] == "mortgage_rate_30y"]
    old_mortgage = [m for m in mortgage if _moment(m["observed_on"]) <= instant - 90 * DAY]
    unemployment = [m["value"] for m in macro if m["series"] == "unemployment_rate"]
    return {
        "median_sale_price": newest["median_sale_price"],
        "median_price_change_1y": _change(newest["median_sale_price"], year_before.get("median_sale_price")),
        "days_on_market": newest["days_on_market"],
        "inventory_months": newest["inventory_months"],
        "sale_to_list_ratio": newest["sale_to_list_ratio"],
        "mortgage_rate_30y": mortgage[-1]["value"] if mortgage else None,
        "mortgage_rate_change_90d": mortgage[-1]["value"] - old_mortgage[-1]["value"] if old_mortgage else None,
        "unemployment_rate": unemployment[-1] if unemployment else None,
        **_season(months, instant.date()),
    }


def _season(months: Mapping[date, Row], today: date) -> Row:
    this_month = today.replace(day=1)
    past = [months[m] for back in range(1, 37) if (m := _months_later(this_month, -back)) in months]
    by_calendar = {number: [row for row in past if row["observed_on"].month == number] for number in range(1, 13)}
    if not all(by_calendar.values()):
        names = ("sales_seasonal_index", "price_seasonal_index", "listings_seasonal_index")
        return dict.fromkeys([*names, "is_peak_season", "days_to_peak_season"])

    def index(column: str, number: int) -> float | None:
        here = [row[column] for row in by_calendar[number] if row[column] is not None]
        return _ratio(_mean(here), _mean([row[column] for row in past if row[column] is not None]))

    sales = {number: fmean(row["sales_count"] for row in by_calendar[number]) for number in by_calendar}
    peaks = sorted(sales, key=lambda number: (-sales[number], number))[:3]
    is_peak: bool | None = today.month in peaks
    starts = [_months_later(this_month, ahead) for ahead in range(1, 12)]
    to_peak: int | None = 0 if is_peak else min((start - today).days for start in starts if start.month in peaks)
    if index("sales_count", today.month) is None:
        is_peak = to_peak = None
    return {
        "sales_seasonal_index": index("sales_count", today.month),
        "price_seasonal_index": index("median_sale_price", today.month),
        "listings_seasonal_index": index("new_listings", today.month),
        "is_peak_season": is_peak,
        "days_to_peak_season": to_peak,
    }


def _estimate(rows: Rows, property_id: int, instant: datetime, *, years_before: int = 0) -> float | None:
    """The latest sale, moved with the market; of a year before: the latest sale then, moved to the month then."""
    home = max(
        (row for row in visible(rows, "properties", instant) if row["property_id"] == property_id),
        key=lambda row: row["valid_from"],
    )
    until = instant - years_before * 365 * DAY
    sales = [
        d for d in _in_time(visible(rows, "deals", instant))
        if d["property_id"] == property_id and _is_sale(d) and d["occurred_at"] <= until
    ]  # fmt: skip
    newest = _newest_month(rows, home["region_id"], instant)
    if not sales or not newest:
        return None
    medians = {
        m["observed_on"]: m["median_sale_price"]
        for m in visible(rows, "region_market", instant)
        if m["region_id"] == home["region_id"]
    }
    to_month = _months_later(newest["observed_on"], -12 * years_before)
    from_month = min(sales[-1]["occurred_at"].date().replace(day=1), to_month)
    moved = _ratio(medians.get(to_month), medians.get(from_month))
    return None if moved is None else sales[-1]["price"] * moved


def _neighbours(rows: Rows, home: Row, instant: datetime) -> set[int]:
    newest: dict[int, Row] = {}
    for row in sorted(visible(rows, "properties", instant), key=lambda row: row["valid_from"]):
        newest[row["property_id"]] = row
    return {key for key, row in newest.items() if row["region_id"] == home["region_id"]} - {home["property_id"]}


def _newest_month(rows: Rows, region_id: int, instant: datetime) -> Row | None:
    months = [row for row in visible(rows, "region_market", instant) if row["region_id"] == region_id]
    return max(months, key=lambda row: row["observed_on"], default=None)


def _is_sale(deal: Row) -> bool:
    return deal["kind"] in ("BUY", "SELL") and deal["price"] > 0


def _in_time(deals: Iterable[Row]) -> list[Row]:
    return sorted(deals, key=lambda deal: (deal["occurred_at"], deal["deal_id"]))


def _years_ago(year: int | None, instant: datetime) -> int | None:
    return None if year is None else max(0, instant.year - year)


def _change(now: float | None, before: float | None) -> float | None:
    ratio = _ratio(now, before)
    return None if ratio is None else ratio - 1


def _ratio(over: float | None, under: float | None) -> float | None:
    return None if over is None or not under else over / under


def _mean(values: list[float]) -> float | None:
    return fmean(values) if values else None


def _moment(happened: date) -> datetime:
    return happened if isinstance(happened, datetime) else datetime.combine(happened, time(), UTC)


def _months_later(day: date, months: int) -> date:
    number = day.year * 12 + day.month - 1 + months
    return date(number // 12, number % 12 + 1, 1)


# How each view is made: its key, who has a snapshot of a day, and the features at an instant.
VIEWS: Mapping[str, tuple[str, Callable[[Rows, date], set[int]], Callable[[Rows, int, datetime], Row]]] = {
    "behavioural": ("customer_id", customers, behavioural),
    "transactional": ("customer_id", customers, transactional),
    "property": ("property_id", homes, property_),
    "location": ("property_id", homes_themselves, location),
    "market": ("region_id", regions, market),
}


def snapshots(rows: Rows, view: str, first: date, last: date) -> dict[tuple[int, datetime], Row]:
    """Every snapshot of a view: its features by key and instant."""
    _, entities, features = VIEWS[view]
    days = [first + offset * DAY for offset in range((last - first).days + 1)]
    return {
        (entity, instant_after(day)): features(rows, entity, instant_after(day))
        for day in days
        for entity in entities(rows, day)
    }
