"""What the machinery must know of a view whose values are computed. Each transform's file ends with one."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING

from feast import FeatureView

from feature_repo.catalogues import domain_of
from pipelines.raw.contracts import RawTable

if TYPE_CHECKING:  # the transforms import this module
    import ibis
    import pyarrow as pa

    from pipelines.computation.days import Days
    from pipelines.computation.raw_tables import RawTables


@dataclass(frozen=True)
class ViewPipeline:
    """From it derive the view's assets, their dependencies, partitions, freshness and checks.

    How often a view comes, and by when, its own tags say (`feature_repo.cadence`).
    """

    view: FeatureView
    reads: tuple[RawTable, ...]
    """The raw tables, first the one that holds every entity."""
    transform: Callable[[RawTables, Days], ibis.Table | pa.Table]
    """A row for each snapshot of the days asked for, as the view declares; for views of events, for each event."""
    population: Callable[[RawTables, Days], Mapping[int, int]] | None = None
    """How many entities must have a snapshot, by day; none where not every entity has one each day."""

    @property
    def name(self) -> str:
        """The view's."""
        return str(self.view.name)

    @property
    def domain(self) -> str:
        """The view's."""
        return domain_of(self.view)

    @property
    def key(self) -> str:
        """The join key."""
        return str(self.view.entity_columns[0].name)
