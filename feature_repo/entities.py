"""What features are about."""

from __future__ import annotations

from feast import Entity, Field, ValueType
from feast.types import Int64

CUSTOMER = Entity(
    name="customer", join_keys=["customer_id"], value_type=ValueType.INT64, description="A person we serve."
)
PROPERTY = Entity(
    name="property", join_keys=["property_id"], value_type=ValueType.INT64, description="A home, or a piece of land."
)
REGION = Entity(
    name="region", join_keys=["region_id"], value_type=ValueType.INT64, description="A housing market of its own."
)


def join_key(entity: Entity) -> Field:
    """The entity's column in a view's schema: without it Feast would look into the files for it."""
    return Field(name=entity.join_key, dtype=Int64, description=entity.description)
