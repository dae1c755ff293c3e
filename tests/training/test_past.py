"""A policy for old values: what it makes of rows, a truth table."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pyarrow as pa
import pytest
from feast import Entity, FeatureView, Field, FileSource, ValueType
from feast.types import Float64

from training import past
from training.policy import WhenMissing

DAY = timedelta(days=1)
T = datetime(2025, 1, 10, tzinfo=UTC)
CUSTOMER = Entity(name="customer", join_keys=["customer_id"], value_type=ValueType.INT64)


def view(name: str) -> FeatureView:
    return FeatureView(
        name=name, entities=[CUSTOMER], ttl=7 * DAY, schema=[Field(name=f"{name}_value", dtype=Float64)],
        source=FileSource(path="nowhere", timestamp_field="event_timestamp"),
    )  # fmt: skip


def looked_up(*ages: int | None) -> pa.Table:
    """A row for each age, in days, of the values of `one`; those of `other` are a day old."""
    moments = pa.timestamp("us", "UTC")
    return pa.table(
        {
            "event_timestamp": pa.array([T] * len(ages), moments),
            "one_value": [None if age is None else 1.0 for age in ages],
            "one__event_timestamp": pa.array([None if age is None else T - age * DAY for age in ages], moments),
            "other_value": [2.0] * len(ages),
            "other__event_timestamp": pa.array([T - DAY] * len(ages), moments),
        }
    )


@pytest.mark.parametrize(
    ("rule", "age", "answered", "value"),
    [
        (WhenMissing("fail"), 7, True, 1.0),
        (WhenMissing("fail"), 8, False, 1.0),
        (WhenMissing("fail"), None, False, None),
        (WhenMissing("last_known", up_to=14 * DAY), 7, True, 1.0),
        (WhenMissing("last_known", up_to=14 * DAY), 14, True, 1.0),
        (WhenMissing("last_known", up_to=14 * DAY), 15, False, 1.0),
        (WhenMissing("last_known", up_to=14 * DAY), None, False, None),
        (WhenMissing("default"), 7, True, 1.0),
        (WhenMissing("default"), 8, True, None),
        (WhenMissing("default"), None, True, None),
    ],
)
def test_old_values_are_met_as_the_policy_says(rule, age, answered, value):
    features, rows = past.apply(looked_up(age), [view("one"), view("other")], {"one": rule})
    assert rows.tolist() == [answered]
    assert features["one_value"].to_pylist() == [value]
    assert features["other_value"].to_pylist() == [2.0]


def test_an_entity_that_no_view_knows_is_not_answered_for():
    _, rows = past.apply(looked_up(None, 8), [view("one")], {"one": WhenMissing("default")})
    assert rows.tolist() == [False, True]
