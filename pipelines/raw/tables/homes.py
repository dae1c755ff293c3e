"""Homes: who deals in them, what is done with them, and their market."""

from __future__ import annotations

from collections.abc import Mapping

from pipelines.raw.contracts import Column, RawTable, id_column, ingested_column

DOMAIN = "homes"

CUSTOMERS = RawTable(
    name="customers",
    domain=DOMAIN,
    description="Who we know. A correction is a further row with the same id and a later `ingested_at`.",
    columns=(
        id_column("customer_id", "the customer"),
        id_column("region_id", "where the customer lives"),
        Column("joined_at", "timestamp", "when the customer joined"),
        Column("birth_year", "int32", "year of birth", "year", required=False, ge=1900, le=2100),
        Column("household_size", "int32", "people in the household", "people", required=False, ge=1, le=30),
        ingested_column(),
    ),
    key=("customer_id",),
    happened="joined_at",
    known="ingested_at",
)

PROPERTIES = RawTable(
    name="properties",
    domain=DOMAIN,
    description="Homes and land, slowly changing: a renovation or a new owner is a further row.",
    columns=(
        id_column("property_id", "the property"),
        id_column("region_id", "where it stands"),
        id_column("owner_id", "its owner, if that is a customer", required=False),
        Column("kind", "string", "what it is", allowed=("house", "condo", "townhouse", "land")),
        Column("bedrooms", "int32", "bedrooms", "rooms", required=False, ge=0, le=20),
        Column("bathrooms", "float64", "bathrooms; a half has no bath", "rooms", required=False, ge=0, le=20),
        Column("living_area_sqft", "float64", "living area", "sqft", required=False, ge=0, le=100_000),
        Column("lot_area_sqft", "float64", "area of the lot", "sqft", required=False, ge=0, le=100_000_000),
        Column("year_built", "int32", "year of construction", "year", required=False, ge=1600, le=2100),
        Column(
            "year_renovated", "int32", "year of the last renovation, empty if never", "year",
            required=False, ge=1600, le=2100,
        ),
        Column("condition_grade", "int32", "an assessor's scale", "grade", required=False, ge=1, le=13),
        Column("latitude", "float64", "north of the equator", "degrees", required=False, ge=-90, le=90),
        Column("longitude", "float64", "east of Greenwich", "degrees", required=False, ge=-180, le=180),
        Column("valid_from", "timestamp", "since when the home is so"),
        ingested_column(),
    ),
    key=("property_id", "valid_from"),
    happened="valid_from",
    known="ingested_at",
)  # fmt: skip

DEALS = RawTable(
    name="deals",
    domain=DOMAIN,
    description="What was bought, sold, refinanced or invested in. A deal among strangers has no `customer_id`.",
    columns=(
        id_column("deal_id", "the deal"),
        Column("kind", "string", "which kind", allowed=("BUY", "SELL", "REFINANCE", "INVESTMENT")),
        id_column("property_id", "the property dealt with, if the deal is about one", required=False),
        id_column("customer_id", "the customer who dealt, if it was one", required=False),
        id_column("agent_id", "the agent who brokered it, if there was one", required=False),
        Column("price", "float64", "price paid", "USD", ge=0, le=1e10),
        Column("loan_amount", "float64", "loan taken out, empty or 0 for none", "USD", required=False, ge=0, le=1e10),
        Column("loan_rate", "float64", "yearly interest of that loan", "percent", required=False, ge=0, le=100),
        Column("occurred_at", "timestamp", "when the deal closed"),
        ingested_column(),
    ),
    key=("deal_id",),
    happened="occurred_at",
    known="ingested_at",
)

ACTIONS: Mapping[str, tuple[str, ...]] = {
    "document": ("open",),
    "email": ("deliver", "open", "click", "reply"),
    "platform": ("session",),
    "alert": ("send", "open", "dismiss"),
    "search": ("search", "view_listing", "save_search"),
}

ENGAGEMENT = RawTable(
    name="engagement",
    domain=DOMAIN,
    description="What customers do, and what is sent to them.",
    columns=(
        id_column("event_id", "the event"),
        id_column("customer_id", "the customer"),
        Column("channel", "string", "where it happened", allowed=tuple(ACTIONS)),
        Column(
            "action", "string", "what happened",
            allowed=tuple(dict.fromkeys(action for actions in ACTIONS.values() for action in actions)),
        ),
        id_column("object_id", "document opened, region searched, listing viewed, message sent", required=False),
        Column(
            "value", "float64", "minutes of dwell (document) or session (platform), hours from send to open (alert)",
            required=False, ge=0, le=1e6,
        ),
        Column("occurred_at", "timestamp", "when it happened"),
        ingested_column(),
    ),
    key=("event_id",),
    happened="occurred_at",
    known="ingested_at",
    pairs={("channel", "action"): ACTIONS},
)  # fmt: skip

REGION_MARKET = RawTable(
    name="region_market",
    domain=DOMAIN,
    description="A region's housing market, month by month, as published; revisions are further rows.",
    columns=(
        id_column("region_id", "the region"),
        Column("observed_on", "date", "first day of the month that is described"),
        Column("median_sale_price", "float64", "median price of the month's sales", "USD", ge=0, le=1e10),
        Column("days_on_market", "float64", "median days until sold", "days", required=False, ge=0, le=5000),
        Column(
            "inventory_months", "float64", "homes for sale / monthly sales", "months", required=False, ge=0, le=1000
        ),
        Column("sale_to_list_ratio", "float64", "sale price / list price", "ratio", required=False, ge=0, le=10),
        Column("new_listings", "int32", "homes newly listed", "homes", required=False, ge=0),
        Column("sales_count", "int32", "homes sold", "homes", ge=0),
        Column("published_at", "timestamp", "when this figure was published"),
    ),
    key=("region_id", "observed_on"),
    happened="observed_on",
    known="published_at",
)

MACRO = RawTable(
    name="macro",
    domain=DOMAIN,
    description="The economy at large, as published; revisions are further rows.",
    columns=(
        Column("series", "string", "which series", allowed=("mortgage_rate_30y", "unemployment_rate", "cpi")),
        Column("observed_on", "date", "the day, or the first day of the period, that is described"),
        Column("value", "float64", "percent for rates, index points for cpi", ge=-100, le=1e6),
        Column("published_at", "timestamp", "when this figure was published"),
    ),
    key=("series", "observed_on"),
    happened="observed_on",
    known="published_at",
)
