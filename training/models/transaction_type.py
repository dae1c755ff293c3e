"""Which kind of deal comes next."""

from __future__ import annotations

from datetime import timedelta

import pyarrow as pa

from feature_repo.entities import CUSTOMER
from feature_repo.services import TRANSACTION_TYPE_V1
from training.baselines import ClassShares
from training.facts import Facts, moment
from training.labels import Label
from training.labels.customers import customers
from training.labels.regions import region_of
from training.labels.segments import ACTIVITY, REGION
from training.policy import WhenMissing
from training.specs import ModelSpec
from training.tasks import MULTICLASS

HORIZON = timedelta(days=365)
CLASSES = ("BUY", "SELL", "REFINANCE", "INVESTMENT")


def outcome(facts: Facts, rows: pa.Table) -> pa.Table:
    """The place in CLASSES of the first deal in (t, t + 365 d]; no answer for whoever makes none.

    Of deals at one instant the lowest deal_id comes first. The window is waited for in full even where a deal came
    early: rows settled early would be those of the busy, and the newest rows would be nobody else's.
    """
    kinds = " ".join(f"WHEN '{kind}' THEN {place}" for place, kind in enumerate(CLASSES))
    return facts.select(
        f"""
        WITH next_deals AS (
            SELECT asked.customer_id, event_timestamp, arg_min(kind, (occurred_at, deal_id)) AS kind
            FROM (SELECT DISTINCT customer_id, event_timestamp FROM asked) AS asked
            JOIN ({facts.newest("deals", "deal_id")}) AS deals USING (customer_id)
            WHERE occurred_at > event_timestamp AND occurred_at <= event_timestamp + INTERVAL {HORIZON.days} DAY
              AND event_timestamp + INTERVAL {HORIZON.days} DAY <= {moment(facts.end("deals"))}
            GROUP BY ALL
        )
        SELECT asked.*, event_timestamp + INTERVAL {HORIZON.days} DAY AS label_until, CASE kind {kinds} END AS label
        FROM asked JOIN next_deals USING (customer_id, event_timestamp)
        ORDER BY event_timestamp, customer_id
        """,
        asked=rows,
    )


LABEL = Label(
    definition="the kind of the customer's first deal in (t, t + 365 days]; rows without a deal are left out",
    horizon=HORIZON,
    table="deals",
    population=customers,
    outcome=outcome,
    context=region_of("customers", "customer_id"),
    also_reads=("customers",),
)

_WEEK_OLD = WhenMissing("last_known", up_to=timedelta(days=14))

SPEC = ModelSpec(
    name="transaction_type",
    domain="homes",
    question="Which kind of deal comes next?",
    keys=(CUSTOMER,),
    service=TRANSACTION_TYPE_V1.name,
    label=LABEL,
    task=MULTICLASS,
    baselines=(ClassShares(), ClassShares("region_id", "shares of the region and season")),
    classes=CLASSES,
    segments=(REGION, ACTIVITY),
    when_missing={
        "behavioural": _WEEK_OLD,
        "transactional": _WEEK_OLD,
    },
    enough_rows=200,
)
