"""How a customer engages, as known each day."""

from __future__ import annotations

from collections.abc import Mapping

import ibis
import ibis.expr.types as ir
from ibis import deferred as event

from feature_repo.views.behavioural import VIEW
from pipelines.computation.days import MICROSECONDS_A_DAY, Days, microseconds_between, midnight
from pipelines.computation.declared import as_declared
from pipelines.computation.population import population_of
from pipelines.computation.raw_tables import RawTables
from pipelines.computation.sums import MILLION, millionths
from pipelines.computation.versions import versions
from pipelines.computation.windows import Count, Distinct, EventWindows, Last, Sum
from pipelines.raw.tables.homes import CUSTOMERS, ENGAGEMENT
from pipelines.view_pipeline import ViewPipeline

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
NOT_BY_THE_CUSTOMER = ("delivered", "sent")
ENGAGEMENTS = EventWindows(
    ENGAGEMENT,
    key="customer_id",
    classes={act: (event.channel == channel) & (event.action == action) for act, (channel, action) in ACTS.items()},
    measures=(
        Count("doc", (7, 30, 90), of=("doc",)),
        Sum("doc_minutes", (30,), "value", of=("doc",)),
        Count("delivered", (30,), of=("delivered",)),
        Count("email_open", (30, 90), of=("email_open",)),
        Count("click", (30,), of=("click",)),
        Count("reply", (90,), of=("reply",)),
        Count("session", (7, 30, 90), of=("session",)),
        Sum("session_minutes", (30,), "value", of=("session",)),
        Count("session_timed", (30,), of=("session",), value="value"),
        Count("sent", (30,), of=("sent",)),
        Count("alert_open", (30,), of=("alert_open",)),
        Sum("response_hours", (30,), "value", of=("alert_open",)),
        Count("response_timed", (30,), of=("alert_open",), value="value"),
        Count("dismiss", (30,), of=("dismiss",)),
        Count("search", (30,), of=("search",)),
        Count("listing", (30,), of=("listing",)),
        Count("save", (90,), of=("save",)),
        Last("last_doc", 90, of=("doc",)),
        Last("last_email_open", 90, of=("email_open",)),
        Last("last_session", 90, of=("session",)),
        Distinct("documents", 30, "object_id", of=("doc",)),
        Distinct("regions", 30, "object_id", of=("search",)),
        Distinct("active_days", 30, "happened_day", of=tuple(act for act in ACTS if act not in NOT_BY_THE_CUSTOMER)),
    ),
)


def snapshots(raw: RawTables, days: Days) -> ibis.Table:
    """A row for each customer and day from the day after joining."""
    members = versions(raw[CUSTOMERS], CUSTOMERS, days)
    events = raw[ENGAGEMENT].mutate(value=millionths(raw[ENGAGEMENT]["value"]))
    return as_declared(_features(ENGAGEMENTS.measured(events, members, days)), VIEW)


def _features(rows: ibis.Table) -> ibis.Table:
    instant = midnight(rows["day"] + 1)

    def ratio(over: ir.NumericValue, under: ir.NumericValue) -> ir.FloatingValue:
        return over / under.nullif(0)

    def trend(name: str) -> ir.FloatingValue:
        return ratio(3 * rows[f"{name}_30d"], rows[f"{name}_90d"])

    def days_since(name: str) -> ir.FloatingValue:
        return microseconds_between(rows[f"last_{name}_at"], instant) / MICROSECONDS_A_DAY

    delivered, sent = rows["delivered_30d"], rows["sent_30d"]
    return rows.select(
        *("customer_id", "day"),
        doc_access_count_7d=rows["doc_7d"],
        doc_access_count_30d=rows["doc_30d"],
        doc_access_count_90d=rows["doc_90d"],
        doc_unique_count_30d=rows["documents_30d"],
        doc_dwell_minutes_30d=rows["doc_minutes_30d"] / MILLION,
        doc_last_access_days=days_since("doc"),
        doc_access_trend=trend("doc"),
        email_delivered_count_30d=delivered,
        email_open_rate_30d=ratio(rows["email_open_30d"], delivered),
        email_click_rate_30d=ratio(rows["click_30d"], delivered),
        email_reply_count_90d=rows["reply_90d"],
        email_last_open_days=days_since("email_open"),
        email_open_trend=trend("email_open"),
        session_count_7d=rows["session_7d"],
        session_count_30d=rows["session_30d"],
        session_minutes_avg_30d=ratio(rows["session_minutes_30d"] / MILLION, rows["session_timed_30d"]),
        active_days_30d=rows["active_days_30d"],
        session_last_days=days_since("session"),
        session_trend=trend("session"),
        alert_sent_count_30d=sent,
        alert_open_rate_30d=ratio(rows["alert_open_30d"], sent),
        alert_response_hours_avg_30d=ratio(rows["response_hours_30d"] / MILLION, rows["response_timed_30d"]),
        alert_dismiss_rate_30d=ratio(rows["dismiss_30d"], sent),
        search_count_30d=rows["search_30d"],
        listing_view_count_30d=rows["listing_30d"],
        saved_search_count_90d=rows["save_90d"],
        search_region_count_30d=rows["regions_30d"],
    )


PIPELINE = ViewPipeline(VIEW, reads=(CUSTOMERS, ENGAGEMENT), transform=snapshots, population=population_of(CUSTOMERS))
