"""What features are about."""

from __future__ import annotations

from feast import Entity, Field, ValueType
from feast.types import Int64, String

from feature_repo.catalogues import Catalogue

CUSTOMER = Entity(
    name="customer", join_keys=["customer_id"], value_type=ValueType.INT64, description="A person we serve."
)
PROPERTY = Entity(
    name="property", join_keys=["property_id"], value_type=ValueType.INT64, description="A home, or a piece of land."
)
REGION = Entity(
    name="region", join_keys=["region_id"], value_type=ValueType.INT64, description="A housing market of its own."
)


ENTITIES = Catalogue("ENTITIES", (CUSTOMER, PROPERTY, REGION), Entity, has_domain=False)

_TYPES = {ValueType.INT64: Int64, ValueType.STRING: String}


def join_key(entity: Entity) -> Field:
    """The entity's column in a view's schema: without it Feast would look into the files for it."""
    if entity.value_type not in _TYPES:
        raise ValueError(f"entity {entity.name!r}: expected a key of type int64 or string, found {entity.value_type}")
    return Field(name=entity.join_key, dtype=_TYPES[entity.value_type], description=entity.description)


def is_text(entity: Entity) -> bool:
    """Whether the entity's key is a string, and no whole number."""
    return bool(entity.value_type == ValueType.STRING)
