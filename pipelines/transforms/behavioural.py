"""How a customer engages, as known each day.

Events are tiled by the day on which they happened, and a window counts all of the tiles that it spans. That is wrong
for an event that became known late, or was corrected, on the days when it was not known yet, or known otherwise. Such
events are few: what is too much or too little by them is summed apart, day by day.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Literal

import ibis
import ibis.expr.types as ir
from ibis.expr.builders import LegacyWindowBuilder

from feature_repo.views.behavioural import VIEW
from pipelines.raw.tables.homes import CUSTOMERS, ENGAGEMENT
from pipelines.transforms.coverage import changes
from pipelines.transforms.days import MICROSECONDS_A_DAY, Days, microseconds_between, midnight
from pipelines.transforms.declared import as_declared
from pipelines.transforms.members import members_by_day
from pipelines.transforms.raw_tables import RawTables
from pipelines.transforms.sums import MILLION, millionths
from pipelines.transforms.tiles import Steps
from pipelines.transforms.versions import FOREVER, attach, daily, seen, versions
from pipelines.view_pipeline import ViewPipeline

# The longest window; recencies look back as far, so that the cost of a day does not grow with the history.
LOOK_BACK = 90
Amount = Literal["events", "values", "events with a value"]
ACTS: Mapping[str, tuple[str, str]] = {
    "doc": ("document", "open"),
    "delivered": ("email", "deliver"),
    "email_open": ("email", "open"),
    "click": ("email", "click"),
    "reply": ("email", "reply"),
    "session": ("platform", "session"),
    "sent": ("alert", "send"),
    "alert_open": ("alert", "open"),
    "dismiss": ("alert", "dismiss"),
    "search": ("search", "search"),
    "listing": ("search", "view_listing"),
    "save": ("search", "save_search"),
}
CODES = {act: code for code, act in enumerate(ACTS)}
NO_ACT = -1
NOT_BY_THE_CUSTOMER = ("delivered", "sent")
# What is added up: of which act, what of it, and over which windows in days.
SUMS: Mapping[str, tuple[str, Amount, tuple[int, ...]]] = {
    "doc": ("doc", "events", (7, 30, 90)),
    "doc_minutes": ("doc", "values", (30,)),
    "delivered": ("delivered", "events", (30,)),
    "email_open": ("email_open", "events", (30, 90)),
    "click": ("click", "events", (30,)),
    "reply": ("reply", "events", (90,)),
    "session": ("session", "events", (7, 30, 90)),
    "session_minutes": ("session", "values", (30,)),
    "session_timed": ("session", "events with a value", (30,)),
    "sent": ("sent", "events", (30,)),
    "alert_open": ("alert_open", "events", (30,)),
    "response_hours": ("alert_open", "values", (30,)),
    "response_timed": ("alert_open", "events with a value", (30,)),
    "dismiss": ("dismiss", "events", (30,)),
    "search": ("search", "events", (30,)),
    "listing": ("listing", "events", (30,)),
    "save": ("save", "events", (90,)),
}
WINDOWS = [(column, window) for column, (_, _, windows) in SUMS.items() for window in windows]
LATEST = ("doc", "email_open", "session")
DISTINCT = ("documents", "regions", "active_days")
DISTINCT_WINDOW = 30
CELL = ["customer_id", "day"]


def snapshots(raw: RawTables, days: Days) -> ibis.Table:
    """A row for each customer and day from the day after joining."""
    members = versions(raw[CUSTOMERS], CUSTOMERS, days).select("customer_id", "shown_from", "shown_until")
    events = _events(raw, days)
    steps = Steps(days, (7, 30, LOOK_BACK))
    cells = members.select("customer_id").distinct().cross_join(steps.table())
    cells = attach(cells, _tiles(events, steps), CELL)
    cells = attach(cells, _distinct_changes(events, days), CELL)
    spanned = _spanned(cells, steps).filter(lambda t: t["day"] >= days.start)
    shown = seen(spanned.mutate(since="day"), members, "customer_id")
    return as_declared(_features(attach(shown, _exceptions(events, days), CELL)), VIEW)


def _events(raw: RawTables, days: Days) -> ibis.Table:
    """The events that some snapshot sees less than 90 days after, the kind of act as a number."""
    raw_events = raw[ENGAGEMENT]
    is_act = {
        name: (raw_events["channel"] == channel) & (raw_events["action"] == action)
        for name, (channel, action) in ACTS.items()
    }
    events = raw_events.mutate(
        act=ibis.cases(*((is_act[name], code) for name, code in CODES.items()), else_=NO_ACT),
        value=millionths(raw_events["value"]),
    ).drop("channel", "action")
    return versions(events, ENGAGEMENT, days, look_back=LOOK_BACK).filter(
        lambda t: t["happened_day"] > days.start - LOOK_BACK,
        lambda t: t["shown_from"] < t["happened_day"] + LOOK_BACK,
    )


def _tiles(events: ibis.Table, steps: Steps) -> ibis.Table:
    """Sums of the events that were never corrected, by the step in which they happened.

    The latest of them stand at the step in which they showed: seen from any day, the newest event that has shown is
    within the last 90 days, or none is.
    """
    lasting = events.filter(events["shown_until"] == FOREVER)
    is_late = lasting["shown_from"] > lasting["happened_day"]
    counted = lasting.select(
        *("customer_id", "act", "value", "occurred_at"),
        shown_act=ibis.ifelse(is_late, NO_ACT, lasting["act"]),
        day=steps.of(lasting["happened_day"]),
    )
    late = lasting.filter(is_late).select(
        *("customer_id", "occurred_at"),
        shown_act="act",
        day=steps.of(lasting["shown_from"]),
        act=ibis.literal(NO_ACT, "int8"),
        value=ibis.null("int64"),
    )
    rows = counted.union(late.select(*counted.columns))

    def total(act: str, amount: Amount) -> ir.NumericValue:
        where = rows["act"] == CODES[act]
        match amount:
            case "events":
                return rows.count(where=where)
            case "values":
                return rows["value"].sum(where=where)
            case "events with a value":
                return rows["value"].count(where=where)

    return rows.group_by(CELL).aggregate(
        # Floats add faster than integers, and just as exactly up to 2 ** 53.
        **{column: total(act, amount).cast("float64") for column, (act, amount, _) in SUMS.items()},
        **{f"{name}_at": rows["occurred_at"].max(where=rows["shown_act"] == CODES[name]) for name in LATEST},
    )


def _distinct_changes(events: ibis.Table, days: Days) -> ibis.Table:
    """By how much the number of distinct documents, regions and days changes on each day."""
    until = ibis.least(events["happened_day"] + DISTINCT_WINDOW, events["shown_until"])
    stretches = events.mutate(since="shown_from", until=until)
    own_acts = [code for name, code in CODES.items() if name not in NOT_BY_THE_CUSTOMER]

    def of(what: str, acts: list[int], thing: str) -> ibis.Table:
        return stretches.filter(stretches["act"].isin(acts), stretches[thing].notnull()).select(
            *("customer_id", "since", "until"), what=ibis.literal(what), object=thing
        )

    found = changes(
        ibis.union(
            of("documents", [CODES["doc"]], "object_id"),
            of("regions", [CODES["search"]], "object_id"),
            of("active_days", own_acts, "happened_day"),
        ),
        "customer_id",
        days,
    )
    return found.group_by(CELL).aggregate(
        **{what: found["change"].sum(where=found["what"] == what).cast("float64") for what in DISTINCT}
    )


def _spanned(cells: ibis.Table, steps: Steps) -> ibis.Table:
    """What the windows that end with each cell span, by the tiles."""

    def sliding(window: int) -> LegacyWindowBuilder:
        return ibis.window(group_by="customer_id", order_by="day", preceding=steps.within(window) - 1, following=0)

    running = ibis.window(group_by="customer_id", order_by="day", preceding=None, following=0)
    return cells.select(
        *CELL,
        **{f"{column}_{window}d": cells[column].sum().over(sliding(window)) for column, window in WINDOWS},
        **{f"{name}_at": cells[f"{name}_at"].max().over(sliding(LOOK_BACK)) for name in LATEST},
        **{what: cells[what].sum().over(running) for what in DISTINCT},
    )


def _exceptions(events: ibis.Table, days: Days) -> ibis.Table:
    """What the tiles count too much (events not known yet) or too little (events corrected later), day by day."""
    lasts = events["shown_until"] == FOREVER
    spanned_until = ibis.least(events["happened_day"] + LOOK_BACK, days.stop)
    wrong = events.mutate(
        weight=ibis.ifelse(lasts, -1, 1),
        since=ibis.greatest(ibis.ifelse(lasts, events["happened_day"], events["shown_from"]), days.start),
        until=ibis.least(ibis.ifelse(lasts, events["shown_from"], events["shown_until"]), spanned_until),
    ).filter(lambda t: t["since"] < t["until"])
    rows = daily(wrong, days)
    age = rows["day"] - rows["happened_day"]
    withdrawn = rows["weight"] > 0

    def total(act: str, amount: Amount, window: int) -> ir.NumericValue:
        amounts = {
            "events": rows["weight"],
            "values": rows["weight"] * rows["value"],
            "events with a value": rows["weight"] * rows["value"].notnull().cast("int64"),
        }
        return amounts[amount].sum(where=(rows["act"] == CODES[act]) & (age < window))

    return rows.group_by(CELL).aggregate(
        **{f"more_{column}_{window}d": total(*SUMS[column][:2], window) for column, window in WINDOWS},
        **{
            f"more_{name}_at": rows["occurred_at"].max(where=(rows["act"] == CODES[name]) & withdrawn)
            for name in LATEST
        },
    )


def _features(rows: ibis.Table) -> ibis.Table:
    instant = midnight(rows["day"] + 1)

    def total(column: str) -> ir.NumericValue:
        return rows[column].fill_null(0) + rows[f"more_{column}"].fill_null(0)

    def ratio(over: ir.NumericValue, under: ir.NumericValue) -> ir.FloatingValue:
        return over / under.nullif(0)

    def trend(name: str) -> ir.FloatingValue:
        return ratio(3 * total(f"{name}_30d"), total(f"{name}_90d"))

    def days_since(name: str) -> ir.FloatingValue:
        latest = ibis.greatest(rows[f"{name}_at"], rows[f"more_{name}_at"])
        elapsed = microseconds_between(latest, instant) / MICROSECONDS_A_DAY
        return ibis.ifelse(elapsed <= LOOK_BACK, elapsed, None)

    delivered, sent = total("delivered_30d"), total("sent_30d")
    return rows.select(
        *CELL,
        doc_access_count_7d=total("doc_7d"),
        doc_access_count_30d=total("doc_30d"),
        doc_access_count_90d=total("doc_90d"),
        doc_unique_count_30d=rows["documents"].fill_null(0),
        doc_dwell_minutes_30d=total("doc_minutes_30d") / MILLION,
        doc_last_access_days=days_since("doc"),
        doc_access_trend=trend("doc"),
        email_delivered_count_30d=delivered,
        email_open_rate_30d=ratio(total("email_open_30d"), delivered),
        email_click_rate_30d=ratio(total("click_30d"), delivered),
        email_reply_count_90d=total("reply_90d"),
        email_last_open_days=days_since("email_open"),
        email_open_trend=trend("email_open"),
        session_count_7d=total("session_7d"),
        session_count_30d=total("session_30d"),
        session_minutes_avg_30d=ratio(total("session_minutes_30d") / MILLION, total("session_timed_30d")),
        active_days_30d=rows["active_days"].fill_null(0),
        session_last_days=days_since("session"),
        session_trend=trend("session"),
        alert_sent_count_30d=sent,
        alert_open_rate_30d=ratio(total("alert_open_30d"), sent),
        alert_response_hours_avg_30d=ratio(total("response_hours_30d") / MILLION, total("response_timed_30d")),
        alert_dismiss_rate_30d=ratio(total("dismiss_30d"), sent),
        search_count_30d=total("search_30d"),
        listing_view_count_30d=total("listing_30d"),
        saved_search_count_90d=total("save_90d"),
        search_region_count_30d=rows["regions"].fill_null(0),
    )


PIPELINE = ViewPipeline(VIEW, reads=(CUSTOMERS, ENGAGEMENT), transform=snapshots, population=members_by_day)
