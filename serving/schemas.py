"""Requests and answers over HTTP."""

from __future__ import annotations

from datetime import datetime
from typing import Annotated, Any, Literal

from pydantic import BaseModel, BeforeValidator, ConfigDict, Field
from pydantic_core import PydanticCustomError
from typing_extensions import TypedDict  # Pydantic wants this one before Python 3.12


def _number(value: object) -> object:
    if isinstance(value, str | bool):
        raise PydanticCustomError("int_type", "Input should be a valid integer")
    return value


def _written_out(value: object) -> object:
    # Pydantic also takes seconds since 1970, as a number or in digits.
    if isinstance(value, datetime) or (isinstance(value, str) and value[4:5] == "-" and "T" in value.upper()):
        return value
    raise PydanticCustomError("datetime_parsing", "Input should be a moment such as 2026-03-01T09:30:00Z")


NumberKey = Annotated[
    str, Field(pattern=r"^-?[0-9]{1,18}$", description="The id of the model's own entity, a whole number.")
]
TextKey = Annotated[
    str, Field(min_length=1, max_length=200, description="The id of the model's own entity, as its data has it.")
]


Moment = Annotated[datetime, Field(strict=False), BeforeValidator(_written_out)]
# JSON Schema's integers are numbers without a fraction, such as 3.0; neither "3" nor true is one.
Count = Annotated[int, Field(strict=False), BeforeValidator(_number)]


class PredictionRequest(BaseModel):
    """A request about one entity. How the entity is named depends on the model: see `serving.request_types`."""

    model_config = ConfigDict(extra="forbid", strict=True)

    as_of: Moment | None = Field(None, description="A moment in the past, answered from the offline store.")
    features: dict[str, float | int | bool | str | None] | None = Field(None, description="What if these were so.")
    explain: Count = Field(0, ge=0, le=50, description="How many features to give the contributions of.")


class FeaturesRequest(BaseModel):
    """The entity whose features are wanted, and as of when."""

    model_config = ConfigDict(extra="forbid", strict=True, json_schema_extra={"examples": [{"entity_id": "1"}]})

    entity_id: str | None = Field(None, description="The id of the model's entity, if it has one key.")
    keys: dict[str, str] | None = Field(None, description="The ids by join key, if it has several.")
    as_of: Moment | None = None


class AsOf(TypedDict):
    """How fresh a view's values are."""

    event_time: datetime | None
    age_seconds: float | None
    status: Literal["PRESENT", "NULL", "STALE", "NOT_FOUND"]


class Contribution(TypedDict):
    """What one feature adds to the raw score: log-odds, or the logarithm of a price."""

    name: str
    value: float | str | None
    contribution: float


class Slot(TypedDict):
    """An hour of the week, UTC, and the probability that a message sent then is opened within a day."""

    weekday: str
    hour: int
    probability: float


class Interval(TypedDict):
    """Where the price lies, with the probability of `level`."""

    low: float
    high: float
    level: float


class Prediction(TypedDict):
    """An answer. A plain dictionary, as the others here: it is made for each request, and made to be written."""

    prediction_id: str
    entity_id: Annotated[str, Field(description="As in the request; where the model has several keys, all of them.")]
    model: str
    model_version: str
    predicted_value: float
    predicted_class: str | None
    confidence: Annotated[float, Field(description="Of the answer: of the class, of yes or no, of the interval.")]
    probabilities: dict[str, float] | None
    interval: Interval | None
    slots: list[Slot] | None
    top_features: list[Contribution]
    features_as_of: dict[str, AsOf]
    degraded: list[str]
    predicted_at: datetime
    latency_ms: float


class Problem(BaseModel):
    """What went wrong, as RFC 9457 has it."""

    model_config = ConfigDict(extra="allow")

    type: str = "about:blank"
    title: str
    status: int
    detail: str


class Answers(BaseModel):
    """Predictions and problems, in the order of the requests."""

    results: list[Prediction | Problem]


class Vector(BaseModel):
    """Features as they are served."""

    service: str
    entity_id: str
    features: dict[str, Any]
    features_as_of: dict[str, AsOf]
