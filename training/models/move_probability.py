"""Whether a customer sells a home within 180 days."""

from __future__ import annotations

from datetime import timedelta

import pyarrow as pa

from feature_repo.entities import CUSTOMER
from feature_repo.services import MOVE_PROBABILITY_V1
from training.baselines import BaseRate
from training.facts import Facts, moment
from training.labels import Label
from training.labels.customers import customers
from training.labels.regions import region_of
from training.labels.segments import ACTIVITY, REGION
from training.policy import WhenMissing
from training.specs import ModelSpec
from training.tasks import BINARY

HORIZON = timedelta(days=180)


def outcome(facts: Facts, rows: pa.Table) -> pa.Table:
    """1 if a SELL deal of the customer lies in (t, t + 180 d], else 0."""
    return facts.select(
        f"""
        WITH sales AS (
            SELECT customer_id, occurred_at FROM ({facts.newest("deals", "deal_id")}) WHERE kind = 'SELL'
        ),
        settled AS (
            SELECT *, event_timestamp + INTERVAL {HORIZON.days} DAY AS label_until FROM asked
            WHERE event_timestamp + INTERVAL {HORIZON.days} DAY <= {moment(facts.end("deals"))}
        ),
        pairs AS (SELECT DISTINCT customer_id, event_timestamp FROM settled),
        sellers AS (
            SELECT DISTINCT customer_id, event_timestamp FROM pairs JOIN sales USING (customer_id)
            WHERE occurred_at > event_timestamp AND occurred_at <= event_timestamp + INTERVAL {HORIZON.days} DAY
        )
        SELECT settled.*, (sellers.customer_id IS NOT NULL)::INT AS label
        FROM settled LEFT JOIN sellers USING (customer_id, event_timestamp)
        ORDER BY event_timestamp, customer_id
        """,
        asked=rows,
    )


LABEL = Label(
    definition="1 if a SELL deal of the customer occurred in (t, t + 180 days], else 0",
    horizon=HORIZON,
    table="deals",
    population=customers,
    outcome=outcome,
    context=region_of("customers", "customer_id"),
    also_reads=("customers",),
)

_WEEK_OLD = WhenMissing("last_known", up_to=timedelta(days=14))

SPEC = ModelSpec(
    name="move_probability",
    domain="homes",
    question="Will this customer sell a home within 180 days?",
    keys=(CUSTOMER,),
    service=MOVE_PROBABILITY_V1.name,
    label=LABEL,
    task=BINARY,
    baselines=(BaseRate(),),
    classes=("LOW", "MEDIUM", "HIGH"),
    segments=(REGION, ACTIVITY),
    when_missing={
        "behavioural": _WEEK_OLD,
        "transactional": _WEEK_OLD,
    },
)
