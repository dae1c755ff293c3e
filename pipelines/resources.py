"""What assets are given: the places and engines that the environment names."""

import os
from pathlib import Path

import dagster as dg

from feature_repo.console import comma_separated
from feature_repo.home import home
from pipelines.engine import Engine, engine_from
from pipelines.inputs import ALLOW_EMPTY
from pipelines.raw.load import LoadOptions
from pipelines.raw.mapping import MappingFile, read_mapping
from pipelines.raw.sources import RawSource, open_source
from pipelines.raw.store import RawStore
from pipelines.snapshots import SnapshotStore


class Platform(dg.ConfigurableResource["Platform"]):
    """This installation. Everything comes from the environment at the moment of use, so that a run sees it as it is."""

    @property
    def home(self) -> Path:
        """The folder that all state lives under."""
        return home()

    @property
    def raw(self) -> RawStore:
        """Loaded raw tables."""
        return RawStore(self.home)

    @property
    def snapshots(self) -> SnapshotStore:
        """Computed features."""
        return SnapshotStore(self.home)

    def training_set(self, model: str) -> Path:
        """Where the rows that a model learns from lie."""
        return self.home / "training_sets" / f"{model}.parquet"

    @property
    def engine(self) -> Engine:
        """What computes."""
        return engine_from(os.environ)

    @property
    def mapping(self) -> MappingFile | None:
        """How tables of one's own become the raw tables."""
        file = os.environ.get("TIDEMARK_MAPPING")
        return read_mapping(Path(file)) if file else None

    @property
    def source(self) -> RawSource:
        """Where raw data comes from: the synthetic world, unless a setting names another place."""
        mapping = self.mapping
        return open_source(
            os.environ.get("TIDEMARK_SOURCE") or self.home / "world", encoding=mapping.encoding if mapping else "utf-8"
        )

    @property
    def max_drop(self) -> float:
        """The share of the good rows loaded before that a load may take away."""
        return float(os.environ.get("TIDEMARK_MAX_DROP") or LoadOptions.max_drop)

    @property
    def accepted_changes(self) -> tuple[str, ...]:
        """Columns of raw tables, as in deals.price, whose values may jump from those loaded before."""
        return tuple(comma_separated(os.environ.get("TIDEMARK_ACCEPT_CHANGE")))

    @property
    def allowed_empty(self) -> tuple[str, ...]:
        """Raw tables that features are computed from although every row of them was refused."""
        return tuple(name.strip() for name in os.environ.get(ALLOW_EMPTY, "").split(","))

    @property
    def webhook(self) -> str | None:
        """Where failures are told, if anywhere."""
        return os.environ.get("TIDEMARK_WEBHOOK")
