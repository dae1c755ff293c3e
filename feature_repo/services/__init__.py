"""What each model reads: one service a file, its features one by one, in the order of the model's inputs.

The scorer is given the keys of the model's own entities, and the moment of the request (`request_timestamp`). A service
reads views of these entities, the temporal view, and views whose key is a feature of another view that it reads: such a
feature is looked up first, and leads on; it is no input of the model.

A service is frozen once a model of it has been registered: a new feature means a new version of the service. The
versions before stay, for the models that read them.
"""

from __future__ import annotations

from feast import FeatureService

from feature_repo.catalogues import Catalogue
from feature_repo.services.contact_timing import CONTACT_TIMING_V1
from feature_repo.services.move_probability import MOVE_PROBABILITY_V1
from feature_repo.services.property_value import PROPERTY_VALUE_V1, PROPERTY_VALUE_V2
from feature_repo.services.transaction_type import TRANSACTION_TYPE_V1

__all__ = [
    "CONTACT_TIMING_V1",
    "MOVE_PROBABILITY_V1",
    "PROPERTY_VALUE_V1",
    "PROPERTY_VALUE_V2",
    "SERVICES",
    "TRANSACTION_TYPE_V1",
]

SERVICES = Catalogue(
    "SERVICES",
    (MOVE_PROBABILITY_V1, TRANSACTION_TYPE_V1, CONTACT_TIMING_V1, PROPERTY_VALUE_V1, PROPERTY_VALUE_V2),
    FeatureService,
)
