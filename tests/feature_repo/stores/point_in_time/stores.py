"""The offline stores that the kit asks, each as a Feast project would name it."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class Store:
    """An offline store by its section in feature_store.yaml: its type, and settings of its own."""

    name: str
    type: str
    settings: tuple[tuple[str, object], ...] = ()
    # What its own code makes libraries warn of, as pytest's filters; no concern of the answer.
    warns: tuple[str, ...] = ()

    @property
    def config(self) -> dict[str, object]:
        """The section `offline_store`."""
        return {"type": self.type, **dict(self.settings)}

    @property
    def always_by_knowledge_time(self) -> bool:
        """Whether the cutoff is the store's own setting, so that Feast's argument need not ask for it."""
        return ASOF_CUTOFF in self.settings


# The knowledge-time cutoff by the store's own setting instead of Feast's argument.
ASOF_CUTOFF = ("known_by_created_timestamp", True)
ASOF = Store("asof", "feature_repo.stores.offline.AsofOfflineStore")
ASOF_KNOWN = Store("asof, set to knowledge time", ASOF.type, (ASOF_CUTOFF,))
ASOF_IN_BLOCKS = Store("asof, two rows at a time", ASOF.type, (("block_rows", 2),))
DUCKDB = Store("duckdb", "duckdb")
DASK = Store(
    "dask",
    "dask",
    warns=(
        "ignore:Merging dataframes with merge column data type mismatches:UserWarning",
        "ignore:Downcasting object dtype arrays on .fillna:FutureWarning",
    ),
)

STORES = (ASOF, DUCKDB, DASK)
STOCK = (DUCKDB, DASK)
