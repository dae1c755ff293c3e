"""Which published days a changed declaration leaves behind."""

from __future__ import annotations

from datetime import date, timedelta

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from feast import Entity, FeatureView, Field, FileSource, ValueType
from feast.types import Float64, Int64

from pipelines.computation.days import Days
from pipelines.published import shown, spans, stale_days
from pipelines.snapshots import SnapshotStore

FIRST = date(2024, 1, 1)
VIEW = FeatureView(
    name="visits",
    entities=[Entity(name="shop", join_keys=["shop_id"], value_type=ValueType.INT64)],
    source=FileSource(path="visits", timestamp_field="event_timestamp"),
    schema=[Field(name="shop_id", dtype=Int64), Field(name="count", dtype=Int64), Field(name="mean", dtype=Float64)],
)
COLUMNS = {"shop_id": [1], "count": [2], "mean": [0.5], "event_timestamp": [0], "created_timestamp": [0]}


def publish(home, day, columns):
    file = SnapshotStore(home).published("visits", day)
    file.parent.mkdir(parents=True)
    pq.write_table(pa.table(columns), file)


def without(name):
    return {key: values for key, values in COLUMNS.items() if key != name}


@pytest.mark.parametrize(
    ("columns", "difference"),
    [
        (without("mean"), "without mean"),
        ({**COLUMNS, "old": [1]}, "with old"),
        ({**COLUMNS, "count": [2.0]}, "count is double, declared int64"),
        ({**without("mean"), "old": [1]}, "without mean; with old"),
    ],
)
def test_a_day_with_other_columns_is_stale_and_told_how(tmp_path, columns, difference):
    publish(tmp_path, FIRST, COLUMNS)
    publish(tmp_path, FIRST + timedelta(days=1), columns)
    (stale,) = stale_days(tmp_path, [VIEW])
    assert (stale.view, stale.days, stale.difference) == ("visits", (FIRST + timedelta(days=1),), difference)


def test_the_order_of_columns_does_not_matter(tmp_path):
    publish(tmp_path, FIRST, dict(reversed(COLUMNS.items())))
    assert stale_days(tmp_path, [VIEW]) == []


def test_days_are_joined_to_ranges():
    days = [FIRST + timedelta(days=number) for number in (4, 0, 1, 1, 7)]
    assert spans(days) == [
        Days(FIRST, FIRST + timedelta(days=1)),
        Days(FIRST + timedelta(days=4), FIRST + timedelta(days=4)),
        Days(FIRST + timedelta(days=7), FIRST + timedelta(days=7)),
    ]
    assert shown(days, most=2) == "2024-01-01 to 2024-01-02, 2024-01-05 and 1 more range"
