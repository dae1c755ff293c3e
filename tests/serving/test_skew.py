"""The past is answered with the very features that a training set has for that row."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest

from feature_repo.store import open_store
from serving.feature_matrix import feature_matrix
from serving.models import Models
from serving.past_lookup import read_past
from serving.request_validation import RequestGroup, ValidRequest
from training.dataset import training_set


@pytest.mark.parametrize("name", ["move_probability", "transaction_type", "property_value"])
def test_what_is_served_of_the_past_is_what_training_saw(settings, name):
    store = open_store()
    models = Models(settings, store)
    models.refresh()
    model = models.of(name)
    rows = training_set(name, at_most=2000, home=settings.home).table
    (key,) = model.spec.join_keys
    ids, moments = rows[key].to_pylist(), rows["event_timestamp"].to_pylist()
    given = rows.select(list(model.spec.label.extra)).to_pylist() or [{} for _ in ids]
    requests = [
        ValidRequest(
            model.request_type.model_construct(entity_id=str(entity), **inputs), 0.0, (entity,), moment, is_past=True
        )
        for entity, moment, inputs in zip(ids, moments, given, strict=True)
    ]
    served = feature_matrix(read_past(store, RequestGroup(model, requests))).rows
    np.testing.assert_array_equal(served, model.artifact.card.inputs.matrix(rows))
    assert len(ids) > 300


def test_the_past_over_http_is_what_training_saw(client, settings):
    own = training_set("move_probability", at_most=40, home=settings.home)
    artifact_inputs = client.get("/v1/models/move-probability").json()["inputs"]
    for row in own.table.to_pylist():
        body = {"entity_id": str(row["customer_id"]), "as_of": row["event_timestamp"].isoformat()}
        found = client.post("/v1/features/move_probability_v1", json=body)
        if found.status_code == 404:  # no snapshot had been promised by then
            assert all(
                pd.isna(row[one["name"]]) for one in artifact_inputs if one["view"] in ("behavioural", "transactional")
            )
            continue
        for name, value in found.json()["features"].items():
            assert value == row[name] or (value is None and pd.isna(row[name])), name
