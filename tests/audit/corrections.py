"""Corrections that the synthetic world has not: customers recorded anew, channels corrected, deals moved.

Each is a further row with the same id and a later `ingested_at`, written beside the world's own rows before they are loaded.
"""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq

KEPT_DAYS, OF_DAYS = 7, 21


def thin(world: Path) -> None:
    """Keep a third of the messages, with all that came of them, and of the other events: those of every third week."""
    folder = world / "engagement"
    files = sorted(folder.glob("**/*.parquet"))
    table = pa.concat_tables([pq.read_table(file, partitioning=None) for file in files])
    rows = table.select(["channel", "object_id", "occurred_at"]).to_pandas()
    day = (rows["occurred_at"] - pd.Timestamp("2024-01-01", tz="UTC")).dt.days
    messages = rows["channel"].isin(["email", "alert"])
    began = day.groupby([rows["channel"], rows["object_id"]]).transform("min").where(messages, day)
    for file in files:
        file.unlink()
    pq.write_table(table.filter(pa.array((began % OF_DAYS < KEPT_DAYS) & (day - began < 7))), folder / "some.parquet")


def correct(world: Path, until: pd.Timestamp, seed: int = 5) -> None:
    """Write a file of corrections into the folder of each table; none becomes known after `until`."""
    rng = np.random.default_rng(seed)
    for table, key, change in (
        ("customers", "customer_id", _customers_recorded_anew),
        ("engagement", "event_id", _channels_corrected),
        ("deals", "deal_id", _deals_moved),
    ):
        files = sorted((world / table).glob("**/*.parquet"))
        rows = pa.concat_tables([pq.read_table(file, partitioning=None) for file in files])
        newest = rows.to_pandas().dropna(subset=[key]).sort_values("ingested_at").drop_duplicates(key, keep="last")
        further = change(newest[newest["ingested_at"] < until - pd.Timedelta(days=2)].copy(), rng, until)
        pq.write_table(
            pa.Table.from_pandas(further, schema=rows.schema, preserve_index=False), world / table / "zz.parquet"
        )


def _later(rows: pd.DataFrame, rng: np.random.Generator, until: pd.Timestamp) -> pd.DataFrame:
    """Known at any time between then and the end, but on another day."""
    share = rng.uniform(0, 1, len(rows))
    least = rows["ingested_at"] + pd.Timedelta(days=1)
    return rows.assign(ingested_at=(least + (until - least) * share).dt.floor("us"))


def _some(rows: pd.DataFrame, rng: np.random.Generator, share: float) -> pd.DataFrame:
    return rows[rng.random(len(rows)) < share].copy()


def _customers_recorded_anew(rows: pd.DataFrame, rng: np.random.Generator, until: pd.Timestamp) -> pd.DataFrame:
    """A third move house once more, some of them twice; for some it turns out that they joined later, or earlier."""
    moved = _later(_some(rows, rng, 0.35), rng, until)
    twice = _later(_some(moved[moved["ingested_at"] < until - pd.Timedelta(days=30)], rng, 0.5), rng, until)
    redated = _later(_some(rows, rng, 0.15), rng, until)
    redated["joined_at"] += pd.to_timedelta(rng.choice([-200, -20, 20, 200], len(redated)), unit="D")
    redated["joined_at"] = redated["joined_at"].clip(upper=redated["ingested_at"])
    found = pd.concat([moved, twice, redated])
    found["region_id"] = rng.permutation(found["region_id"])
    return found


def _channels_corrected(rows: pd.DataFrame, rng: np.random.Generator, until: pd.Timestamp) -> pd.DataFrame:
    """What was logged as an email was a document, an alert; and the other way round."""
    turns = {
        ("email", "deliver"): [("alert", "send"), ("document", "open"), ("platform", "session")],
        ("email", "open"): [("document", "open"), ("alert", "open")],
        ("alert", "send"): [("email", "deliver"), ("search", "search")],
        ("alert", "open"): [("alert", "dismiss"), ("email", "open")],
        ("document", "open"): [("email", "deliver"), ("alert", "send")],
    }
    found = []
    for (channel, action), instead in turns.items():
        some = _later(_some(rows[(rows["channel"] == channel) & (rows["action"] == action)], rng, 0.04), rng, until)
        chosen = rng.integers(0, len(instead), len(some))
        some["channel"] = [instead[place][0] for place in chosen]
        some["action"] = [instead[place][1] for place in chosen]
        found.append(some)
    return pd.concat(found)


def _deals_moved(rows: pd.DataFrame, rng: np.random.Generator, until: pd.Timestamp) -> pd.DataFrame:
    """To another home, another customer, a stranger, another day, another kind, another price."""
    rows = rows[rows["price"].ge(0) & (rows["occurred_at"] <= rows["ingested_at"])]
    named = rows[rows["customer_id"].notna()]
    home, customer, stranger, day, kind, price = (
        _later(_some(among, rng, share), rng, until)
        for among, share in ((rows, 0.05), (named, 0.08), (named, 0.04), (rows, 0.05), (named, 0.05), (rows, 0.05))
    )
    home["property_id"] = rng.permutation(home["property_id"])
    customer["customer_id"] = rng.permutation(customer["customer_id"])
    stranger["customer_id"] = -1.0  # no id: pandas dislikes to concatenate a column of nulls
    day["occurred_at"] -= pd.to_timedelta(rng.integers(1, 60, len(day)), unit="D")
    kind["kind"] = kind["kind"].map({"BUY": "SELL", "SELL": "REFINANCE"}).fillna("BUY")
    price["price"] *= 1.1
    found = pd.concat([home, customer, stranger, day, kind, price])
    return found.assign(customer_id=found["customer_id"].mask(found["customer_id"] < 0))
