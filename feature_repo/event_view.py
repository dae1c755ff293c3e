"""A view of events: one function makes its features of an entity's recent events, in training and in an answer.

Offline the events come from a raw table, online from the entity's state and the request; both are encoded here, and
nowhere else.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any, Protocol

import pyarrow as pa
from feast import FeatureView

from feature_repo.stores.events.as_known import Columns
from feature_repo.stores.events.record import EventSchema, Integers
from feature_repo.stores.events.slices import EventWindow, Slices


class Described(Protocol):
    """What the function reads of the events that it computes features of, as columns."""

    def take(self, rows: Integers) -> Described:
        """Some of them, by number."""


@dataclass(frozen=True)
class EventView:
    """The declaration. `encode` and `describe` take tables with the columns of the raw table."""

    view: FeatureView
    """Its first entity is the one whose events count, its second the event itself."""
    schema: EventSchema
    """What is kept of each event."""
    window: EventWindow
    """How far back the events reach, and how many they are at most."""
    encode: Callable[[pa.Table], Mapping[str, Integers]]
    """The fields of the schema."""
    describe: Callable[[pa.Table], Any]
    """The events that features are computed of, as `Described`."""
    compute: Callable[[Slices, Any], Columns]
    """The features of described events over the slices of events before them."""

    @property
    def entity_key(self) -> str:
        """The join key of the entity whose events count."""
        return str(self.view.entity_columns[0].name)

    @property
    def event_key(self) -> str:
        """The join key of the event itself."""
        return str(self.view.entity_columns[1].name)
