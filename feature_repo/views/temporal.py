"""The hour, the weekday and the month of the moment asked about, as numbers and as points on a circle."""

from __future__ import annotations

import inspect

import numpy as np
import numpy.typing as npt
import pandas as pd
from feast import OnDemandFeatureView
from feast.types import Bool, Float64, Int64

from feature_repo.cadence import Cadence
from feature_repo.fields import feature, on_demand
from feature_repo.sources import REQUEST

_DAYS_TO_1970 = 3  # from a Monday to 1970-01-01, a Thursday


def temporal_of(moments: npt.ArrayLike) -> dict[str, npt.NDArray[np.generic]]:
    """The temporal features of moments in UTC, a column each.

    >>> features = temporal_of(np.array(["2024-03-02T18:30"], dtype="datetime64[us]"))
    >>> [features[name].item() for name in ("hour_of_day", "day_of_week", "is_weekend", "hour_sin")]
    [18, 5, True, -1.0]
    """
    instants = np.asarray(moments, dtype="datetime64[us]")
    if np.isnat(instants).any():
        raise ValueError("expected a moment in each row of request_timestamp, found a null")
    days = instants.astype("datetime64[D]")
    hour = (instants - days).astype("timedelta64[h]").astype(np.int64)
    weekday = (days.astype(np.int64) + _DAYS_TO_1970) % 7
    month = instants.astype("datetime64[M]").astype(np.int64) % 12
    hour_angle, weekday_angle, month_angle = (
        2 * np.pi * hour / 24,
        2 * np.pi * weekday / 7,
        2 * np.pi * month / 12,
    )
    return {
        "hour_of_day": hour,
        "day_of_week": weekday,
        "month_of_year": month + 1,
        "is_weekend": weekday >= 5,
        "hour_sin": np.sin(hour_angle),
        "hour_cos": np.cos(hour_angle),
        "weekday_sin": np.sin(weekday_angle),
        "weekday_cos": np.cos(weekday_angle),
        "month_sin": np.sin(month_angle),
        "month_cos": np.cos(month_angle),
    }


def temporal(inputs: pd.DataFrame) -> pd.DataFrame:
    """What Feast calls. It runs the source text in the registry, away from this module: hence the imports."""
    import pandas as pd  # noqa: PLC0415

    from feature_repo.views.temporal import temporal_of  # noqa: PLC0415

    moments = pd.to_datetime(inputs["request_timestamp"], utc=True).dt.tz_localize(None)
    return pd.DataFrame(temporal_of(moments.to_numpy()), index=inputs.index)


_SCHEMA, _CONTRACTS = on_demand(
    [
        feature("hour_of_day", Int64, "the hour begun, midnight is 0", unit="hour", ge=0, le=23),
        feature("day_of_week", Int64, "the weekday, Monday is 0", unit="weekday", ge=0, le=6),
        feature("month_of_year", Int64, "the month, January is 1", unit="month", ge=1, le=12),
        feature("is_weekend", Bool, "whether it is a Saturday or a Sunday", unit="flag"),
        feature("hour_sin", Float64, "sin(2 pi hour_of_day / 24)", unit="circle", ge=-1, le=1),
        feature("hour_cos", Float64, "cos(2 pi hour_of_day / 24)", unit="circle", ge=-1, le=1),
        feature("weekday_sin", Float64, "sin(2 pi day_of_week / 7)", unit="circle", ge=-1, le=1),
        feature("weekday_cos", Float64, "cos(2 pi day_of_week / 7)", unit="circle", ge=-1, le=1),
        feature("month_sin", Float64, "sin(2 pi (month_of_year - 1) / 12)", unit="circle", ge=-1, le=1),
        feature("month_cos", Float64, "cos(2 pi (month_of_year - 1) / 12)", unit="circle", ge=-1, le=1),
    ]
)

VIEW = OnDemandFeatureView(
    name="temporal",
    sources=[REQUEST],
    udf=temporal,  # type: ignore[arg-type]  # Feast names the concrete type of functions
    udf_string=inspect.getsource(temporal),
    mode="pandas",
    description=(
        "The moment asked about, in UTC, from request_timestamp: the request's own when serving, the entity row's "
        "time in training. A time without a zone is read as UTC."
    ),
    owner="data-science",
    tags={**Cadence("request", lag_hours=0).tags, "group": "request", **_CONTRACTS},
    schema=_SCHEMA,
)
