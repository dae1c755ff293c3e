"""What each model reads: one service per version of a model, in the order of its inputs.

The scorer is given one id, of the model's own entity, and the moment asked about (`request_timestamp`). A service
may therefore read only views of that one entity, and the temporal view. The market view needs a region_id, which
neither a customer's nor a home's row brings; a home's own features already hold its region's figures. To train on
`market` nonetheless, ask for it by feature reference with a region_id in each entity row.

Models of months ahead take the season alone from the temporal view: the hour at which they happen to be asked must
not sway them. The time to reach a customer is asked of every hour of the week, and takes it all.
"""

from __future__ import annotations

from feast import FeatureService

from feature_repo.views import BEHAVIOURAL, PROPERTY, TEMPORAL, TRANSACTIONAL

_SEASON = TEMPORAL[[field.name for field in TEMPORAL.features if field.name.startswith("month_")]]

MOVE_PROBABILITY_V1 = FeatureService(
    name="move_probability_v1",
    features=[BEHAVIOURAL, TRANSACTIONAL, _SEASON],
    description="Will this customer sell a home within 180 days?",
    owner="data-science",
)

TRANSACTION_TYPE_V1 = FeatureService(
    name="transaction_type_v1",
    features=[BEHAVIOURAL, TRANSACTIONAL, _SEASON],
    description="Which kind of deal comes next?",
    owner="data-science",
)

CONTACT_TIMING_V1 = FeatureService(
    name="contact_timing_v1",
    features=[BEHAVIOURAL, TEMPORAL],
    description="When to reach this customer? One row per hour of the week, which is its request_timestamp.",
    owner="data-science",
)

PROPERTY_VALUE_V1 = FeatureService(
    name="property_value_v1",
    features=[PROPERTY, _SEASON],
    description="What is this home worth, now and in the months ahead?",
    owner="data-science",
)

SERVICES = (MOVE_PROBABILITY_V1, TRANSACTION_TYPE_V1, CONTACT_TIMING_V1, PROPERTY_VALUE_V1)
