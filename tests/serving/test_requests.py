"""What a request may say follows from its model's specification, in a batch as alone."""

from __future__ import annotations

import pytest
from pydantic import ValidationError

from serving.requests import Batch, name_of, request_type
from training.models import MODELS


@pytest.mark.parametrize("spec", MODELS, ids=lambda spec: spec.name)
def test_a_request_may_say_what_its_model_reads_and_what_its_task_takes(spec):
    own = {each.name for each in spec.request} | ({"level"} if spec.task.is_regression else set())
    assert set(request_type(spec).model_fields) == {"entity_id", "as_of", "features", "explain"} | own


def test_questions_of_a_batch_are_of_the_type_of_their_model():
    batch = Batch.model_validate(
        {"requests": [{"model": "property-value", "entity_id": "1", "months_ahead": 3, "level": 0.9}]}
    )
    (question,) = batch.requests
    assert (name_of(question), question.months_ahead, question.level) == ("property_value", 3.0, 0.9)


def test_a_field_of_another_model_is_refused():
    with pytest.raises(ValidationError, match="months_ahead"):
        Batch.model_validate({"requests": [{"model": "move-probability", "entity_id": "1", "months_ahead": 3}]})


@pytest.mark.parametrize(
    ("question", "field", "reason"),
    [
        ({"entity_id": "1"}, "requests.1.model", "Field required"),
        ({"entity_id": "1", "model": "weather"}, "requests.1.model", "Input should be one of 'move-probability', "),
        ({"entity_id": "x", "model": "property-value"}, "requests.1.entity_id", "String should match pattern"),
        (
            {"entity_id": "1", "model": "contact-timing", "months_ahead": 3},
            "requests.1.months_ahead",
            "Extra inputs are not permitted",
        ),
    ],
)
def test_what_is_wrong_in_a_batch_is_told_by_its_field(client, question, field, reason):
    good = {"model": "move-probability", "entity_id": "1"}
    reply = client.post("/v1/predict/batch", json={"requests": [good, question]})
    assert reply.status_code == 422
    (fault,) = reply.json()["errors"]
    assert fault["field"] == field
    assert fault["reason"].startswith(reason)
