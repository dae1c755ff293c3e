"""What features are about."""

from __future__ import annotations

from feast import Entity, FeatureView, Field, ValueType
from feast.feature_view import DUMMY_ENTITY_NAME
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
ACCOUNT = Entity(
    name="account", join_keys=["account_id"], value_type=ValueType.INT64, description="Where money lies or is owed."
)
TRANSACTION = Entity(
    name="transaction", join_keys=["transaction_id"], value_type=ValueType.INT64, description="A movement of money."
)


_TYPES = {ValueType.INT64: Int64, ValueType.STRING: String}


def _type_fault(entity: Entity) -> str:
    if entity.value_type in _TYPES:
        return ""
    return f"entity {entity.name!r}: expected a key of type int64 or string, found {entity.value_type.name.lower()}"


ENTITIES = Catalogue("ENTITIES", (CUSTOMER, PROPERTY, REGION), Entity, has_domain=False, check=_type_fault)


def join_key(entity: Entity) -> Field:
    """The entity's column in a view's schema: without it Feast would look into the files for it."""
    if fault := _type_fault(entity):
        raise ValueError(fault)
    return Field(name=entity.join_key, dtype=_TYPES[entity.value_type], description=entity.description)


def key_type_fault(view: FeatureView) -> str:
    """Why a view's keys cannot be looked up: one has no type, or another one than requests can give; else empty."""
    named = [name for name in view.entities if name != DUMMY_ENTITY_NAME]
    if len(view.entity_columns) < len(named):
        columns = ", ".join(column.name for column in view.entity_columns) or "none"
        return (
            f"{view.name!r}: expected the key of each of its entities ({', '.join(named)}) as a field of its schema, "
            f"found {columns}: put `join_key(ENTITY)` into the schema"
        )
    for column in view.entity_columns:
        if column.dtype not in _TYPES.values():
            return (
                f"{view.name!r}: entity {', '.join(named)}: expected the key {column.name} of type int64 or "
                f"string, found {column.dtype.to_value_type().name.lower()}"
            )
    return ""


def is_text(entity: Entity) -> bool:
    """Whether the entity's key is a string, and no whole number."""
    return bool(entity.value_type == ValueType.STRING)
