"""The requests that each model takes, and that a batch takes, from the models' specifications."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cache
from typing import Annotated, Any, Literal, Union

from pydantic import BaseModel, ConfigDict, Field, TypeAdapter, create_model

from feature_repo.entities import is_text
from serving.answers import shape_of
from serving.schemas import Ask, NumberKey, TextKey
from training.models import MODELS
from training.specs import ModelSpec

MOST_AT_ONCE = 1000


Keys = tuple[int | str, ...]


def request_type(spec: ModelSpec) -> type[Ask]:
    """What a question to a model may say: entity and moment, what the model reads of a request, what its task takes."""
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
    request: type[Ask] = create_model(f"{_camel(spec)}Request", __base__=Ask, __doc__=spec.question, **fields)
    request.model_config = ConfigDict(**{**Ask.model_config, "json_schema_extra": {"examples": [example]}})
    request.model_rebuild(force=True)
    return request


def keys_of(spec: ModelSpec, request: Ask) -> Keys:
    """The keys that a request gives, each of its entity's type, in the model's order."""
    named: Any = request
    if len(spec.keys) == 1:
        return (named.entity_id if is_text(spec.keys[0]) else int(named.entity_id),)
    given = [getattr(named.keys, name) for name in spec.join_keys]
    return tuple(key if is_text(entity) else int(key) for entity, key in zip(spec.keys, given, strict=True))


def entity_label(join_keys: Sequence[str], keys: Sequence[int | str]) -> str:
    """The entity of a request as answers name it: its id, or each of its ids by name."""
    if len(keys) == 1:
        return str(keys[0])
    return ",".join(f"{name}={key}" for name, key in zip(join_keys, keys, strict=True))


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


def _of_batch(spec: ModelSpec) -> type[Ask]:
    """The same in a batch, where each question names its model."""
    tag: Any = (Literal[spec.path], ...)
    request: type[Ask] = create_model(f"{_camel(spec)}InBatch", __base__=request_type(spec), model=tag)
    return request


def _camel(spec: ModelSpec) -> str:
    return "".join(part.capitalize() for part in spec.name.split("_"))


@dataclass(frozen=True)
class BatchSchema:
    """What a batch may say, of the models that there are."""

    kind: type[BatchBody]
    questions: TypeAdapter[list[Ask]]
    """Of a batch, however many."""
    paths: frozenset[str]


class BatchBody(BaseModel):
    """Up to a thousand questions, answered in order."""

    model_config = ConfigDict(extra="forbid")

    requests: list[Any]


@cache
def batch_schema() -> BatchSchema:
    """The one of this process."""
    kinds = tuple(_of_batch(spec) for spec in MODELS)
    question = Annotated[Union[kinds], Field(discriminator="model")]  # type: ignore[valid-type]  # noqa: UP007
    example: Any = {"requests": [{"model": MODELS[0].path, **_key_example(MODELS[0])}]}
    several: Any = (list[question], Field(min_length=1, max_length=MOST_AT_ONCE))
    kind: type[BatchBody] = create_model("Batch", __base__=BatchBody, __doc__=BatchBody.__doc__, requests=several)
    kind.model_config = ConfigDict(**{**BatchBody.model_config, "json_schema_extra": {"examples": [example]}})
    kind.model_rebuild(force=True)
    return BatchSchema(kind, TypeAdapter(list[question]), frozenset(spec.path for spec in MODELS))


def name_of(request: Ask) -> str:
    """The model that a question of a batch is for."""
    path: str = request.model  # type: ignore[attr-defined]  # made above
    return path.replace("-", "_")
