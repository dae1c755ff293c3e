"""What `feast apply` sees: imports, and nothing else."""

from feature_repo.entities import CUSTOMER, REGION
from feature_repo.entities import PROPERTY as HOME
from feature_repo.services import CONTACT_TIMING_V1, MOVE_PROBABILITY_V1, PROPERTY_VALUE_V1, TRANSACTION_TYPE_V1
from feature_repo.views import BEHAVIOURAL, MARKET, PROPERTY, TEMPORAL, TRANSACTIONAL

__all__ = [
    "BEHAVIOURAL",
    "CONTACT_TIMING_V1",
    "CUSTOMER",
    "HOME",
    "MARKET",
    "MOVE_PROBABILITY_V1",
    "PROPERTY",
    "PROPERTY_VALUE_V1",
    "REGION",
    "TEMPORAL",
    "TRANSACTIONAL",
    "TRANSACTION_TYPE_V1",
]
