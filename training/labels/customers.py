"""Everybody who could be asked about: the customers known at each moment."""

from __future__ import annotations

import pyarrow as pa

from training.facts import Facts
from training.labels import Moments


def customers(facts: Facts, moments: Moments) -> pa.Table:
    """A row for each customer at each moment after joining (and being known to have joined).

    By the first version of a customer: one recorded anew, as after moving, was known all along.
    """
    return facts.select(
        f"""
        WITH known AS (
            SELECT customer_id, greatest(min(joined_at), min(ingested_at)) AS since
            FROM ({facts.first("customers", "customer_id")}) GROUP BY customer_id
        ),
        asked AS ({moments.query})
        SELECT customer_id, event_timestamp FROM known JOIN asked ON event_timestamp > since
        ORDER BY event_timestamp, customer_id
        """
    )
