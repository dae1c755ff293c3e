"""Registered models read these services: what is in one never changes. A new feature means a new version."""

from __future__ import annotations

import hashlib

import pytest
from feast import FeatureService

from feature_repo.services import SERVICES

FROZEN = {
    "move_probability_v1": "6d6679657db3f662",
    "transaction_type_v1": "6d6679657db3f662",
    "contact_timing_v1": "828014b58b8494b4",
    "property_value_v1": "66cdb0fba433504b",
    "property_value_v2": "c1ceea7db3e7570d",
}


def features_hash(service: FeatureService) -> str:
    listed = "\n".join(
        f"{projection.name}:{field.name}:{field.dtype}"
        for projection in service.feature_view_projections
        for field in projection.features
    )
    return hashlib.sha256(listed.encode()).hexdigest()[:16]


@pytest.mark.parametrize("service", SERVICES, ids=lambda service: service.name)
def test_a_service_lists_what_it_listed_when_it_was_registered(service):
    assert service.name in FROZEN, f"{service.name} is new: freeze it with {features_hash(service)!r}"
    assert features_hash(service) == FROZEN[service.name], (
        f"{service.name} lists other features than the models that were registered with it read: leave it as it was, "
        f"and declare a new version of the service"
    )
