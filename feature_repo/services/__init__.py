"""What each model reads: one service a file, its features one by one, in the order of the model's inputs.

The scorer is given one id, of the model's own entity, and the moment asked about (`request_timestamp`). A service
may therefore read only views of that one entity, and the temporal view. To train on another view nonetheless, such as
`market`, ask for it by feature reference with its key in each entity row.

A service is frozen once a model of it has been registered: a new feature means a new version of the service.
"""

from __future__ import annotations

from feature_repo.services.contact_timing import CONTACT_TIMING_V1
from feature_repo.services.move_probability import MOVE_PROBABILITY_V1
from feature_repo.services.property_value import PROPERTY_VALUE_V1
from feature_repo.services.transaction_type import TRANSACTION_TYPE_V1

__all__ = ["CONTACT_TIMING_V1", "MOVE_PROBABILITY_V1", "PROPERTY_VALUE_V1", "SERVICES", "TRANSACTION_TYPE_V1"]

SERVICES = (MOVE_PROBABILITY_V1, TRANSACTION_TYPE_V1, CONTACT_TIMING_V1, PROPERTY_VALUE_V1)
