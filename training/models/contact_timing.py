"""Whether a message sent at a moment is opened within a day."""

from __future__ import annotations

from datetime import timedelta

import pyarrow as pa

from feature_repo.entities import CUSTOMER
from feature_repo.services import CONTACT_TIMING_V1
from training.baselines import BaseRate, RateBy
from training.facts import Facts, moment
from training.labels import Label, Moments
from training.labels.regions import region_of
from training.labels.segments import ACTIVITY, REGION
from training.policy import WhenMissing
from training.specs import ModelSpec
from training.tasks import TIMING

HORIZON = timedelta(hours=24)

_SENT = "(channel = 'email' AND action = 'deliver') OR (channel = 'alert' AND action = 'send')"
_OPENED = "channel IN ('email', 'alert') AND action = 'open'"


def population(facts: Facts, moments: Moments) -> pa.Table:
    """Each email delivered and each alert sent, at its own moment; of several at one instant, one row."""
    return facts.select(
        f"""
        SELECT DISTINCT customer_id, occurred_at AS event_timestamp
        FROM ({facts.newest("engagement", "event_id")})
        WHERE ({_SENT}) AND occurred_at >= {moment(moments.start)} AND occurred_at < {moment(moments.end)}
        ORDER BY event_timestamp, customer_id
        """
    )


def outcome(facts: Facts, rows: pa.Table) -> pa.Table:
    """1 if a message of that very moment (same `object_id`) was opened within 24 hours, else 0.

    Messages without an `object_id` cannot be told from each other: they have no answer.
    """
    return facts.select(
        f"""
        WITH events AS ({facts.newest("engagement", "event_id")}),
        sent AS (
            SELECT customer_id, channel, object_id, occurred_at
            FROM events WHERE ({_SENT}) AND object_id IS NOT NULL
        ),
        opened AS (
            SELECT customer_id, channel, object_id, occurred_at
            FROM events WHERE {_OPENED}
        ),
        fates AS (
            SELECT
                sent.customer_id, sent.occurred_at AS event_timestamp,
                max((opened.object_id IS NOT NULL)::INT) AS label
            FROM (SELECT DISTINCT customer_id, event_timestamp FROM asked) AS asked
            JOIN sent ON sent.customer_id = asked.customer_id AND sent.occurred_at = asked.event_timestamp
            LEFT JOIN opened ON opened.customer_id = sent.customer_id AND opened.channel = sent.channel
                AND opened.object_id = sent.object_id AND opened.occurred_at >= sent.occurred_at
                AND opened.occurred_at <= sent.occurred_at + INTERVAL 24 HOUR
            WHERE sent.occurred_at + INTERVAL 24 HOUR <= {moment(facts.end("engagement"))}
            GROUP BY ALL
        )
        SELECT asked.*, event_timestamp + INTERVAL 24 HOUR AS label_until, label
        FROM asked JOIN fates USING (customer_id, event_timestamp)
        ORDER BY event_timestamp, customer_id
        """,
        asked=rows,
    )


LABEL = Label(
    definition="1 if an email or alert sent to the customer at t was opened within 24 hours, else 0",
    horizon=HORIZON,
    table="engagement",
    population=population,
    outcome=outcome,
    context=region_of("customers", "customer_id"),
    also_reads=("customers",),
)

SPEC = ModelSpec(
    name="contact_timing",
    domain="homes",
    question="When to reach this customer?",
    keys=(CUSTOMER,),
    service=CONTACT_TIMING_V1.name,
    label=LABEL,
    task=TIMING,
    baselines=(BaseRate(), RateBy("hour_of_day", "everybody's rate of that hour")),
    segments=(REGION, ACTIVITY),
    when_missing={"behavioural": WhenMissing("default")},
)
