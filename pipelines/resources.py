"""What assets are given: the places and engines of one installation."""

from dataclasses import dataclass
from pathlib import Path

import dagster as dg

from feature_repo.settings import PlatformSettings
from pipelines.engine import Engine, engine_from
from pipelines.raw.mapping import MappingFile, read_mapping
from pipelines.raw.sources import RawSource, open_source
from pipelines.raw.store import RawStore
from pipelines.snapshots import SnapshotStore


@dataclass(frozen=True)
class Installation:
    """What the settings say, as the assets need it."""

    settings: PlatformSettings

    @property
    def home(self) -> Path:
        """The folder that all state lives under."""
        return self.settings.home

    @property
    def raw(self) -> RawStore:
        """Loaded raw tables."""
        return RawStore(self.home)

    @property
    def snapshots(self) -> SnapshotStore:
        """Computed features."""
        return SnapshotStore(self.home)

    def training_set(self, model: str) -> Path:
        """Where the training rows of a model lie."""
        return self.home / "training_sets" / f"{model}.parquet"

    @property
    def engine(self) -> Engine:
        """What computes."""
        return engine_from(self.settings)

    @property
    def mapping(self) -> MappingFile | None:
        """How tables of one's own become the raw tables."""
        return read_mapping(self.settings.mapping) if self.settings.mapping else None

    @property
    def source(self) -> RawSource:
        """Where raw data comes from: the synthetic world, unless a setting names another place."""
        mapping = self.mapping
        return open_source(
            self.settings.source or self.home / "world", encoding=mapping.encoding if mapping else "utf-8"
        )

    @property
    def max_drop(self) -> float:
        """The share of the good rows loaded before that a load may take away."""
        return self.settings.max_drop

    @property
    def accepted_changes(self) -> tuple[str, ...]:
        """Columns of raw tables, as in deals.price, whose values may jump from those loaded before."""
        return self.settings.accept_change

    @property
    def allowed_empty(self) -> tuple[str, ...]:
        """Raw tables that features are computed from although every row of them was refused."""
        return self.settings.allow_empty

    @property
    def webhook(self) -> str | None:
        """Where failures are posted, if anywhere."""
        return self.settings.webhook


# What an asset's signature names, so that Dagster hands it the installation.
Platform = dg.ResourceParam[Installation]
