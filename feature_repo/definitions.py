"""What `feast apply` sees: our declarations, and what users have applied themselves, which is to stay."""

from pathlib import Path
from typing import Any

from feature_repo.entities import ENTITIES
from feature_repo.home import home as home_folder
from feature_repo.services import SERVICES
from feature_repo.sources import in_home
from feature_repo.store import open_store
from feature_repo.user_objects import mark, user_objects
from feature_repo.views import VIEWS

_objects: dict[str, Any] = {}
mark(each for catalogue in (ENTITIES, VIEWS, SERVICES) for each in catalogue.own)


def objects_in(home: Path) -> list[Any]:
    """The active declarations as they are registered in a home."""
    return in_home([*ENTITIES, *VIEWS, *SERVICES], home)


def __dir__() -> list[str]:
    """Feast lists this module and takes each attribute: only then is the home looked for, and its registry read."""
    home = home_folder()
    declared = objects_in(home)
    _objects.clear()
    _objects.update({f"declared_{type(item).__name__}_{item.name}": item for item in declared})
    _objects.update(user_objects(open_store(home), declared))
    return list(_objects)


def __getattr__(name: str) -> Any:
    """A declared object in the home that Feast works on, or one of a user."""
    if name in _objects:
        return _objects[name]
    raise AttributeError(name)
