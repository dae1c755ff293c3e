from __future__ import annotations

from datetime import UTC, datetime

import pyarrow as pa

from pipelines.portrait import portrait_of


def test_each_feature_is_told_by_its_nulls_its_range_and_a_picture():
    table = pa.table(
        {
            "customer_id": [1, 2, 3, 4],
            "rate": [0.0, None, 0.5, 1.0],
            "kind": ["house", "house", "condo", None],
            "is_peak": [True, False, False, False],
            "nothing": pa.array([None] * 4, pa.float64()),
            "event_timestamp": [datetime(2024, 1, 2, tzinfo=UTC)] * 4,
        }
    )
    rows = {row.data["feature"]: row.data for row in portrait_of(table).records}
    assert list(rows) == ["customer_id", "rate", "kind", "is_peak", "nothing"]
    assert (rows["rate"]["nulls"], rows["rate"]["min"], rows["rate"]["mean"], rows["rate"]["max"]) == (
        0.25,
        "0",
        "0.5",
        "1",
    )
    assert len(rows["rate"]["distribution"]) == 12
    assert rows["kind"]["distribution"] == "house 67%, condo 33%"
    assert rows["is_peak"]["mean"] == "0.25"
    assert (rows["nothing"]["nulls"], rows["nothing"]["distribution"]) == (1.0, "")


def test_a_partition_without_rows_has_a_portrait_too():
    rows = portrait_of(pa.table({"rate": pa.array([], pa.float64())})).records
    assert rows[0].data["nulls"] == 0.0
