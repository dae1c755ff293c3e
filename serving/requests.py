"""The requests that each model takes, and that a batch takes, from the models' specifications."""

from __future__ import annotations

from typing import Annotated, Any, Literal, Union

from pydantic import BaseModel, ConfigDict, Field, TypeAdapter, create_model

from serving.answers import SHAPES
from serving.schemas import Ask
from training.models import MODELS
from training.specs import ModelSpec

MOST_AT_ONCE = 1000


def request_type(spec: ModelSpec) -> type[Ask]:
    """What a question to a model may say: entity and moment, what the model reads of a request, what its task takes."""
    shape = SHAPES[spec.task]
    fields: dict[str, Any] = {
        each.name: (
            float,
            Field(each.default, ge=each.ge, le=each.le, allow_inf_nan=False, description=each.description),
        )
        for each in spec.request
    } | dict(shape.request_fields)
    if not fields:
        return Ask
    example = {"entity_id": "2"} | {each.name: each.example for each in spec.request} | dict(shape.request_example)
    request: type[Ask] = create_model(f"{_camel(spec)}Request", __base__=Ask, __doc__=spec.question, **fields)
    request.model_config = ConfigDict(**{**Ask.model_config, "json_schema_extra": {"examples": [example]}})
    request.model_rebuild(force=True)
    return request


def _of_batch(spec: ModelSpec) -> type[Ask]:
    """The same in a batch, where each question names its model."""
    tag: Any = (Literal[spec.path], ...)
    request: type[Ask] = create_model(f"{_camel(spec)}InBatch", __base__=request_type(spec), model=tag)
    return request


def _camel(spec: ModelSpec) -> str:
    return "".join(part.capitalize() for part in spec.name.split("_"))


BATCH_TYPES = tuple(_of_batch(spec) for spec in MODELS)
PATHS = frozenset(spec.path for spec in MODELS)
_AnyOfThem = Annotated[Union[BATCH_TYPES], Field(discriminator="model")]  # type: ignore[valid-type]  # noqa: UP007


ITEMS: TypeAdapter[list[Ask]] = TypeAdapter(list[_AnyOfThem])
"""Questions of a batch, however many."""


def name_of(request: Ask) -> str:
    """The model that a question of a batch is for."""
    path: str = request.model  # type: ignore[attr-defined]  # made above
    return path.replace("-", "_")


class Batch(BaseModel):
    """Up to a thousand questions, answered in order."""

    model_config = ConfigDict(
        extra="forbid",
        json_schema_extra={"examples": [{"requests": [{"model": MODELS[0].path, "entity_id": "1"}]}]},
    )

    requests: list[_AnyOfThem] = Field(min_length=1, max_length=MOST_AT_ONCE)
