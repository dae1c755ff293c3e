"""Whether a home that was sold is sold again within 24 months: a service and a model, as an extension of one file.

TIDEMARK_EXTENSIONS=docs/examples/resale.py tidemark train resale
"""

from __future__ import annotations

from datetime import timedelta

import pyarrow as pa
from feast import FeatureService

from feature_repo.entities import PROPERTY as HOME
from feature_repo.views import PROPERTY
from training.baselines import BaseRate
from training.facts import Facts, moment
from training.labels import Label, Moments
from training.policy import WhenMissing
from training.specs import ModelSpec
from training.tasks import BINARY

DOMAIN = "resale"
HORIZON = timedelta(days=730)

RESALE_V1 = FeatureService(
    name="resale_v1",
    features=[
        PROPERTY[
            [
                "living_area_sqft",
                "age_years",
                "condition_grade",
                "property_kind",
                "last_sale_price",
                "value_change_1y",
                "loan_to_value",
                "region_price_rank",
                "tenure_years",
                "mortgage_age_years",
            ]
        ]
    ],
    description="Will this home be sold again within 24 months?",
    owner="data-science",
    tags={"domain": DOMAIN},
)


def _sales(facts: Facts) -> str:
    return f"""
        SELECT property_id, occurred_at, ingested_at FROM ({facts.newest("deals", "deal_id")})
        WHERE kind IN ('BUY', 'SELL') AND property_id IS NOT NULL
    """


def population(facts: Facts, moments: Moments) -> pa.Table:
    """Each home of which a sale was known, at each moment."""
    return facts.select(
        f"""
        WITH known AS (
            SELECT property_id, min(greatest(occurred_at, ingested_at)) AS since
            FROM ({_sales(facts)}) GROUP BY property_id
        )
        SELECT property_id, event_timestamp FROM known JOIN ({moments.query}) ON event_timestamp > since
        ORDER BY event_timestamp, property_id
        """
    )


def outcome(facts: Facts, rows: pa.Table) -> pa.Table:
    """1 if the home is sold in (t, t + 24 months], else 0."""
    return facts.select(
        f"""
        WITH settled AS (
            SELECT *, event_timestamp + INTERVAL {HORIZON.days} DAY AS label_until FROM asked
            WHERE event_timestamp + INTERVAL {HORIZON.days} DAY <= {moment(facts.end("deals"))}
        ),
        sold AS (
            SELECT DISTINCT property_id, event_timestamp
            FROM settled JOIN ({_sales(facts)}) AS sales USING (property_id)
            WHERE occurred_at > event_timestamp AND occurred_at <= label_until
        )
        SELECT settled.*, (sold.property_id IS NOT NULL)::INT AS label
        FROM settled LEFT JOIN sold USING (property_id, event_timestamp)
        ORDER BY event_timestamp, property_id
        """,
        asked=rows,
    )


RESALE = ModelSpec(
    name="resale",
    domain=DOMAIN,
    question="Will this home be sold again within 24 months?",
    keys=(HOME,),
    service=RESALE_V1.name,
    label=Label(
        definition="1 if the home was sold in (t, t + 730 days], else 0",
        horizon=HORIZON,
        table="deals",
        population=population,
        outcome=outcome,
    ),
    task=BINARY,
    baselines=(BaseRate(),),
    classes=("LOW", "MEDIUM", "HIGH"),
    every=timedelta(days=30),
    when_missing={"property": WhenMissing("last_known", up_to=timedelta(days=92))},
)

SERVICES = (RESALE_V1,)
MODELS = (RESALE,)
