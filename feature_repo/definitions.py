"""What `feast apply` sees: our declarations, and what users have applied themselves, which is to stay."""

from typing import Any

from feature_repo.entities import CUSTOMER, REGION
from feature_repo.entities import PROPERTY as HOME
from feature_repo.services import CONTACT_TIMING_V1, MOVE_PROBABILITY_V1, PROPERTY_VALUE_V1, TRANSACTION_TYPE_V1
from feature_repo.store import open_store
from feature_repo.user_objects import mark, user_objects
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

_DECLARED = [globals()[name] for name in __all__]
_users: dict[str, Any] = {}
mark(_DECLARED)


def __dir__() -> list[str]:
    """Feast lists this module and takes each attribute: only then is the registry read."""
    _users.update(user_objects(open_store(), _DECLARED))
    return [*__all__, *_users]


def __getattr__(name: str) -> Any:
    """An object of a user."""
    if name in _users:
        return _users[name]
    raise AttributeError(name)
