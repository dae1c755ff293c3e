"""What a home is sold for next, and in how many months."""

from __future__ import annotations

from datetime import datetime, timedelta

import pyarrow as pa

from feature_repo.entities import PROPERTY
from feature_repo.services import PROPERTY_VALUE_V2
from training.baselines import LastPrice, RegionsRate
from training.facts import Facts, moment
from training.labels import ExtraDefault, Label, Moments
from training.labels.regions import region_of
from training.labels.segments import REGION
from training.policy import WhenMissing
from training.specs import ModelSpec, RequestInput
from training.tasks import PRICE

MONTH = timedelta(days=365.25) / 12
HORIZON = 24 * MONTH
AHEAD = (0, 3, 6, 12, 18, 24)
"""How many months before a sale its home is asked about."""
FEWEST = 5
"""Fewer sales of a region in twelve months have no median to speak of."""

_with_region = region_of("properties", "property_id")


def _sales(facts: Facts) -> str:
    """The sales of homes: buyer's and seller's row of one deed are one sale. A loan's amount is no price."""
    return f"""
        SELECT property_id, occurred_at, max(price) AS price
        FROM ({facts.newest("deals", "deal_id")})
        WHERE kind IN ('BUY', 'SELL') AND property_id IS NOT NULL AND price > 0
        GROUP BY property_id, occurred_at
    """


def population(facts: Facts, moments: Moments) -> pa.Table:
    """Each home that was sold, at the last midnight before its sale and before some months earlier, within the span."""
    return facts.select(
        f"""
        WITH sales AS ({_sales(facts)}), ahead AS (SELECT unnest({list(AHEAD)}) AS months)
        SELECT DISTINCT property_id,
            date_trunc('day', occurred_at - months * INTERVAL {int(MONTH.total_seconds())} SECOND) AS event_timestamp
        FROM sales CROSS JOIN ahead
        WHERE event_timestamp >= {moment(moments.start)} AND event_timestamp < {moment(moments.end)}
        ORDER BY event_timestamp, property_id
        """
    )


def outcome(facts: Facts, rows: pa.Table) -> pa.Table:
    """The price of the home's first sale in (t, t + 24 months], and `months_ahead`, the time until then."""
    return facts.select(
        f"""
        WITH next_sales AS (
            SELECT asked.property_id, event_timestamp,
                min(occurred_at) AS label_until, arg_min(price, occurred_at) AS label
            FROM (SELECT DISTINCT property_id, event_timestamp FROM asked) AS asked
            JOIN ({_sales(facts)}) AS sales USING (property_id)
            WHERE occurred_at > event_timestamp
              AND occurred_at <= event_timestamp + INTERVAL {int((HORIZON + timedelta(days=1)).total_seconds())} SECOND
            GROUP BY ALL
        )
        SELECT asked.*, label_until, label,
            (epoch_us(label_until) - epoch_us(event_timestamp)) / {MONTH / timedelta(microseconds=1)} AS months_ahead
        FROM asked JOIN next_sales USING (property_id, event_timestamp)
        ORDER BY event_timestamp, property_id
        """,
        asked=rows,
    )


def settled(facts: Facts, since: datetime) -> pa.Table:
    """What each home was sold for since a moment, at its newest sale: what it is worth now."""
    return facts.select(
        f"""
        SELECT property_id, arg_max(price, occurred_at)::DOUBLE AS answer FROM ({_sales(facts)})
        WHERE occurred_at >= {moment(since)} GROUP BY property_id ORDER BY property_id
        """
    )


def months_until_settled(rows: pa.Table) -> dict[str, pa.Array]:
    """The months from a row's moment to the one at which its label was settled: that of the sale."""
    micros = [rows[name].cast(pa.int64()).to_numpy() for name in ("label_until", "event_timestamp")]
    return {"months_ahead": pa.array((micros[0] - micros[1]) / (MONTH / timedelta(microseconds=1)))}


def context(facts: Facts, rows: pa.Table) -> pa.Table:
    """The home's region, and what a square foot was sold for there: the median of twelve months.

    As known at the beginning of the row's month; null where fewer than FEWEST sales were known.
    """
    rows = _with_region(facts, rows)
    rates = facts.select(
        f"""
        WITH homes AS (
            SELECT property_id, region_id, living_area_sqft, ingested_at AS home_known_at
            FROM ({facts.first("properties", "property_id")}) WHERE living_area_sqft > 0
        ),
        sales AS (
            SELECT DISTINCT property_id, region_id, occurred_at, price / living_area_sqft AS rate,
                greatest(ingested_at, home_known_at) AS known_at, corrected_at
            FROM (
                SELECT *, lead(ingested_at) OVER (PARTITION BY deal_id ORDER BY ingested_at) AS corrected_at
                FROM ({facts.versions("deals")})
            ) JOIN homes USING (property_id)
            WHERE kind IN ('BUY', 'SELL') AND price > 0
        ),
        months AS (SELECT DISTINCT region_id, date_trunc('month', event_timestamp) AS month FROM asked)
        SELECT region_id, month, median(rate) AS rate
        FROM months JOIN sales USING (region_id)
        WHERE occurred_at > month - INTERVAL 365 DAY AND occurred_at <= month
          AND known_at <= month AND (corrected_at IS NULL OR corrected_at > month)
        GROUP BY ALL HAVING count(*) >= {FEWEST}
        """,
        asked=rows.select(["region_id", "event_timestamp"]),
    )
    by_region = facts.select(
        """
        SELECT rate FROM numbered LEFT JOIN rates
            ON numbered.region_id = rates.region_id AND date_trunc('month', numbered.event_timestamp) = rates.month
        ORDER BY place
        """,
        numbered=rows.select(["region_id", "event_timestamp"]).append_column("place", pa.array(range(len(rows)))),
        rates=rates,
    )
    return rows.append_column("region_price_per_sqft", by_region["rate"])


LABEL = Label(
    definition="the price of the home's first sale after t, within 24 months; homes not sold by then are left out",
    horizon=HORIZON,
    table="deals",
    population=population,
    outcome=outcome,
    extra=("months_ahead",),
    extra_default=ExtraDefault("months_ahead: the months from event_timestamp to label_until", months_until_settled),
    settled=settled,
    context=context,
    also_reads=("properties",),
)

_A_QUARTER_OLD = WhenMissing("last_known", up_to=timedelta(days=92))

SPEC = ModelSpec(
    name="property_value",
    domain="homes",
    question="What is this home worth, now and in the months ahead?",
    keys=(PROPERTY,),
    service=PROPERTY_VALUE_V2.name,
    label=LABEL,
    task=PRICE,
    baselines=(
        LastPrice("estimated_value", "living_area_sqft", ("latitude", "longitude")),
        RegionsRate("region_price_per_sqft", "living_area_sqft"),
    ),
    request=(RequestInput("months_ahead", "How far ahead.", ge=0, le=24, example=12),),
    estimate="estimated_value",
    area="living_area_sqft",
    season=("month_of_year", "month_sin", "month_cos"),
    segments=(REGION,),
    when_missing={
        "property": _A_QUARTER_OLD,
        "location": _A_QUARTER_OLD,
        "market": WhenMissing("default"),
    },
    enough_rows=200,
)
