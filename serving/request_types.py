"""The types of requests that each model takes, and that a batch takes, from the models' specifications."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cache
from typing import Annotated, Any, Literal, Union

from pydantic import BaseModel, ConfigDict, Field, TypeAdapter, create_model

from feature_repo.entities import is_text
from serving.answers import shape_of
from serving.schemas import NumberKey, PredictionRequest, TextKey
from training.models import MODELS
from training.specs import ModelSpec

MOST_AT_ONCE = 1000


def request_type(spec: ModelSpec) -> type[PredictionRequest]:
    """What a request to a model may hold: entity and moment, the inputs that it gives, what the task takes."""
    shape = shape_of(spec.task)
    fields: dict[str, Any] = {
        **_key_fields(spec),
        **{
            each.name: (
                float,
                Field(each.default, ge=each.ge, le=each.le, allow_inf_nan=False, description=each.description),
            )
            for each in spec.request
        },
        **shape.request_fields,
    }
    example = _key_example(spec) | {each.name: each.example for each in spec.request} | dict(shape.request_example)
    name = f"{_camel(spec)}Request"
    request: type[PredictionRequest] = create_model(name, __base__=PredictionRequest, __doc__=spec.question, **fields)
    config = {**PredictionRequest.model_config, "json_schema_extra": {"examples": [example]}}
    request.model_config = ConfigDict(**config)  # type: ignore[typeddict-item]
    request.model_rebuild(force=True)
    return request


def _key_fields(spec: ModelSpec) -> dict[str, Any]:
    kinds: list[Any] = [TextKey if is_text(entity) else NumberKey for entity in spec.keys]
    if len(spec.keys) == 1:
        return {"entity_id": (kinds[0], ...)}
    fields: dict[str, Any] = {name: (kind, ...) for name, kind in zip(spec.join_keys, kinds, strict=True)}
    keys: Any = create_model(f"{_camel(spec)}Keys", __config__=ConfigDict(extra="forbid"), **fields)
    return {"keys": (keys, ...)}


def _key_example(spec: ModelSpec) -> dict[str, Any]:
    if len(spec.keys) == 1:
        return {"entity_id": "1"}
    return {"keys": dict.fromkeys(spec.join_keys, "1")}


def _of_batch(spec: ModelSpec) -> type[PredictionRequest]:
    """The same in a batch, where each request names its model."""
    tag: Any = (Literal[spec.path], ...)
    request: type[PredictionRequest] = create_model(f"{_camel(spec)}InBatch", __base__=request_type(spec), model=tag)
    return request


def _camel(spec: ModelSpec) -> str:
    return "".join(part.capitalize() for part in spec.name.split("_"))


@dataclass(frozen=True)
class BatchSchema:
    """What a batch may hold, of the models that there are."""

    kind: type[BatchBody]
    requests: TypeAdapter[list[PredictionRequest]]
    """Those of a batch, however many."""
    paths: frozenset[str]


class BatchBody(BaseModel):
    """Up to a thousand requests, answered in order."""

    model_config = ConfigDict(extra="forbid")

    requests: list[Any]


@cache
def batch_schema() -> BatchSchema:
    """That of this process."""
    kinds = tuple(_of_batch(spec) for spec in MODELS)
    request = Annotated[Union[kinds], Field(discriminator="model")]  # type: ignore[valid-type]  # noqa: UP007
    example: Any = {"requests": [{"model": MODELS[0].path, **_key_example(MODELS[0])}]}
    several: Any = (list[request], Field(min_length=1, max_length=MOST_AT_ONCE))
    kind: type[BatchBody] = create_model("Batch", __base__=BatchBody, __doc__=BatchBody.__doc__, requests=several)
    kind.model_config = ConfigDict(**{**BatchBody.model_config, "json_schema_extra": {"examples": [example]}})
    kind.model_rebuild(force=True)
    return BatchSchema(kind, TypeAdapter(list[request]), frozenset(spec.path for spec in MODELS))


def name_of(request: PredictionRequest) -> str:
    """The model that a request of a batch is for."""
    path: str = request.model  # type: ignore[attr-defined]  # as `_of_batch` declares it
    return path.replace("-", "_")
