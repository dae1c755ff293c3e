"""What a home is sold for next, and in how many months."""

from __future__ import annotations

from datetime import timedelta

import pyarrow as pa

from training.facts import Facts, moment
from training.labels import Label, Moments

MONTH = timedelta(days=365.25) / 12
HORIZON = 24 * MONTH
AHEAD = (0, 3, 6, 12, 18, 24)
"""How many months before a sale its home is asked about."""


def _sales(facts: Facts) -> str:
    """The sales of homes: buyer's and seller's row of one deed are one sale. A loan's amount is no price."""
    return f"""
        SELECT property_id, occurred_at, max(price) AS price
        FROM ({facts.newest("deals", "deal_id")})
        WHERE kind IN ('BUY', 'SELL') AND property_id IS NOT NULL AND price > 0
        GROUP BY property_id, occurred_at
    """


def population(facts: Facts, moments: Moments) -> pa.Table:
    """Each home that was sold, at the midnight before its sale and some months earlier, within the moments' span."""
    return facts.select(
        f"""
        WITH sales AS ({_sales(facts)}), ahead AS (SELECT unnest({list(AHEAD)}) AS months)
        SELECT DISTINCT property_id,
            date_trunc('day', occurred_at) - months * INTERVAL {int(MONTH.total_seconds())} SECOND AS asked_at,
            date_trunc('day', asked_at) AS event_timestamp
        FROM sales CROSS JOIN ahead
        WHERE event_timestamp >= {moment(moments.start)} AND event_timestamp < {moment(moments.end)}
        ORDER BY event_timestamp, property_id
        """
    ).drop_columns("asked_at")


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


LABEL = Label(
    definition="the price of the home's first sale after t, within 24 months; homes not sold by then are left out",
    horizon=HORIZON,
    table="deals",
    population=population,
    outcome=outcome,
    extra=("months_ahead",),
)
