"""Good tables, built from the contracts: what a view's rows are where nothing has happened, and one lively row each."""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, date, datetime
from typing import Any

import numpy as np
import pyarrow as pa
import pytest
from feast import FeatureView

from expectations.rule import CREATED, EVENT
from feature_repo.cadence import cadence_of
from feature_repo.fields import contract_of, features_of
from feature_repo.views import View
from feature_repo.views.temporal import temporal_of

DAY = date(2024, 1, 5)
INSTANT = datetime(2024, 1, 6, tzinfo=UTC)
ARROW = {"Bool": pa.bool_(), "Float64": pa.float64(), "Int32": pa.int32(), "Int64": pa.int64(), "String": pa.string()}
TIME = pa.timestamp("us", "UTC")
LIVELY: dict[str, dict[str, Any]] = {
    "behavioural": {
        "doc_access_count_7d": 2, "doc_access_count_30d": 4, "doc_access_count_90d": 6, "doc_unique_count_30d": 3,
        "doc_dwell_minutes_30d": 12.5, "doc_last_access_days": 0.5, "doc_access_trend": 2.0,
        "email_delivered_count_30d": 3, "email_open_rate_30d": 4 / 3, "email_click_rate_30d": 0.0,
        "email_last_open_days": 11.0, "email_open_trend": 3.0,
        "session_count_7d": 0, "session_count_30d": 1, "session_last_days": 7.5, "session_trend": 1.5,
        "session_minutes_avg_30d": 8.0, "active_days_30d": 4,
        "alert_sent_count_30d": 7, "alert_open_rate_30d": 1 / 7, "alert_response_hours_avg_30d": 2.0,
        "alert_dismiss_rate_30d": 2 / 7, "search_count_30d": 2, "search_region_count_30d": 1,
    },
    "transactional": {
        "deal_count_total": 3, "deal_buy_count_total": 1, "deal_sell_count_total": 1, "deal_value_sum_total": 1e6,
        "deal_last_days": 10.0, "deal_value_avg_total": 1e6 / 3, "deal_gap_days_avg": 400.0, "hold_years_avg": 2.0,
        "deal_refinance_count_5y": 1, "deal_value_trend": 1.1, "agent_count_total": 1, "agent_repeat_share": 1.0,
        "agent_tenure_days": 810.0,
    },
    "property": {
        "living_area_sqft": 1500.0, "last_sale_price": 3e5, "estimated_value": 4e5, "price_per_sqft": 4e5 / 1500,
        "loan_balance": 1e5, "loan_to_value": 0.25, "equity_share": 0.75, "mortgage_age_years": 3.0,
        "region_price_rank": 0.5, "value_to_region_median": 1.2, "value_change_1y": 0.03,
    },
    "location": {"region_id": 7},
    "market": {
        "sales_seasonal_index": 1.3, "is_peak_season": True, "days_to_peak_season": 0,
        "mortgage_rate_30y": 6.5, "mortgage_rate_change_90d": -0.2,
    },
}  # fmt: skip


def _quiet(field: Any) -> Any:
    """What a feature is where nothing has happened: null if that is an answer, else the least that is allowed."""
    contract = contract_of(field)
    if contract.null_share:
        return None
    return contract.allowed[0] if contract.allowed else contract.ge


def good_rows(view: View, rows: int = 20) -> pa.Table:
    if not isinstance(view, FeatureView):
        return pa.table(temporal_of(np.datetime64("2024-01-05T00:00") + np.arange(rows) * np.timedelta64(5, "h")))
    (key,) = view.join_keys
    features = features_of(view)
    quiet = {field.name: _quiet(field) for field in features}
    kinds = [quiet, quiet | LIVELY[view.name]]
    created = INSTANT + cadence_of(view).lag
    return pa.table(
        {
            key: pa.array(range(rows), pa.int64()),
            **{
                field.name: pa.array([kinds[i % 2][field.name] for i in range(rows)], ARROW[str(field.dtype)])
                for field in features
            },
            EVENT: pa.array([INSTANT] * rows, TIME),
            CREATED: pa.array([created] * rows, TIME),
        }
    )


def with_column(table: pa.Table, column: str, values: Any) -> pa.Table:
    """The table with other values in a column: a list of them, or one for every row."""
    if not isinstance(values, list | pa.Array):
        values = [values] * table.num_rows
    kind = table.schema.field(column).type
    array = values if isinstance(values, pa.Array) else pa.array(values, kind)
    return table.set_column(table.column_names.index(column), column, array)


@pytest.fixture
def good() -> Callable[..., pa.Table]:
    return good_rows


@pytest.fixture
def replace() -> Callable[[pa.Table, str, Any], pa.Table]:
    return with_column
