"""What `feast apply` sees: our declarations, and what users have applied themselves, which is to stay."""

from pathlib import Path
from typing import Any

from feature_repo.entities import CUSTOMER, REGION
from feature_repo.entities import PROPERTY as HOME
from feature_repo.home import home as home_folder
from feature_repo.services import CONTACT_TIMING_V1, MOVE_PROBABILITY_V1, PROPERTY_VALUE_V1, TRANSACTION_TYPE_V1
from feature_repo.sources import in_home
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
_objects: dict[str, Any] = {}
mark(_DECLARED)


def objects_in(home: Path) -> list[Any]:
    """Our declarations as they are registered in a home."""
    return in_home(_DECLARED, home)


def __dir__() -> list[str]:
    """Feast lists this module and takes each attribute: only then is the home looked for, and its registry read."""
    home = home_folder()
    declared = objects_in(home)
    _objects.clear()
    _objects.update({f"declared_{name}": item for name, item in zip(__all__, declared, strict=True)})
    _objects.update(user_objects(open_store(home), declared))
    return list(_objects)


def __getattr__(name: str) -> Any:
    """A declared object in the home that Feast works on, or one of a user."""
    if name in _objects:
        return _objects[name]
    raise AttributeError(name)
