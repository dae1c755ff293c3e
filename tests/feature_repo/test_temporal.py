from __future__ import annotations

import doctest
import math
from datetime import UTC, datetime

import numpy as np
import pandas as pd
import pytest
from feast.type_map import feast_value_type_to_pa
from hypothesis import given
from hypothesis import strategies as st

from feature_repo.views import TEMPORAL, temporal

moments = st.lists(st.datetimes(datetime(1900, 1, 1), datetime(2200, 1, 1)), min_size=1)  # noqa: DTZ001


def by_the_clock(moment: datetime) -> dict[str, object]:
    def on_circle(step: int, steps: int) -> tuple[float, float]:
        return math.sin(2 * math.pi * step / steps), math.cos(2 * math.pi * step / steps)

    hour, weekday, month = (
        on_circle(moment.hour, 24),
        on_circle(moment.weekday(), 7),
        on_circle(moment.month - 1, 12),
    )
    return {
        "hour_of_day": moment.hour, "day_of_week": moment.weekday(), "month_of_year": moment.month,
        "is_weekend": moment.isoweekday() in (6, 7),
        "hour_sin": hour[0], "hour_cos": hour[1], "weekday_sin": weekday[0], "weekday_cos": weekday[1],
        "month_sin": month[0], "month_cos": month[1],
    }  # fmt: skip


@given(moments)
def test_columns_agree_with_the_calendar_row_by_row(moments: list[datetime]) -> None:
    expected = pd.DataFrame([by_the_clock(moment) for moment in moments])
    found = pd.DataFrame(temporal.temporal_of(np.array(moments, dtype="datetime64[us]")))
    pd.testing.assert_frame_equal(found, expected, rtol=0, atol=1e-12)


@given(moments)
def test_each_pair_lies_on_the_unit_circle(moments: list[datetime]) -> None:
    found = temporal.temporal_of(np.array(moments, dtype="datetime64[us]"))
    for what in ("hour", "weekday", "month"):
        np.testing.assert_allclose(found[f"{what}_sin"] ** 2 + found[f"{what}_cos"] ** 2, 1)


def test_names_and_types_are_as_declared() -> None:
    found = temporal.temporal_of(np.array(["2024-01-01"], dtype="datetime64[us]"))
    declared = {field.name: feast_value_type_to_pa(field.dtype.to_value_type()) for field in TEMPORAL.features}
    assert {name: str(column.dtype) for name, column in found.items()} == {
        name: str(dtype).replace("double", "float64") for name, dtype in declared.items()
    }
    assert list(found) == list(declared)


def test_a_zone_is_turned_into_utc_and_none_is_read_as_utc() -> None:
    moment = datetime(2024, 3, 2, 18, 30, tzinfo=UTC)
    in_paris = pd.Series([moment]).dt.tz_convert("Europe/Paris")
    without = pd.Series([moment]).dt.tz_localize(None)
    for column in (in_paris, without):
        found = temporal.temporal(pd.DataFrame({"request_timestamp": column}))
        assert found["hour_of_day"].tolist() == [18]


def test_a_missing_moment_is_refused() -> None:
    with pytest.raises(ValueError, match="request_timestamp, found a null"):
        temporal.temporal(pd.DataFrame({"request_timestamp": pd.to_datetime([None])}))


def test_the_example_holds() -> None:
    assert doctest.testmod(temporal).failed == 0
