"""Populations and labels of the four models, recomputed from the raw tables by pandas and nothing of the project.

What is read here is the raw tables' layout, `<home>/raw/<table>/known_on=<day>/part.parquet`, and the models' questions.
Where a question leaves room, this is the reading:

- A fact counts as its newest version known at the cut-off says; a fact that was moved to another customer or home is theirs.
- An entity is known from the first version of it on, by the time at which that became known; `joined_at` and `valid_from`
  are never later. Nothing that is recorded later removes it.
- The data end when the last fact of the label's table happened. A window that reaches beyond is left out.
- Windows are open at `t` and closed at their end.
- A sale is a BUY or a SELL with a price above 0, whoever dealt. Both may tell of one sale, at one instant; where their prices
  differ (a correction has reached but one of them), either will do.
- A message is an email delivered or an alert sent; it was opened by an `open` of its channel, customer and object_id. Of several
  messages to a customer at one instant there is one row, and any of them opened is enough.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from functools import cached_property
from pathlib import Path

import duckdb
import pandas as pd

DAY = pd.Timedelta(days=1)
MONTH = 365.25 / 12 * DAY
LONGEST = 731 * DAY
"""Two years, a leap day among them: moments are whole days, so that "within 24 months" holds to the day."""
MOMENT = "event_timestamp"
KINDS = ("BUY", "SELL", "REFINANCE", "INVESTMENT")


@dataclass(frozen=True)
class RawFacts:
    """The raw tables of a home, as known at the cut-off (all of them without one)."""

    home: Path
    known_at: datetime | None = None

    def versions(self, table: str) -> pd.DataFrame:
        """Every version of every row."""
        files = f"{self.home}/raw/{table}/known_on=[0-9]*/part.parquet"
        cut = f"WHERE ingested_at <= TIMESTAMPTZ '{self.known_at}'" if self.known_at else ""
        with duckdb.connect() as connection:
            connection.execute("SET TimeZone = 'UTC'")
            found = connection.sql(f"FROM read_parquet('{files}', hive_partitioning = false) {cut}").df()
        times = found.select_dtypes("datetimetz").columns
        return found.astype(dict.fromkeys(times, "datetime64[us, UTC]"))

    def known_since(self, table: str, key: str) -> pd.Series:
        """When the first version of each entity became known."""
        return self.versions(table).groupby(key)["ingested_at"].min()

    @cached_property
    def customers_since(self) -> pd.Series:
        return self.known_since("customers", "customer_id")

    @cached_property
    def homes_since(self) -> pd.Series:
        return self.known_since("properties", "property_id")

    @cached_property
    def deals(self) -> pd.DataFrame:
        """The newest version of each deal, in the order in which they closed."""
        return newest(self.versions("deals"), "deal_id").sort_values(["occurred_at", "deal_id"])

    @cached_property
    def events(self) -> pd.DataFrame:
        """The newest version of each event."""
        return newest(self.versions("engagement"), "event_id")

    @cached_property
    def sales(self) -> pd.DataFrame:
        """The sales of homes: property_id, sold_at, and the prices that are told, one an instant."""
        found = self.deals[self.deals["kind"].isin(["BUY", "SELL"]) & (self.deals["price"] > 0)]
        found = found.dropna(subset="property_id").astype({"property_id": "int64"})
        found = found.rename(columns={"occurred_at": "sold_at"}).groupby(["property_id", "sold_at"], as_index=False)
        return found.agg(low=("price", "min"), high=("price", "max")).sort_values("sold_at")


def utc(moment: str) -> pd.Timestamp:
    """The moment in UTC."""
    return pd.Timestamp(moment, tz="UTC")


def newest(versions: pd.DataFrame, key: str) -> pd.DataFrame:
    """Of each key the version that became known last."""
    return versions.sort_values("ingested_at", kind="stable").drop_duplicates(key, keep="last")


def customer_weeks(facts: RawFacts, start: str, window: pd.Timedelta) -> pd.DataFrame:
    """Each customer known by then, each week from `start` on as long as the window is over before the data's end."""
    weeks = pd.date_range(utc(start), facts.deals["occurred_at"].max() - window, freq="7D", unit="us")
    rows = pd.MultiIndex.from_product([weeks, facts.customers_since.index]).to_frame(False, [MOMENT, "customer_id"])
    return known(rows, "customer_id", facts.customers_since)


def known(rows: pd.DataFrame, key: str, since: pd.Series) -> pd.DataFrame:
    """The rows whose entity was known at their moment."""
    return rows[rows[key].map(since) <= rows[MOMENT]]


def move_probability(facts: RawFacts, start: str) -> pd.DataFrame:
    """Whether a SELL deal of the customer closed in (t, t + 180 d]."""
    rows = customer_weeks(facts, start, 180 * DAY)
    following = next_deal(rows, facts.deals[facts.deals["kind"] == "SELL"])
    return rows_of(following, label=(following["occurred_at"] - following[MOMENT] <= 180 * DAY).astype("int64"))


def transaction_type(facts: RawFacts, start: str) -> pd.DataFrame:
    """The kind of the first deal in (t, t + 365 d], as its place among KINDS; no row without a deal."""
    following = next_deal(customer_weeks(facts, start, 365 * DAY), facts.deals)
    following = following[following["occurred_at"] - following[MOMENT] <= 365 * DAY]
    return rows_of(following, label=following["kind"].map(KINDS.index))


def next_deal(rows: pd.DataFrame, deals: pd.DataFrame) -> pd.DataFrame:
    """Each row with the customer's first of these deals after its moment."""
    theirs = deals.dropna(subset="customer_id").astype({"customer_id": "int64"})
    return pd.merge_asof(
        rows.sort_values(MOMENT),
        theirs[["customer_id", "occurred_at", "kind"]],
        left_on=MOMENT,
        right_on="occurred_at",
        by="customer_id",
        direction="forward",
        allow_exact_matches=False,
    )


def rows_of(following: pd.DataFrame, label: pd.Series) -> pd.DataFrame:
    """Customer, moment, label."""
    return following[["customer_id", MOMENT]].assign(label=label)


def contact_timing(facts: RawFacts, start: str) -> pd.DataFrame:
    """Whether a message was opened within 24 hours, for each message to a customer known at the time."""
    events, last = facts.events, facts.events["occurred_at"].max()
    email, alert = events["channel"] == "email", events["channel"] == "alert"
    sent = events[(email & (events["action"] == "deliver")) | (alert & (events["action"] == "send"))]
    opened = events[(email | alert) & (events["action"] == "open")]
    message = ["customer_id", "channel", "object_id"]
    pairs = sent.merge(opened[[*message, "occurred_at"]], on=message, how="left", suffixes=("", "_opened"))
    delay = pairs["occurred_at_opened"] - pairs["occurred_at"]
    pairs["label"] = ((delay > pd.Timedelta(0)) & (delay <= DAY)).astype("int64")
    rows = pairs.rename(columns={"occurred_at": MOMENT}).groupby(["customer_id", MOMENT], as_index=False)["label"].max()
    rows = rows[(rows[MOMENT] >= utc(start)) & (rows[MOMENT] + DAY <= last)]
    return known(rows, "customer_id", facts.customers_since)


def next_sale(facts: RawFacts, rows: pd.DataFrame) -> pd.DataFrame:
    """The home's first sale after each row's moment, row by row: property_id, event_timestamp, sold_at, low, high."""
    order = rows[MOMENT].argsort(kind="stable")
    found = pd.merge_asof(
        rows[["property_id", MOMENT]].iloc[order].astype({MOMENT: "datetime64[us, UTC]"}),
        facts.sales,
        left_on=MOMENT,
        right_on="sold_at",
        by="property_id",
        direction="forward",
        allow_exact_matches=False,
    )
    return found.set_axis(rows.index[order]).loc[rows.index]


def promised_since(home: Path, views: tuple[str, ...], key: str) -> pd.Series:
    """When an entity's first snapshot of any of these views was promised online: before, the scorer answers 404."""
    with duckdb.connect() as connection:
        connection.execute("SET TimeZone = 'UTC'")
        union = " UNION ALL ".join(
            f"SELECT {key}, created_timestamp FROM read_parquet('{home}/features/{view}/*/part.parquet')"
            for view in views
        )
        found = connection.sql(f"SELECT {key}, min(created_timestamp) AS since FROM ({union}) GROUP BY ALL").df()
    return found.set_index(key)["since"].astype("datetime64[us, UTC]")
